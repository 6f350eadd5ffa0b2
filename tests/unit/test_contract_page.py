"""What the contract names is there, and what is there beside it is said to be so in docs/api.md."""

import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from cloudpulse.api.app import create_app
from cloudpulse.settings import Settings

ROOT = Path(__file__).parents[2]
PAGE = ROOT.parent / "shared" / "API.md"
METHODS = r"(?:GET|POST|PUT|PATCH|DELETE)"

pytestmark = pytest.mark.skipif(not PAGE.exists(), reason="the contract is kept beside the repository: shared/API.md")

Routes = dict[str, set[str]]
"""``GET /v1/dlq/{}`` → the names of its query parameters."""


def named_routes(text: str) -> Routes:
    """The routes that stand as code in a text; ``GET|POST /v1/clients`` are two."""
    found: Routes = {}
    for code in re.findall(r"`([^`]+)`", re.sub(r"```.*?```", "", text, flags=re.DOTALL)):
        if match := re.fullmatch(rf"({METHODS}(?:\|{METHODS})*) (/[^\s?\[]+)(.*)", code):
            for method in match[1].split("|"):
                route = f"{method} {re.sub(r'{[^}]+}', '{}', match[2])}"
                found.setdefault(route, set()).update(re.findall(r"[?&](\w+)", match[3]))
    return found


@pytest.fixture(scope="module")
def page() -> str:
    return PAGE.read_text()


@pytest.fixture(scope="module")
def promised(page: str) -> Routes:
    routes = named_routes(page)
    assert "the same for `/v1/users`" in page
    routes |= {route.replace("/clients", "/users"): set() for route in routes if " /v1/clients" in route}
    # "filters `app source …`, each an exact value", and the table of query types
    [filters] = re.findall(r"filters `([^`]+)`", page)
    in_table = {name for row in query_types(page) for name in re.findall(r"`(\w+)(?:=[^`]*)?`", row[2])}
    routes["GET /v1/query"] |= {*filters.split(), *in_table}
    # "the same object" and "same filters"
    routes["GET /v1/realtime/stream"] |= routes["GET /v1/realtime"]
    routes["GET /v1/events/stream"] |= routes["GET /v1/events"] & {*filters.split(), "event_type"}
    return routes


def query_types(page: str) -> list[list[str]]:
    """The cells of the table of query types."""
    [table] = re.findall(r"\| `query_type` .*?\n\|[-|]+\n((?:\|.*\n)+)", page)
    return [re.split(r"(?<!\\)\|", line.strip("|")) for line in table.splitlines()]


@pytest.fixture(scope="module")
def described() -> dict[str, Any]:
    """The operations of the OpenAPI document."""
    document = create_app(SimpleNamespace(settings=Settings())).openapi_schema.to_schema()
    return {
        f"{method.upper()} {re.sub(r'{[^}]+}', '{}', path)}": operation
        for path, operations in document["paths"].items()
        for method, operation in operations.items()
    }


def parameters(operation: dict[str, Any]) -> dict[str, Any]:
    return {one["name"]: one["schema"] for one in operation.get("parameters", []) if one["in"] == "query"}


def test_the_page_is_understood(promised: Routes) -> None:
    assert len(promised) > 40
    assert promised["GET /v1/realtime"] == {"lookback_minutes"}
    assert promised["GET /v1/query/named/{}"] == {"date_from", "date_to"}
    assert promised["GET /v1/events/stream"] == {"session_id", "user_id", "event_type"}
    assert {"tz", "by", "interval", "app", "page", "limit"} <= promised["GET /v1/query"]
    assert {"POST /v1/users", "DELETE /v1/users/{}", "GET /v1/clients", "POST /v1/clients/{}/rotate"} <= set(promised)


def test_every_promised_route_is_described_with_its_parameters(promised: Routes, described: dict[str, Any]) -> None:
    there = {route: names & set(parameters(described.get(route, {}))) for route, names in promised.items()}
    assert set(promised) - set(described) == set()
    assert there == promised


def test_query_types_and_what_they_take(page: str, described: dict[str, Any]) -> None:
    ours = parameters(described["GET /v1/query"])
    rows = query_types(page)
    assert {re.findall(r"`(\w+)`", row[0])[0] for row in rows} == set(_values(ours["query_type"]))
    promised = {name: values for row in rows for name, values in re.findall(r"`(\w+)=([^`]+)`", row[2])}
    for name, values in promised.items():
        assert set(values.replace("\\", "").split("|")) <= set(_values(ours[name])), name


def _values(schema: dict[str, Any]) -> list[str]:
    found = schema.get("enum") or [value for one in schema["oneOf"] for value in one.get("enum", [])]
    return [value for value in found if value is not None]


def test_what_goes_beyond_the_contract_is_said_to_do_so(promised: Routes, described: dict[str, Any]) -> None:
    text = (ROOT / "docs" / "api.md").read_text()
    beyond = named_routes(text.split("\n## Beyond the contract\n")[1].split("\n## ")[0])
    assert set(described) - set(promised) == set(beyond)
