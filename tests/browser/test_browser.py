"""The dashboard in a real browser, against a running server: the specs in ``dashboard/e2e``."""

import datetime as dt
import json
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from random import Random
from typing import Any

import httpx
import pytest
from sign_in_issuer import CLIENT_ID, SignInIssuer

from cloudpulse.events.codec import encode_event
from cloudpulse.events.synthetic import history
from live_server import Server, event, eventually
from oidc_server import AUDIENCE

FAULTS = Path(__file__).parents[1] / "crash" / "faults"
POISON = "visitor-of-the-shop"
VISIT, VISITOR = "visit-of-ada-lovelace", "ada"
READER = {"email": "reader@example.com", "password": "correct horse battery"}
EVENTS, DAYS = 3_000, 3
QUIET = dt.timedelta(hours=2)
"""Nothing of the past leaves the live numbers while a spec looks at them."""
SPECS_SECONDS = 240


@pytest.fixture
def faults(tmp_path, monkeypatch) -> Path:
    """A folder in which a file is a fault of the server."""
    folder = tmp_path / "faults"
    folder.mkdir()
    monkeypatch.setenv("PYTHONPATH", str(FAULTS))
    monkeypatch.setenv("CRASH_FAULTS", str(folder))
    return folder


@pytest.fixture
def server(faults, tmp_path) -> Iterator[Server]:
    """Where people sign in by password."""
    server = Server(tmp_path / "data", lake_commit_seconds=1, sign_ins_per_minute=10_000)
    yield server
    assert server.stop() == 0, server.log()


@pytest.fixture
def issuer() -> Iterator[SignInIssuer]:
    issuer = SignInIssuer()
    yield issuer
    issuer.close()


@pytest.fixture
def elsewhere(issuer, tmp_path) -> Iterator[Server]:
    """A server whose people sign in at the issuer."""
    others = {"oidc_issuer": issuer.url, "oidc_audience": AUDIENCE, "oidc_client_id": CLIENT_ID}
    server = Server(tmp_path / "elsewhere", **others)
    yield server
    assert server.stop() == 0, server.log()


def fill(client: httpx.Client, faults: Path) -> None:
    """Three days of traffic, a visit of a moment ago, a reader, and a dead letter."""
    end = dt.datetime.now(dt.UTC) - QUIET
    past = map(encode_event, history(Random(7), end - dt.timedelta(days=DAYS), end, EVENTS))
    while lines := list(islice(past, 1_000)):
        send(client, b"\n".join(lines))
    visit = [("page_view", {"page": "/pricing"}), ("click", {"element": "buy"}), ("error", {"message": "Card refused"})]
    for event_type, properties in visit:
        send(client, json.dumps(event(VISIT, event_type, user_id=VISITOR, properties=properties)).encode())
    assert client.post("/v1/users", json=READER).status_code == 201
    (faults / "poison.lake").touch()
    send(client, json.dumps(event(POISON)).encode())
    eventually(lambda: client.get("/v1/dlq").json()["letters"])
    (faults / "poison.lake").unlink()


def send(client: httpx.Client, lines: bytes) -> None:
    answer = client.post("/v1/events/batch", content=lines, headers={"Content-Type": "application/x-ndjson"})
    assert answer.status_code == 200, answer.text


def test_the_dashboard_in_a_browser(npm, chromium, server, faults, elsewhere, issuer):
    first = json.loads((server.data / "first-login").read_text())
    with server.client() as client:
        fill(client, faults)
    world: dict[str, Any] = {
        "url": server.url,
        "elsewhereUrl": elsewhere.url,
        "admin": {"email": first["email"], "password": first["password"]},
        "reader": READER,
        "client": {"client_id": first["client_id"], "client_secret": first["client_secret"]},
        "session": VISIT,
        "user": VISITOR,
    }
    npm("e2e", seconds=SPECS_SECONDS, E2E_WORLD=json.dumps(world), CHROMIUM=chromium)
    assert issuer.grants.count("refresh_token") > 0
