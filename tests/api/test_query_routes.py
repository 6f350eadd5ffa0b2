"""``GET /v1/query`` over HTTP: parameters in, rows out."""

import asyncio
import datetime as dt
import threading
from types import SimpleNamespace
from typing import Any

import pytest

from cloudpulse.errors import QueryCancelled, QueryTimeout
from cloudpulse.serving.request import (
    FILTERS,
    QUERY_TYPES,
    Bucket,
    ErrorEvent,
    EventCount,
    QueryAnswer,
    QueryRequest,
    TopSession,
    Uniques,
)

DAYS = "date_from=2026-03-01&date_to=2026-03-09"
ROWS: dict[str, Any] = {
    "event_count": EventCount("click", 2),
    "timeseries": Bucket("2026-03-01T10:00:00Z", 2),
    "top_sessions": TopSession("s", 2, "2026-03-01T10:00:00.000Z", "2026-03-01T10:01:00.000Z", None),
    "errors": ErrorEvent("id", "2026-03-01T10:00:00.000Z", "s", "web", {"deep": {"n": 1}}, {"country": "DE"}),
    "breakdown": {"page": None, "event_count": 2, "sessions": 1, "users": 0},
    "uniques": Uniques("2026-03-01T00:00:00Z", 1, 0),
}


class Script:
    """Remembers the request, and answers with one row."""

    asked: QueryRequest | None = None

    def run(self, request: QueryRequest, cancelled: threading.Event) -> QueryAnswer:
        self.asked = request
        if request.limit == 7:
            raise QueryTimeout("Ask for fewer days.")
        return QueryAnswer(
            query_type=request.query_type,
            query_execution_id="x",
            rows_returned=1,
            scanned_bytes=4096,
            execution_ms=3,
            date_from=request.date_from,
            date_to=request.date_to,
            results=[ROWS[request.query_type]],
            truncated=False,
            cached=False,
            complete_until="2026-03-09T14:22:31.402Z",
        )


@pytest.fixture
def script(services) -> Script:
    services.query = Script()
    return services.query


@pytest.fixture
def ask(script, http, bearer):
    return lambda query: http.get(f"/v1/query?{query}", headers=bearer("events:read"))


def test_every_parameter_reaches_the_service(ask, script):
    filters = dict.fromkeys(FILTERS, "web")
    others = "&".join(f"{name}={value}" for name, value in filters.items())
    answer = ask(f"query_type=uniques&{DAYS}&event_type=click&limit=5&tz=Europe/Berlin&interval=day&by=page&{others}")
    assert answer.status_code == 200
    assert script.asked == QueryRequest(
        query_type="uniques",
        date_from=dt.date(2026, 3, 1),
        date_to=dt.date(2026, 3, 9),
        event_type="click",
        limit=5,
        tz="Europe/Berlin",
        interval="day",
        by="page",
        filters=filters,
    )


@pytest.mark.parametrize("query_type", QUERY_TYPES)
def test_the_answer_has_the_shape_of_the_contract(ask, query_type):
    answer = ask(f"query_type={query_type}&{DAYS}").json()
    assert list(answer) == [
        "query_type",
        "query_execution_id",
        "rows_returned",
        "scanned_bytes",
        "execution_ms",
        "date_from",
        "date_to",
        "results",
        "truncated",
        "cached",
        "complete_until",
    ]
    assert (answer["date_from"], answer["date_to"]) == ("2026-03-01", "2026-03-09")
    row = ROWS[query_type]
    fields = row if isinstance(row, dict) else {name: getattr(row, name) for name in row.__struct_fields__}
    assert answer["results"] == [fields]


@pytest.mark.parametrize(
    ("query", "named"),
    [
        (DAYS, "query_type"),
        ("query_type=event_count&date_from=2026-03-01", "date_to"),
        (f"query_type=sum&{DAYS}", "query_type"),
        (f"query_type=event_count&{DAYS}&event_type=purchase", "event_type"),
        ("query_type=event_count&date_from=yesterday&date_to=2026-03-09", "date_from"),
        (f"query_type=event_count&{DAYS}&limit=many", "limit"),
        (f"query_type=event_count&{DAYS}&counrty=DE", "counrty"),
    ],
)
def test_a_wrong_parameter_is_named(ask, script, query, named):
    answer = ask(query)
    assert answer.status_code == 400
    assert answer.headers["content-type"].startswith("application/problem+json")
    assert answer.json()["code"] == "invalid_parameter"
    assert named in answer.json()["detail"]
    assert script.asked is None


def test_an_error_of_the_service_is_a_problem(ask):
    answer = ask(f"query_type=event_count&{DAYS}&limit=7")
    assert (answer.status_code, answer.json()["code"]) == (504, "query_timeout")


def test_it_needs_the_scope_to_read(script, http, bearer):
    url = f"/v1/query?query_type=event_count&{DAYS}"
    assert http.get(url).status_code == 401
    assert http.get(url, headers=bearer("events:write")).status_code == 403
    assert script.asked is None


def test_the_document_shows_parameters_and_rows(http):
    document = http.get("/v1/openapi.json").json()
    operation = document["paths"]["/v1/query"]["get"]
    parameters = {parameter["name"]: parameter for parameter in operation["parameters"]}
    assert {*FILTERS, "query_type", "date_from", "date_to", "limit", "tz", "interval", "by"} < set(parameters)
    assert all(parameter.get("description") for parameter in parameters.values())
    assert {"EventCount", "Bucket", "TopSession", "ErrorEvent", "Uniques"} <= set(document["components"]["schemas"])


@pytest.mark.parametrize("route", ["/v1/query", "/v1/query/named/top_pages", "/v1/query/sql"])
def test_a_client_that_goes_away_is_told_to_the_service(http, services, bearer, route):
    told: list[bool] = []

    def run(*arguments: Any) -> None:
        told.append(arguments[-1].wait(20))
        raise QueryCancelled("Nobody waits.")

    services.query = services.sql = SimpleNamespace(run=run, run_named=run)
    headers = [(name.lower().encode(), value.encode()) for name, value in bearer("events:read").items()]
    scope = {
        "type": "http",
        "method": "POST" if route.endswith("sql") else "GET",
        "path": route,
        "raw_path": route.encode(),
        "query_string": f"query_type=event_count&{DAYS}".encode() if "sql" not in route else b"",
        "headers": [*headers, (b"content-type", b"application/json")],
        "client": ("127.0.0.1", 1),
        "server": ("test", 80),
        "scheme": "http",
        "http_version": "1.1",
        "root_path": "",
        "state": {},
    }
    messages = [{"type": "http.request", "body": b'{"sql": "SELECT 1"}', "more_body": False}]

    async def receive() -> Any:
        return messages.pop() if messages else {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        pass

    asyncio.run(http.app(scope, receive, send))
    assert told == [True]
