"""No route that is protected answers without a token of its scope."""

import re

import httpx
import pytest

from live_server import today

QUERY = {"query_type": "event_count", "date_from": today(), "date_to": today()}
WRITE = ["/v1/events", "/v1/events/batch", "/v1/collect", "/v1/event"]
READ = [
    "/v1/query",
    "/v1/query/sql/schema",
    "/v1/query/named",
    "/v1/query/named/nobody",
    "/v1/events",
    "/v1/realtime",
    "/v1/realtime/stream",
    "/v1/events/stream",
    "/v1/summaries/2026-03-09",
    "/v1/reconciliation",
    "/v1/events/01a1f8ae-942c-71d8-b8b0-809fda29c80e",
]
ADMIN = [
    "/v1/clients",
    "/v1/write-keys",
    "/v1/users",
    "/v1/ledger",
    "/v1/dlq",
    "/v1/jobs",
    "/v1/alarms",
    "/v1/health/history",
]
WELL_KNOWN = ["/.well-known/jwks.json", "/.well-known/openid-configuration"]
OPEN = ["/healthz", "/readyz", "/metrics", "/docs", "/v1/openapi.json", "/v1/config", *WELL_KNOWN]
FOR_CREDENTIALS = ["/v1/token", "/v1/auth/login", "/v1/auth/refresh", "/v1/auth/logout"]
PROTECTED = [
    *[("POST", path, "events:write") for path in WRITE],
    *[("GET", path, "events:read") for path in READ],
    ("POST", "/v1/query/sql", "events:read"),
    ("GET", "/v1/users/nobody/activity", "events:read"),
    ("GET", "/v1/workflows", "admin"),
    ("POST", "/v1/workflows/nobody", "admin"),
    ("GET", "/v1/workflows/nobody", "admin"),
    ("POST", "/v1/workflows/nobody/retry", "admin"),
    *[("GET", path, "admin") for path in ADMIN],
    ("POST", "/v1/clients", "admin"),
    ("PATCH", "/v1/clients/nobody", "admin"),
    ("POST", "/v1/clients/nobody/rotate", "admin"),
    ("DELETE", "/v1/clients/nobody", "admin"),
    ("POST", "/v1/write-keys", "admin"),
    ("PATCH", "/v1/write-keys/nobody", "admin"),
    ("POST", "/v1/write-keys/nobody/rotate", "admin"),
    ("DELETE", "/v1/write-keys/nobody", "admin"),
    ("POST", "/v1/rotate", "admin"),
    ("GET", "/v1/dlq/nobody", "admin"),
    ("POST", "/v1/dlq/redrive", "admin"),
    ("DELETE", "/v1/dlq/nobody", "admin"),
    ("POST", "/v1/erase", "admin"),
    ("GET", "/v1/erase/nobody", "admin"),
    ("POST", "/v1/jobs/nobody/run", "admin"),
    ("GET", "/v1/jobs/nobody/history", "admin"),
    ("GET", "/v1/jobs/nobody/history/nobody", "admin"),
    ("POST", "/v1/users", "admin"),
    ("PATCH", "/v1/users/nobody", "admin"),
    ("POST", "/v1/users/nobody/rotate", "admin"),
    ("DELETE", "/v1/users/nobody", "admin"),
]
SCOPES = ("events:write", "events:read", "admin")


@pytest.fixture(scope="module")
def lacking(server) -> dict[str, dict[str, str]]:
    """By scope: headers with a token of all scopes but this."""
    found = {}
    for scope in SCOPES:
        others = [part for other in SCOPES if other != scope for part in ("--scope", other)]
        found[scope] = {"Authorization": f"Bearer {server.cli('token', *others).strip()}"}
    return found


@pytest.mark.parametrize(("method", "path", "scope"), PROTECTED)
def test_a_protected_route(server, lacking, method, path, scope):
    bad = lacking[scope]["Authorization"][:-6] + "AAAAAA"
    for headers in ({}, {"Authorization": bad}, {"Authorization": "Basic eDp5"}):
        answer = httpx.request(method, server.url + path, headers=headers, params=QUERY)
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"].startswith("Bearer")
        assert answer.json()["code"] == "unauthorized"
    answer = httpx.request(method, server.url + path, headers=lacking[scope], params=QUERY)
    assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")


def test_every_route_is_known_here_as_open_or_protected(client):
    """A new route joins one of the lists above."""
    paths = client.get("/v1/openapi.json").json()["paths"]
    secured = {
        (method.upper(), re.sub(r"{\w+}", "nobody", path))
        for path, item in paths.items()
        for method, one in item.items()
        if is_protected(one)
    }
    parameters = re.compile(r"(?<=/events/)01.+|(?<=/summaries/).+")
    listed = {(method, parameters.sub("nobody", path)) for method, path, _ in PROTECTED}
    assert listed == secured
    free = {path for path, item in paths.items() if not all(map(is_protected, item.values()))}
    assert free <= {*OPEN, *FOR_CREDENTIALS}


def is_protected(operation):
    return any("bearer" in way for way in operation.get("security", ()))


@pytest.mark.parametrize("path", OPEN)
def test_an_open_route(server, path):
    assert httpx.get(server.url + path).status_code == 200


def test_the_first_client_gets_a_token_that_works(server):
    first = (server.data / "first-login").read_text()
    assert (server.data / "first-login").stat().st_mode & 0o777 == 0o600
    credentials = httpx.Response(200, text=first).json()
    answer = httpx.post(f"{server.url}/v1/token", data=credentials)
    assert answer.status_code == 200, answer.text
    token = {"Authorization": f"Bearer {answer.json()['access_token']}"}
    assert httpx.get(f"{server.url}/v1/query", headers=token, params=QUERY).status_code == 200
