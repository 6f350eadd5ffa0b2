"""Chunks into counters: each batch once, whatever is read again."""

import datetime as dt
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

import pytest

from cloudpulse.engines.local.counters import SqliteCounters
from cloudpulse.errors import StoreError
from cloudpulse.events import codec, sketch
from cloudpulse.events.model import Batch, Count, Event, Position, Stamp
from cloudpulse.events.times import UTC, micros, minute_of
from cloudpulse.lake.chunk import Chunk, decode, empty
from cloudpulse.ports import LogState
from cloudpulse.speed.processor import SpeedProcessor

NOW = dt.datetime(2026, 3, 9, 12, 0, 30, tzinfo=UTC)
MINUTE = minute_of(NOW)
STAMP = codec.stamp_prefix(Stamp(received_at=NOW, client_id="client", app="shop"))


@pytest.fixture
def counters(tmp_path: Path) -> Iterator[SqliteCounters]:
    store = SqliteCounters(tmp_path / "counters.db")
    yield store
    store.close()


@pytest.fixture
def processor(counters: SqliteCounters) -> SpeedProcessor:
    return SpeedProcessor(counters)


def line(seq: int, number: int) -> bytes:
    event = Event(
        event_id=UUID(int=1000 * seq + number), event_type="click", session_id=f"{seq}-{number}", source="web"
    )
    return STAMP + codec.encode_event(event)[1:]


def batch(seq: int) -> Batch:
    """As many clicks as its number says, each in a session of its own."""
    return Batch(
        seq=seq,
        received_at=micros(NOW),
        events=seq,
        digest=(Count("shop", MINUTE, "click", True, seq),),
        ids=b"",
        lines=codec.pack_lines([line(seq, number) for number in range(seq)]),
    )


def chunk(*seqs: int, journal: str = "j") -> Chunk:
    return decode(journal, [batch(seq) for seq in seqs], NOW)


def log(head: int, journal: str = "j", trimmed: int = 0) -> LogState:
    return LogState(
        journal=journal,
        head=head,
        trimmed=trimmed,
        accepted=0,
        stored_bytes=0,
        oldest_received_at=None,
        last_received_at=0,
    )


def counted(counters: SqliteCounters) -> tuple[int, int]:
    """Events and sessions in the counters."""
    live = counters.range(0, MINUTE + 10)
    return sum(row.events for row in live.counts), sketch.estimate(body for _, _, body in live.sessions)


def test_chunks_are_counted_and_the_position_follows(processor: SpeedProcessor, counters: SqliteCounters) -> None:
    assert processor.position(log(3)) == 0
    processor.handle(chunk(1, 2))
    processor.handle(chunk(3))
    assert counted(counters) == (6, 6)
    assert processor.position(log(3)) == 3


def test_a_chunk_that_comes_again_is_counted_once(processor: SpeedProcessor, counters: SqliteCounters) -> None:
    """Guards mechanism 15."""
    processor.handle(chunk(1, 2))
    processor.handle(chunk(1, 2))
    SpeedProcessor(counters).handle(chunk(2))
    assert counted(counters) == (3, 3)
    assert counters.position() == Position("j", 2)


def test_of_a_chunk_cut_differently_only_the_new_batches_count(
    processor: SpeedProcessor, counters: SqliteCounters
) -> None:
    """Guards mechanism 15: after a restart the lake may need rows again that the counters have."""
    processor.handle(chunk(1, 2))
    processor.handle(chunk(2, 3, 4))
    assert counted(counters) == (10, 10)


def test_another_journal_starts_a_new_epoch_and_keeps_the_counters(
    processor: SpeedProcessor, counters: SqliteCounters
) -> None:
    """Guards mechanism 2."""
    processor.handle(chunk(1, 2))
    assert processor.position(log(2, "k")) == 0
    assert counters.position() == Position("k", 0)
    processor.handle(chunk(1, 2, journal="k"))
    assert counted(counters)[0] == 6


def test_a_position_above_the_head_skips_nothing(processor: SpeedProcessor, counters: SqliteCounters) -> None:
    """Guards mechanism 2."""
    processor.handle(chunk(1, 2, 3))
    assert processor.position(log(2)) == 0
    processor.handle(chunk(1, 2))
    assert counted(counters)[0] == 9
    assert counters.position() == Position("j", 2)


def test_reading_begins_behind_rows_that_are_gone(processor: SpeedProcessor, counters: SqliteCounters) -> None:
    assert processor.position(log(9, trimmed=4)) == 4
    assert counters.position() == Position("j", 4)


def test_a_parked_batch_is_passed_over(processor: SpeedProcessor, counters: SqliteCounters) -> None:
    """Guards mechanism 17."""
    processor.handle(chunk(1))
    processor.handle(empty(Position("j", 2), NOW))
    assert counters.position() == Position("j", 2)
    processor.handle(chunk(3))
    assert counted(counters) == (4, 4)
    processor.handle(empty(Position("j", 2), NOW))
    assert counters.position() == Position("j", 3)


def test_a_second_writer_is_noticed(counters: SqliteCounters) -> None:
    class Overtaken:
        """Counters that another process moves between the look and the step."""

        position, range, replace, expire = counters.position, counters.range, counters.replace, counters.expire

        def apply(self, expected, position, counts, sessions):
            counters.apply(expected, Position("j", 99), [], {})
            return counters.apply(expected, position, counts, sessions)

    with pytest.raises(StoreError, match="another process"):
        SpeedProcessor(Overtaken()).handle(chunk(1))
    assert counted(counters) == (0, 0)


def test_minutes_are_kept_for_26_hours(processor: SpeedProcessor, counters: SqliteCounters) -> None:
    """Guards mechanism 15: longer than they are read, so that a late event revives no expired minute."""
    processor.handle(chunk(1))
    assert processor.expire(NOW + dt.timedelta(hours=26)) == 0
    assert counted(counters) == (1, 1)
    assert processor.expire(NOW + dt.timedelta(hours=26, minutes=1)) == 2
    assert counted(counters) == (0, 0)
