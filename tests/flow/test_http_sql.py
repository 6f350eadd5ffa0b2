"""SQL over HTTP: the newest events, refusals, and statements that nobody waits for any more."""

import contextlib
import json
import re
import socket
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from live_server import Server, event, eventually, today

FLOOD = "SELECT count(*) FROM range(10000000000) a, range(10000000) b WHERE (a.range * b.range) % 7 = 3"
DEAF = "SELECT levenshtein(repeat('a', 3000000), repeat('b', 3000000))"
"""Runs for hours, and looks at no interrupt meanwhile."""


@pytest.fixture(scope="module")
def patient(start_server) -> Server:
    """A server on which no statement ends by its time limit while a test runs."""
    return start_server(lake_commit_seconds=1, query_timeout_seconds=3600)


@pytest.fixture(scope="module")
def http(patient: Server) -> Iterator[httpx.Client]:
    with patient.client() as http:
        yield http


def ask(http: httpx.Client, sql: str, **others: Any) -> Any:
    answer = http.post("/v1/query/sql", json={"sql": sql, **others})
    assert answer.status_code == 200, answer.text
    return answer.json()


def running(http: httpx.Client) -> float:
    """How many statements the engine runs, as the metrics say."""
    (line,) = re.findall(r"^cloudpulse_running_statements (\S+)$", http.get("/metrics").text, re.MULTILINE)
    return float(line)


def send(http: httpx.Client, sql: str) -> socket.socket:
    """The connection of a client that has sent a statement."""
    address = urlsplit(str(http.base_url))
    body = json.dumps({"sql": sql}).encode()
    head = f"POST /v1/query/sql HTTP/1.1\r\nHost: x\r\nAuthorization: {http.headers['authorization']}\r\n"
    head += f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    connection = socket.create_connection((address.hostname or "", address.port or 0))
    connection.sendall(head.encode() + body)
    return connection


@contextlib.contextmanager
def asking(http: httpx.Client, sql: str) -> Iterator[None]:
    """While a client waits for a statement; then it goes away."""
    before = running(http)
    with send(http, sql):
        eventually(lambda: running(http) == before + 1)
        yield


def test_what_was_just_accepted_is_in_the_answer(http):
    session = "sql-fresh"
    events = [event(session, "page_view", properties={"page": f"/{n % 2}"}) for n in range(5)]
    assert http.post("/v1/events/batch", json={"events": events}).status_code == 200
    where = f"WHERE session_id = '{session}'"
    answer = ask(http, f"SELECT page, count(*) AS n FROM events {where} GROUP BY ALL ORDER BY ALL")
    assert answer["results"] == [{"page": "/0", "n": 3}, {"page": "/1", "n": 2}]
    assert answer["columns"] == [{"name": "page", "type": "VARCHAR"}, {"name": "n", "type": "BIGINT"}]
    assert (answer["rows_returned"], answer["truncated"], answer["query_type"]) == (2, False, "sql")
    raw = ask(http, f"SELECT properties->>'page' AS page, count(*) AS n FROM raw_events {where} GROUP BY 1 ORDER BY 1")
    assert raw["results"] == answer["results"]


def test_it_is_the_same_once_the_lake_has_it(http):
    session = "sql-settled"
    http.post("/v1/events/batch", json={"events": [event(session) for _ in range(4)]})
    sql = "SELECT count(*) AS events, (SELECT count(*) FROM raw_events WHERE session_id = '{0}') AS raw FROM events"
    sql = f"{sql} WHERE session_id = '{{0}}'".format(session)

    def is_cached() -> bool:
        answer = ask(http, sql)
        assert answer["results"] == [{"events": 4, "raw": 4}]
        return bool(answer["cached"])

    eventually(is_cached)


@pytest.mark.parametrize(
    "sql",
    [
        "DROP VIEW events",
        "SELECT * FROM read_text('/etc/passwd')",
        "SELECT missing FROM events",
        "SELECT CAST('x' AS INTEGER)",
        "SELECT length(repeat('x', 3000000000))",
        "\u0000",
    ],
)
def test_what_cannot_be_run_is_told_in_a_sentence(patient, http, sql):
    answer = http.post("/v1/query/sql", json={"sql": sql})
    assert (answer.status_code, answer.json()["code"]) == (400, "bad_request")
    assert str(patient.data) not in answer.text


def test_named_queries(http):
    http.post("/v1/events/batch", json={"events": [event("sql-named", "error")]})
    days = {"date_from": today(-1), "date_to": today(1)}
    queries = http.get("/v1/query/named").json()["queries"]
    assert len(queries) == 5
    for query in queries:
        answer = http.get(f"/v1/query/named/{query['name']}", params=days).json()
        assert [column["name"] for column in answer["columns"]] == query["columns"]
        assert (answer["query_type"], answer["date_from"]) == (query["name"], today(-1))
    assert http.get("/v1/query/named/nobody", params=days).status_code == 400
    assert http.get("/v1/query/named/error_rate").status_code == 400


@pytest.mark.parametrize("sql", [FLOOD, DEAF])
def test_a_client_that_goes_away_ends_its_statement(http, sql):
    with asking(http, sql):
        assert running(http) == 1
    eventually(lambda: running(http) == 0)


def test_statements_without_end_do_not_keep_others_waiting(http):
    with asking(http, FLOOD), asking(http, DEAF):
        assert http.post("/v1/events", json=event("sql-flooded")).json()["accepted"] == 1
        days = {"query_type": "top_sessions", "date_from": today(), "date_to": today(1), "session_id": "sql-flooded"}
        assert http.get("/v1/query", params=days).json()["results"][0]["event_count"] == 1
        assert http.get("/v1/realtime").status_code == 200
    eventually(lambda: running(http) == 0)
    assert ask(http, "SELECT 1 AS one")["results"] == [{"one": 1}]


def test_when_too_many_wait_the_next_is_told_to_come_again(http):
    with contextlib.ExitStack() as stack:
        for sql in (FLOOD, DEAF, *["SELECT 1"] * 20):
            stack.enter_context(send(http, sql))
        answer = eventually(lambda: refused(http))
        assert "Retry-After" in answer.headers
    answer = eventually(lambda: accepted(http))
    assert answer.json()["results"] == [{"one": 1}]


def accepted(http: httpx.Client) -> httpx.Response | None:
    """The answer, once those that have gone are seen to be gone."""
    answer = http.post("/v1/query/sql", json={"sql": "SELECT 1 AS one"})
    return answer if answer.status_code == 200 else None


def refused(http: httpx.Client) -> httpx.Response | None:
    """The answer, when it comes at once and says 503."""
    with contextlib.suppress(httpx.TimeoutException):
        answer = http.post("/v1/query/sql", json={"sql": "SELECT 1"}, timeout=1)
        return answer if answer.status_code == 503 else None
    return None


def test_the_command(patient):
    sql = "SELECT 'a' || chr(27) || '[2Jb' AS text, 1234567 AS number"
    shown = patient.cli("sql", sql)
    assert "\x1b" not in shown
    assert "1,234,567" in shown
    assert json.loads(patient.cli("sql", sql, "--json"))["results"] == [{"text": "a\x1b[2Jb", "number": 1234567}]
    assert "\x1b" not in patient.cli("sql", sql, "--json")
    assert "1 rows, more were left out" in patient.cli("sql", "SELECT * FROM range(5)", "--limit", "1")
    assert patient.cli("sql", "SELECT getenv('HOME')", code=1) == ""
