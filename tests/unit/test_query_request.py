"""What is refused, with a sentence that says what to do; and the shape of an answer."""

import datetime as dt
from pathlib import Path

import msgspec
import pytest
from query_world import World

from cloudpulse.errors import InvalidParameter
from cloudpulse.serving.request import QueryRequest, plan
from cloudpulse.settings import Settings

SETTINGS = Settings(query_max_days=400, query_max_rows=10_000)


def request(**others) -> QueryRequest:
    days = {"date_from": dt.date(2026, 3, 1), "date_to": dt.date(2026, 3, 9)}
    return QueryRequest(**({"query_type": "event_count"} | days | others))


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"query_type": "sum"}, "use one of event_count, timeseries"),
        ({"event_type": "purchase"}, "use one of page_view, click"),
        ({"date_from": dt.date(2026, 3, 10)}, "swap them"),
        ({"date_from": dt.date(2025, 1, 1)}, "at most 400"),
        ({"date_from": dt.date(9999, 12, 31), "date_to": dt.date(9999, 12, 31)}, "out of range"),
        ({"date_from": dt.date(1, 1, 1), "date_to": dt.date(1, 1, 1), "tz": "Asia/Tokyo"}, "out of range"),
        ({"limit": 0}, "between 1 and 10000"),
        ({"limit": 10_001}, "between 1 and 10000"),
        ({"tz": "Mars/Olympus"}, "IANA"),
        ({"tz": "../etc/passwd"}, "IANA"),
        ({"tz": "Europe"}, "IANA"),
        ({"tz": ""}, "IANA"),
        ({"interval": "hour"}, "leave it out"),
        ({"query_type": "uniques", "interval": "minute"}, "use one of hour, day"),
        ({"by": "page"}, "query_type=breakdown"),
        ({"query_type": "breakdown"}, "use one of page, country"),
        ({"query_type": "breakdown", "by": "ip_address"}, "use one of page, country"),
        ({"query_type": "errors", "event_type": "click"}, "leave event_type out"),
        ({"filters": {"ip_address": "1.2.3.4"}}, "use one of app, source"),
    ],
    ids=str,
)
def test_a_wrong_request_is_told_what_to_do(wrong, sentence):
    with pytest.raises(InvalidParameter, match=sentence):
        plan(request(**wrong), SETTINGS)


def test_defaults_follow_the_question():
    assert plan(request(query_type="top_sessions"), SETTINGS).limit == 10
    assert plan(request(query_type="errors"), SETTINGS).limit == 50
    assert plan(request(query_type="errors"), SETTINGS).event_type == "error"
    assert plan(request(query_type="timeseries"), SETTINGS).interval == "hour"
    assert plan(request(query_type="uniques"), SETTINGS).interval == "day"
    assert plan(request(), SETTINGS).limit == 10_000


@pytest.mark.parametrize("query_type", ["event_count", "timeseries", "top_sessions", "errors", "breakdown", "uniques"])
def test_an_empty_installation_answers_with_no_rows(tmp_path: Path, query_type):
    world = World(tmp_path)
    others = {"by": "page"} if query_type == "breakdown" else {}
    answer = msgspec.to_builtins(world.ask(query_type, "2026-03-01", "2026-03-09", **others))
    assert answer.pop("query_execution_id")
    assert answer.pop("execution_ms") >= 0
    assert answer == {
        "query_type": query_type,
        "rows_returned": 0,
        "scanned_bytes": 0,
        "date_from": "2026-03-01",
        "date_to": "2026-03-09",
        "results": [],
        "truncated": False,
        "cached": False,
        "complete_until": "2026-04-02T12:00:00.000Z",
    }
    world.close()
