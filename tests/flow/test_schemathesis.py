"""Every operation of the OpenAPI document answers as the document says, whatever it is asked."""

from collections.abc import Iterator
from types import SimpleNamespace

import msgspec
import pytest
import requests
import schemathesis
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from cloudpulse.api.app import create_app
from cloudpulse.api.docs import document
from cloudpulse.settings import Settings
from live_server import Server

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
EXAMPLES = 20
"""Random requests per operation, beside some hundred that walk along the bounds of every parameter and field."""

CONFIG = {
    "seed": 1,
    "request-timeout": 20,
    "max-stream-events": 1,
    "generation": {
        "deterministic": True,
        "database": "none",
        "max-examples": EXAMPLES,
        "with-security-parameters": False,
    },
}
app = create_app(SimpleNamespace(settings=Settings()))
described = schemathesis.openapi.from_dict(document(app), config=schemathesis.Config.from_dict(CONFIG))


@schemathesis.serializer("application/x-ndjson")
def as_a_line(context, value):
    return msgspec.json.encode(value) + b"\n"


@pytest.fixture(scope="module")
def own(start_server) -> Server:
    """A server that nobody else asks; the limit of sign-ins would answer in the place of the routes."""
    return start_server(lake_commit_seconds=1, sign_ins_per_minute=1_000_000)


@pytest.fixture(scope="module")
def session(own: Server) -> Iterator[requests.Session]:
    with requests.Session() as session:
        session.headers["Authorization"] = f"Bearer {own.cli('token').strip()}"
        yield session


@described.parametrize()
def test_an_operation_answers_as_it_is_described(case, own, session):
    case.call_and_validate(base_url=own.url, session=session, checks=CHECKS)


def test_the_server_serves_the_document_that_was_tested(client):
    assert client.get("/v1/openapi.json").json() == msgspec.json.decode(msgspec.json.encode(document(app)))
