"""Hostile strings in every place that takes one: they are data or refused, and nothing obeys them."""

import copy
import json
import socket
import uuid
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote, urlsplit

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from live_server import Server, event, eventually, today

MARK = "zqxj"
HOSTILE = [
    f"../../../{MARK}",
    f"/{MARK}/../../etc/passwd",
    f"..%2f..%2f{MARK}\\..\\",
    f"{MARK}' OR '1'='1",
    f"{MARK}'; COPY (SELECT 1) TO '/tmp/{MARK}.csv'; --",
    f'{MARK}") UNION SELECT * FROM read_text("/etc/passwd") --',
    f"read_csv('/etc/{MARK}')",
    f"%{MARK}_*?[a-z]",
    f'=HYPERLINK("http://{MARK}.example","x")',
    f"+{MARK}",
    f"-{MARK}",
    f"@{MARK}",
    f"{MARK}\x00\x07\x08",
    f"\x1b[2J{MARK}\x1b]0;x\x07\x9b31m",
    f'{MARK}\n{{"event": "forged", "level": "info"}}',
    f"{MARK}\r\nX-Injected: 1\r\n\r\n<html>",
    f"\u202e{MARK}\u2066\u200f\ufeff",
    f"{MARK}\ud800",
    f"${{jndi:ldap://{MARK}}}{{{{7*7}}}}%s%n<script>",
    MARK * 500,
]
ORDINARY = {
    "query_type": "event_count",
    "date_from": today(-1),
    "date_to": today(1),
    "event_type": "click",
    "limit": "5",
    "tz": "UTC",
    "lookback_minutes": "5",
    "name": "activity",
}
"""What a parameter has while another one is hostile; the others are left out."""

BODIES: dict[str, Any] = {
    "/v1/events": {
        **event(MARK, "page_view", user_id="u", event_name="n", timestamp="2026-01-01T00:00:00Z"),
        "event_id": str(uuid.UUID(int=7)),
        "properties": {"page": "p", "nested": ["x"]},
        "metadata": {"ip_address": "192.0.2.1", "user_agent": "a", "country": "DE", "referrer": "r"},
    },
    "/v1/event": {"source": "web", "event_type": "Page View", "meta": {"page": "p"}},
    "/v1/token": {
        "client_id": "c",
        "client_secret": "s",
        "grant_type": "client_credentials",
        "audience": "cloudpulse",
        "scope": "events:write",
    },
    "/v1/auth/login": {"email": "nobody@example.org", "password": "nothing at all"},
    "/v1/auth/logout": {"everywhere": True},
    "/v1/clients": {"name": "n", "app": "a", "scopes": ["events:write"]},
    "/v1/clients/{client_id}": {"requests_per_minute": 60},
    "/v1/write-keys": {"name": "n", "app": "a", "origins": ["https://shop.example"]},
    "/v1/write-keys/{key_id}": {"origins": ["https://shop.example"]},
    "/v1/users": {"email": "someone@example.org", "groups": ["events:read"], "password": "a long enough one"},
    "/v1/users/{user_id}": {"groups": ["events:read"]},
    "/v1/users/{user_id}/rotate": {"password": "a long enough one"},
    "/v1/dlq/redrive": {"ids": ["speed:journal:1"], "fingerprint": "f"},
    "/v1/erase": {"session_id": "nobody"},
    "/v1/workflows/{name}": [event(MARK, "Page View")],
    "/v1/query/sql": {"sql": "SELECT 1"},
    "/v1/jobs/{name}/run": {"date_from": "2026-11-19", "date_to": "2026-11-20", "dry_run": True},
}
BODIES["/v1/events/batch"] = BODIES["/v1/collect"] = {"events": [BODIES["/v1/events"]]}
HEADERS = [
    "X-Request-Id",
    "Idempotency-Key",
    "Origin",
    "User-Agent",
    "X-Forwarded-For",
    "Last-Event-ID",
    "Content-Type",
]

hostile = st.sampled_from(HOSTILE) | st.text(st.characters(exclude_categories=()), min_size=1).map(
    lambda text: MARK + text
)


@pytest.fixture(scope="module")
def own(start_server) -> Server:
    return start_server(lake_commit_seconds=1, sign_ins_per_minute=1_000_000)


@pytest.fixture(scope="module")
def http(own) -> Iterator[httpx.Client]:
    with own.client() as http:
        yield http


@pytest.fixture(scope="module")
def operations(http) -> list[tuple[str, str, dict[str, Any]]]:
    paths = http.get("/v1/openapi.json").json()["paths"]
    return [(method.upper(), path, one) for path, item in paths.items() for method, one in item.items()]


@pytest.fixture(scope="module", autouse=True)
def nothing_obeyed(own, http) -> Iterator[None]:
    """After all that: no file has such a name, none lies outside, and the logs are still one object a line."""
    around = sorted(own.data.parent.iterdir())
    greeting = own.log()
    assert http.post("/v1/clients", json={"name": "so that there is an audit log"}).status_code == 201
    yield
    assert sorted(own.data.parent.iterdir()) == around
    assert not [path for path in own.data.rglob("*") if MARK in path.name.lower()]
    logs = own.log().removeprefix(greeting), (own.data / "audit.ndjson").read_text()
    for log in logs:
        assert MARK not in log
        assert all(isinstance(json.loads(line), dict) for line in log.split("\n") if line)


def ask(http: httpx.Client, method: str, url: str, **options: Any) -> None:
    """One request; its answer is an answer of ours, whatever was asked."""
    with http.stream(method, url, **options) as answer:
        text = answer.read().decode() if "content-length" in answer.headers else ""
    told = (method, url[:300], options.get("content", b"")[:300], answer.status_code, text[:300])
    assert answer.status_code < 500, told
    assert "x-injected" not in answer.headers, told
    reflected = {name for name, value in answer.headers.items() if MARK in value.lower()}
    assert reflected <= ({"x-request-id"} if "X-Request-Id" in options["headers"] else set()), told
    if answer.is_client_error:
        body = json.loads(text)
        assert body.get("detail") or body["errors"], told
        assert MARK not in body.get("code", ""), told


def url_of(path: str, parameters: dict[tuple[str, str], str]) -> str:
    """The URL of an operation with (in, name) → value, however broken."""
    query = []
    for (place, name), value in parameters.items():
        quoted = quote(value.encode("utf-8", "surrogatepass"), safe="")
        if place == "path":
            path = path.replace(f"{{{name}}}", quoted)
        else:
            query.append(f"{name}={quoted}")
    return f"{path}?{'&'.join(query)}"


def parameters_of(operation: dict[str, Any]) -> dict[tuple[str, str], str]:
    """Ordinary values of an operation's parameters."""
    described = [(one["in"], one["name"]) for one in operation.get("parameters", ())]
    return {key: ORDINARY.get(key[1], "nobody") for key in described if key[0] == "path" or key[1] in ORDINARY}


def strings_of(body: Any, place: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Where in a body strings stand."""
    members = body.items() if isinstance(body, dict) else enumerate(body) if isinstance(body, list) else ()
    for key, value in members:
        if isinstance(value, str):
            yield (*place, key)
        yield from strings_of(value, (*place, key))


def with_string(body: Any, place: tuple[Any, ...], text: str) -> bytes:
    changed = copy.deepcopy(body)
    at = changed
    for key in place[:-1]:
        at = at[key]
    at[place[-1]] = text
    return json.dumps(changed).encode()


JSON = {"Content-Type": "application/json"}


def fuzz(http: httpx.Client, operations: list[tuple[str, str, dict[str, Any]]], text: str) -> None:
    """Every parameter and every string of a body of every operation is ``text`` once."""
    for method, path, operation in operations:
        ordinary = parameters_of(operation)
        body = json.dumps(BODIES[path]).encode() if "requestBody" in operation else b""
        for parameter in operation.get("parameters", ()):
            url = url_of(path, ordinary | {(parameter["in"], parameter["name"]): text})
            ask(http, method, url, content=body, headers=JSON if body else {})
        for place in strings_of(BODIES[path]) if body else ():
            ask(http, method, url_of(path, ordinary), content=with_string(BODIES[path], place, text), headers=JSON)


@pytest.mark.parametrize("number", range(len(HOSTILE)))
def test_a_hostile_string_in_every_parameter_and_field(http, operations, number):
    fuzz(http, operations, HOSTILE[number])


@settings(max_examples=4, derandomize=True, deadline=None, suppress_health_check=list(HealthCheck), database=None)
@given(text=hostile)
def test_any_string_in_every_parameter_and_field(http, operations, text):
    fuzz(http, operations, text)


def test_every_body_is_tried(operations):
    assert {path for _, path, operation in operations if "requestBody" in operation} == set(BODIES)


@pytest.mark.parametrize("name", HEADERS)
def test_a_hostile_header(http, name):
    for text in HOSTILE:
        value = text.translate(dict.fromkeys(map(ord, "\r\n\0"))).encode("utf-8", "replace").strip()
        for method, path in (
            ("GET", "/v1/config"),
            ("GET", "/v1/realtime"),
            ("POST", "/v1/events"),
            ("GET", "/nothing"),
        ):
            content = json.dumps(event("s")).encode() if method == "POST" else b""
            ask(http, method, path, content=content, headers={"Content-Type": b"application/json", name: value})


@pytest.mark.parametrize(
    "text", [b"a\r\nX-Injected: 1", b"a\nX-Injected: 1", b"a\rX-Injected: 1", b"a\x00b", b"\x1b[2J"]
)
def test_an_id_cannot_end_its_header(own, text):
    url = urlsplit(own.url)
    with socket.create_connection((url.hostname, url.port), timeout=10) as connection:
        connection.sendall(
            b"GET /v1/config HTTP/1.1\r\nHost: x\r\nConnection: close\r\nX-Request-Id: " + text + b"\r\n\r\n"
        )
        answer = b"".join(iter(lambda: connection.recv(65536), b""))
    head = answer.partition(b"\r\n\r\n")[0]
    assert head.split()[1] in (b"200", b"400")
    assert b"x-injected" not in head.lower()
    assert b"\x1b" not in head
    assert b"\x00" not in head


def test_values_come_back_as_they_were_sent(http):
    """Each string finds its own events and no others, and stands in them as it was."""
    kept = []
    for text in (f"{text}, by itself" for text in HOSTILE):
        body = json.dumps(event(text, "page_view", user_id=text, properties={"page": text, "other": [text]}))
        answer = http.post("/v1/events", content=body.encode(), headers=JSON)
        if answer.status_code == 200:
            kept.append(text)
        else:
            assert answer.json()["errors"][0]["code"] in {"too_long", "invalid_json", "invalid_type"}, answer.text
    assert len(kept) > len(HOSTILE) - 4
    days = {"query_type": "event_count", "date_from": today(-1), "date_to": today(1)}
    for text in kept:
        for name in ("session_id", "page", "user_id"):
            rows = http.get("/v1/query", params={**days, name: text}).json()["results"]
            assert [row["event_count"] for row in rows] == [1], (name, text)
        (listed,) = http.get("/v1/events", params={"session_id": text}).json()["events"]
        assert (listed["session_id"], listed["properties"]) == (text, {"page": text, "other": [text]})
    pages = http.get("/v1/query", params={**days, "query_type": "breakdown", "by": "page", "limit": 1000}).json()
    assert set(kept) <= {row["page"] for row in pages["results"]}


def test_names_come_back_as_they_were_sent(http):
    for path, field in (("/v1/clients", "clients"), ("/v1/write-keys", "write_keys")):
        kept = []
        for text in HOSTILE:
            body = {**BODIES[path], "name": text, "app": text}
            answer = http.post(path, content=json.dumps(body).encode(), headers=JSON)
            if answer.status_code == 201:
                kept.append((text, text))
            else:
                assert answer.json()["code"] in ("invalid_parameter", "bad_request"), answer.text
        listed = [(one["name"], one["app"]) for one in http.get(path).json()[field]]
        assert kept
        assert set(kept) <= set(listed)


def test_the_lake_takes_them(own, http):
    """Apps and sessions of any name are stored, under paths that do not show them."""
    event_ids = http.post(
        "/v1/events/batch", json={"events": [event(text) for text in HOSTILE if text.isprintable() and len(text) < 128]}
    ).json()["event_ids"]
    for event_id in event_ids:
        eventually(lambda one=event_id: http.get(f"/v1/events/{one}").json()["status"] == "stored")
