"""What batches add to the live counters."""

import datetime as dt

import pyarrow as pa

from cloudpulse.events import sketch
from cloudpulse.events.model import Batch, Count
from cloudpulse.events.times import UTC, minute_of
from cloudpulse.ports import MinuteCount
from cloudpulse.speed.minutes import live_counts, live_sessions

NOON = dt.datetime(2026, 3, 9, 12, 0, 30, tzinfo=UTC)
MINUTE = minute_of(NOON)
DAY = dt.timedelta(days=1)


def batch(*digest: Count) -> Batch:
    return Batch(seq=1, received_at=0, events=sum(row.events for row in digest), digest=digest, ids=b"", lines=b"")


def table(*rows: tuple[str, dt.datetime, str]) -> pa.Table:
    time = pa.timestamp("us", "UTC")
    return pa.table(
        {
            "app": pa.array([app for app, _, _ in rows], pa.string()),
            "timestamp": pa.array([moment for _, moment, _ in rows], time),
            "received_at": pa.array([NOON for _ in rows], time),
            "session_id": pa.array([session for _, _, session in rows], pa.string()),
        }
    )


def estimates(sessions: dict[tuple[str, int], bytes]) -> dict[tuple[str, int], int]:
    return {key: sketch.estimate([body]) for key, body in sessions.items()}


def test_digests_add_up_over_batches() -> None:
    rows = live_counts(
        [
            batch(Count("shop", 10, "click", True, 2), Count("shop", 10, "error", True, 1)),
            batch(Count("shop", 10, "click", True, 3), Count("blog", 11, "click", True, 4)),
        ]
    )
    assert sorted(rows, key=lambda row: (row.app, row.event_type)) == [
        MinuteCount("blog", 11, "click", 4),
        MinuteCount("shop", 10, "click", 5),
        MinuteCount("shop", 10, "error", 1),
    ]


def test_late_rows_of_a_digest_add_nothing() -> None:
    assert live_counts([batch(Count("shop", 10, "click", False, 2))]) == []
    assert live_counts([batch(Count("shop", 10, "click", False, 2), Count("shop", 10, "click", True, 1))]) == [
        MinuteCount("shop", 10, "click", 1)
    ]


def test_sessions_are_counted_once_per_app_and_minute() -> None:
    rows = [
        ("shop", NOON, "a"),
        ("shop", NOON - dt.timedelta(seconds=30), "a"),
        ("shop", NOON, "b"),
        ("blog", NOON, "a"),
        ("shop", NOON - dt.timedelta(seconds=31), "a"),
    ]
    assert estimates(live_sessions(table(*rows))) == {
        ("shop", MINUTE): 2,
        ("blog", MINUTE): 1,
        ("shop", MINUTE - 1): 1,
    }


def test_sessions_of_late_events_add_nothing() -> None:
    rows = [("shop", NOON - DAY, "a"), ("shop", NOON - DAY - dt.timedelta(microseconds=1), "b")]
    assert estimates(live_sessions(table(*rows))) == {("shop", MINUTE - 1440): 1}


def test_no_rows_have_no_sessions() -> None:
    assert live_sessions(table()) == {}


def test_many_sessions_are_counted_within_two_percent() -> None:
    rows = [("shop", NOON, f"session-{number}") for number in range(20_000)]
    (count,) = estimates(live_sessions(table(*rows))).values()
    assert abs(count - 20_000) < 400
