"""Live answers over real counters and a real journal."""

import datetime as dt
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from cloudpulse.engines.local.counters import SqliteCounters
from cloudpulse.engines.local.event_log import SqliteEventLog, SqliteLogReader
from cloudpulse.errors import InvalidParameter, LogTrimmed
from cloudpulse.events import sketch
from cloudpulse.events.model import Batch, Count, Position
from cloudpulse.events.times import UTC, minute_of
from cloudpulse.ports import LiveCounts, MinuteCount
from cloudpulse.serving.realtime import Realtime, RealtimeService

NOW = dt.datetime(2026, 3, 9, 14, 22, 31, 402000, tzinfo=UTC)
MINUTE = minute_of(NOW)


def batch(*digest: Count) -> Batch:
    return Batch(received_at=0, events=sum(row.events for row in digest), digest=digest, ids=b"", lines=b"")


class Parts:
    """The stores behind a ``RealtimeService``."""

    def __init__(self, folder: Path) -> None:
        self.counters = SqliteCounters(folder / "counters.db")
        self.log = SqliteEventLog(folder)
        self.reader = SqliteLogReader(folder)
        self.journal = self.reader.state().journal

    def service(self, counters: SqliteCounters | None = None) -> RealtimeService:
        return RealtimeService(counters or self.counters, self.reader, lambda: NOW)

    def snapshot(self, lookback_minutes: int = 5) -> Realtime:
        return self.service().snapshot(lookback_minutes)

    def count(self, seq: int, *counts: MinuteCount, **sessions: list[str]) -> None:
        """Apply counts of one app, and its sessions in the current minute, as the speed layer does."""
        bodies = {(app, MINUTE): sketch.of(ids) for app, ids in sessions.items()}
        expected = self.counters.position()
        assert self.counters.apply(expected, Position(self.journal, seq), counts, bodies)

    def close(self) -> None:
        for store in (self.counters, self.log, self.reader):
            store.close()


@pytest.fixture
def parts(tmp_path: Path) -> Iterator[Parts]:
    parts = Parts(tmp_path)
    yield parts
    parts.close()


def test_nothing_happened_yet(parts: Parts) -> None:
    assert parts.snapshot() == Realtime(
        lookback_minutes=5,
        total_events=0,
        error_count=0,
        error_rate_pct=0.0,
        active_sessions=0,
        by_event_type={},
        timeline=[],
        as_of="2026-03-09T14:22:31.402Z",
    )


def test_an_accepted_event_shows_before_the_speed_layer_has_seen_it(parts: Parts) -> None:
    parts.log.append(batch(Count("shop", MINUTE, "click", True, 3)))
    assert parts.snapshot().by_event_type == {"click": 3}


def test_a_dead_letter_of_the_lake_that_is_tried_again_is_counted_already(parts: Parts) -> None:
    """Guards mechanism 17; that of the counters shows as soon as it is in the journal."""
    for redrive_of in (None, "lake:j:1", "speed:j:1"):
        again = batch(Count("shop", MINUTE, "click", True, 3))
        parts.log.append(msgspec.structs.replace(again, redrive_of=redrive_of))
    assert parts.snapshot().total_events == 6


def test_counters_and_journal_together_count_each_event_once(parts: Parts) -> None:
    parts.log.append(batch(Count("shop", MINUTE, "page_view", True, 4)))
    parts.log.append(batch(Count("shop", MINUTE, "click", True, 3), Count("blog", MINUTE - 1, "error", True, 1)))
    rows = [MinuteCount("shop", MINUTE, "page_view", 4)]
    parts.count(1, *rows, shop=["a", "b"])
    answer = parts.snapshot()
    assert (answer.total_events, answer.error_count, answer.error_rate_pct) == (8, 1, 12.5)
    assert answer.active_sessions == 2
    assert list(answer.by_event_type.items()) == [("page_view", 4), ("click", 3), ("error", 1)]
    assert answer.timeline == [
        {"minute": "2026-03-09T14:21", "error": 1},
        {"minute": "2026-03-09T14:22", "page_view": 4, "click": 3},
    ]


def test_apps_add_up_and_a_session_in_two_of_them_is_one(parts: Parts) -> None:
    rows = [MinuteCount(app, MINUTE, "click", 1) for app in ("blog", "shop")]
    parts.count(0, *rows, shop=["a", "b"], blog=["b", "c"])
    answer = parts.snapshot()
    assert (answer.by_event_type, answer.active_sessions) == ({"click": 2}, 3)


@pytest.mark.parametrize("lookback", [1, 5, 1440])
def test_the_lookback_is_covered_to_its_first_second(parts: Parts, lookback: int) -> None:
    minutes = [MINUTE - lookback - 1, MINUTE - lookback, MINUTE, MINUTE + 5, MINUTE + 6]
    parts.count(0, *[MinuteCount("shop", minute, "click", 1) for minute in minutes])
    parts.log.append(batch(*[Count("shop", minute, "error", True, 1) for minute in minutes]))
    answer = parts.snapshot(lookback)
    assert answer.by_event_type == {"click": 3, "error": 3}
    assert len(answer.timeline) == 3


def test_late_events_do_not_show(parts: Parts) -> None:
    parts.log.append(batch(Count("shop", MINUTE, "click", False, 1)))
    assert parts.snapshot(1440).total_events == 0


@pytest.mark.parametrize("lookback", [0, -1, 1441])
def test_a_lookback_outside_a_day_is_refused(parts: Parts, lookback: int) -> None:
    with pytest.raises(InvalidParameter, match="lookback_minutes"):
        parts.snapshot(lookback)


def test_counters_of_another_journal_do_not_hide_this_one(parts: Parts) -> None:
    """Guards mechanism 2."""
    parts.counters.apply(None, Position("older", 7), [MinuteCount("shop", MINUTE, "click", 1)], {})
    parts.log.append(batch(Count("shop", MINUTE, "error", True, 1)))
    assert parts.snapshot().by_event_type == {"click": 1, "error": 1}


class Behind:
    """Counters that are read just before they move on and the journal is trimmed."""

    def __init__(self, counters: SqliteCounters, stale_reads: int) -> None:
        self.counters = counters
        self.stale_reads = stale_reads
        self.stale = counters.range(0, 0)

    def range(self, first_minute: int, last_minute: int) -> LiveCounts:
        self.stale_reads -= 1
        return self.stale if self.stale_reads >= 0 else self.counters.range(first_minute, last_minute)


def test_a_trim_between_the_two_reads_loses_nothing(parts: Parts) -> None:
    """Guards mechanism 12."""
    behind = Behind(parts.counters, stale_reads=1)
    parts.log.append(batch(Count("shop", MINUTE, "click", True, 3)))
    parts.count(1, MinuteCount("shop", MINUTE, "click", 3))
    parts.log.trim(1)
    assert parts.service(behind).snapshot().total_events == 3


def test_counters_that_stay_behind_the_trim_are_an_honest_failure(parts: Parts) -> None:
    parts.log.append(batch(Count("shop", MINUTE, "click", True, 3)))
    parts.log.trim(1)
    with pytest.raises(LogTrimmed):
        parts.snapshot()
