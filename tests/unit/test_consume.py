"""The loop of a consumer: what fails is tried again, alone, and set aside; what merely waits is waited for."""

import datetime as dt
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest
from lake_samples import batch as samples_batch
from lake_samples import event, lines
from structlog.testing import capture_logs

from cloudpulse.batch.writer import LakeWriter
from cloudpulse.engines.local.counters import SqliteCounters
from cloudpulse.engines.local.dead_letters import SqliteDeadLetters
from cloudpulse.engines.local.event_log import SqliteEventLog, SqliteLogReader
from cloudpulse.engines.local.records import SqliteRecords
from cloudpulse.entrypoints import chunks, consume
from cloudpulse.entrypoints.chunks import ChunkSource
from cloudpulse.entrypoints.consume import Loop
from cloudpulse.entrypoints.consumers import LakeConsumer, SpeedConsumer
from cloudpulse.entrypoints.letters import Letters
from cloudpulse.errors import StoreError
from cloudpulse.events import codec
from cloudpulse.events.model import Batch, Position
from cloudpulse.lake.chunk import Chunk
from cloudpulse.lake.commit import Lake
from cloudpulse.lake.tables import SILVER
from cloudpulse.settings import Settings
from cloudpulse.speed.processor import SpeedProcessor

NOW = dt.datetime(2026, 3, 9, 14, 22, 31, tzinfo=dt.UTC)
LINE = (
    b'{"received_at":"2026-03-09T14:22:31.000000Z","client_id":"c","app":"a",'
    b'"event_id":"01a1f8ae-942c-71d8-b8b0-809fda29c80e","event_type":"click","session_id":"s","source":"web"}'
)


def batch(lines: bytes | None = None) -> Batch:
    packed = codec.pack_lines([LINE]) if lines is None else lines
    return Batch(received_at=1, events=1, digest=(), ids=b"", lines=packed)


class Recorder:
    """A consumer that notes what it takes, durably only when it settles, and fails as it is told."""

    name = "lake"

    def __init__(self, fail: Callable[[Chunk], Exception | None] = lambda chunk: None) -> None:
        self.fail = fail
        self.taken: list[int] = []
        self.durable: list[int] = []
        self.passed = 0
        self.settled = 0

    def position(self) -> int:
        return self.passed

    def restart(self) -> None:
        self.taken = list(self.durable)
        self.passed = self.settled

    def take(self, chunk: Chunk, settle: bool) -> None:
        if failure := self.fail(chunk):
            raise failure
        self.taken += [one.seq for one in chunk.batches]
        self.passed = chunk.last
        if settle:
            self.durable, self.settled = list(self.taken), self.passed

    def idle(self) -> None:
        self.durable, self.settled = list(self.taken), self.passed

    def stored(self) -> int:
        return self.settled


class Parts:
    def __init__(self, folder: Path) -> None:
        self.log = SqliteEventLog(folder)
        self.reader = SqliteLogReader(folder)
        self.kept = SqliteDeadLetters(folder / "records.db")
        self.records = SqliteRecords(folder / "records.db")
        self.letters = Letters(self.kept, self.records, self.reader, dt.timedelta(days=14), lambda: NOW)
        self.source = ChunkSource(self.reader, self.reader.state().journal, lambda: NOW)

    def run(self, consumer: Recorder, until: int) -> None:
        loop = Loop(consumer, self.source, self.letters, lambda: NOW)
        loop.start()
        give_up_at = time.monotonic() + 20
        while consumer.settled < until and time.monotonic() < give_up_at:
            time.sleep(0.005)
        loop.stop()
        assert consumer.settled >= until

    def parked(self) -> list[int]:
        return [letter.position.seq for letter in self.kept.list()]

    def close(self) -> None:
        for store in (self.log, self.reader, self.kept, self.records):
            store.close()


@pytest.fixture
def parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Parts]:
    monkeypatch.setattr(consume, "RETRY_SECONDS", (0.0, 0.0))
    monkeypatch.setattr(consume, "WAIT_SECONDS", (0.0, 0.0, 0.0))
    monkeypatch.setattr(consume, "PACE_SECONDS", 0.01)
    parts = Parts(tmp_path)
    with capture_logs():  # to print tracebacks nicely takes longer than the tests
        yield parts
    parts.close()


def test_every_batch_is_taken_once_in_order(parts: Parts) -> None:
    for _ in range(5):
        parts.log.append(batch())
    consumer = Recorder()
    parts.run(consumer, until=5)
    assert (consumer.durable, parts.parked()) == ([1, 2, 3, 4, 5], [])


def test_a_batch_that_cannot_be_decoded_is_set_aside(parts: Parts) -> None:
    """Guards mechanism 17: its neighbours, which were read with it, go through."""
    for number in range(1, 6):
        parts.log.append(batch(b"damaged" if number in (1, 3) else None))
    consumer = Recorder()
    parts.run(consumer, until=5)
    assert (consumer.durable, parts.parked()) == ([2, 4, 5], [1, 3])
    letter = parts.kept.list()[0]
    assert (letter.consumer, letter.attempts, len(letter.failed_at)) == ("lake", 3, 3)
    assert parts.kept.batch(letter.id).lines == b"damaged"
    assert letter.reason == "ZstdError in cloudpulse/events/codec.py:decompress"
    assert letter.stack.splitlines()[-1] == "cloudpulse/events/codec.py:decompress"


def test_a_batch_that_a_consumer_cannot_take_is_found_and_set_aside(parts: Parts) -> None:
    """Guards mechanism 17: only alone and after three tries, so that no neighbour is blamed."""
    for _ in range(5):
        parts.log.append(batch())
    tries: list[int] = []

    def fail(chunk: Chunk) -> Exception | None:
        seqs = [one.seq for one in chunk.batches]
        tries.extend([len(seqs)] if 4 in seqs else [])
        return ValueError("wrong") if 4 in seqs else None

    consumer = Recorder(fail)
    parts.run(consumer, until=5)
    assert (consumer.durable, parts.parked()) == ([1, 2, 3, 5], [4])
    assert tries[-3:] == [1, 1, 1]


@pytest.mark.parametrize("failure", [StoreError("busy"), OSError(28, "No space left on device")])
def test_a_store_that_refuses_is_waited_for(parts: Parts, failure: Exception) -> None:
    """Guards mechanism 17: however often it fails, the data are not blamed."""
    for _ in range(3):
        parts.log.append(batch())
    left = iter(range(8))
    consumer = Recorder(lambda chunk: failure if next(left, None) is not None else None)
    parts.run(consumer, until=3)
    assert (consumer.durable, parts.parked()) == ([1, 2, 3], [])


def test_a_refusing_store_uses_up_none_of_a_batch_s_tries(parts: Parts) -> None:
    """Guards mechanism 17: two failures of its own are not three, whatever else failed before."""
    parts.log.append(batch())
    wrong, busy = ValueError("wrong"), StoreError("busy")
    left = iter([wrong] + [busy] * 5 + [wrong] * (consume.ATTEMPTS - 1))
    consumer = Recorder(lambda chunk: next(left, None))
    parts.run(consumer, until=1)
    assert (consumer.durable, parts.parked()) == ([1], [])


def test_what_failed_once_is_tried_again(parts: Parts) -> None:
    parts.log.append(batch())
    left = iter(range(2))
    consumer = Recorder(lambda chunk: ValueError("once") if next(left, None) is not None else None)
    parts.run(consumer, until=1)
    assert (consumer.durable, parts.parked()) == ([1], [])


def test_both_consumers_share_one_decoding(parts: Parts) -> None:
    for _ in range(3):
        parts.log.append(batch())
    first = parts.source.next(0, "lake")
    assert first is not None
    assert parts.source.next(0, "lake") is first
    assert (first.first, first.last, first.table.num_rows) == (1, 3, 3)
    assert parts.source.next(3, "lake") is None
    parts.source.forget(3)
    again = parts.source.next(0, "lake")
    assert again is not None
    assert again is not first
    assert msgspec.structs.replace(again, table=None) == msgspec.structs.replace(first, table=None)


def test_a_consumer_that_lags_meets_the_chunks_of_the_other(parts: Parts) -> None:
    for _ in range(2):
        parts.log.append(batch())
    parts.source.next(0, "lake")
    parts.source.forget(2)
    for _ in range(2):
        parts.log.append(batch())
    ahead = parts.source.next(2, "lake")
    behind = parts.source.next(0, "lake")
    assert (behind.first, behind.last) == (1, 2)
    assert parts.source.next(behind.last, "lake") is ahead


def test_the_memory_of_chunks_is_bounded(parts: Parts, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chunks, "CACHED_EVENTS", 2)
    for seq in range(4):
        parts.log.append(batch())
        parts.source.next(seq, "lake")
    assert [parts.source.is_decoded(after) for after in range(4)] == [False, False, True, True]


def test_a_batch_alone(parts: Parts) -> None:
    for _ in range(3):
        parts.log.append(batch())
    parts.source.next(0, "lake")
    alone = parts.source.next(0, "lake", limit=1)
    assert (alone.first, alone.last) == (1, 1)
    assert parts.source.next(0, "lake").last == 3


@pytest.mark.parametrize(("journal", "seq"), [("another", 2), (None, 9)])
def test_a_lake_position_that_is_not_of_this_journal_skips_nothing(
    parts: Parts, tmp_path: Path, journal: str | None, seq: int
) -> None:
    """Guards mechanism 2: the place in another journal, or above the head of this one, starts a new epoch."""
    for _ in range(3):
        parts.log.append(batch())
    settings = Settings(data=tmp_path)
    lake, records = Lake(settings), SqliteRecords(tmp_path / "records.db")
    assert lake.append(SILVER.empty_table(), None, Position(journal or parts.source.journal, seq))
    writer = LakeWriter(settings, lake, records)
    consumer = LakeConsumer(writer, parts.reader, parts.letters, parts.source, tmp_path / "tail", lambda: NOW)
    assert consumer.position() == 0
    records.close()


def test_what_waits_for_a_commit_is_divided_when_the_commit_fails(parts: Parts) -> None:
    """Guards mechanism 17: a consumer gathers, so the one to blame may not be in the chunk that it was given last."""
    for _ in range(5):
        parts.log.append(batch())

    class Gathering(Recorder):
        def take(self, chunk: Chunk, settle: bool) -> None:
            super().take(chunk, settle=False)
            if settle:
                self.idle()

        def idle(self) -> None:
            if 3 in self.taken[len(self.durable) :]:
                raise ValueError("of a commit")
            super().idle()

    consumer = Gathering()
    parts.run(consumer, until=5)
    assert (consumer.durable, parts.parked()) == ([1, 2, 4, 5], [3])


def test_a_consumer_that_fails_at_rest_is_waited_for(parts: Parts, monkeypatch: pytest.MonkeyPatch) -> None:
    """It has gathered nothing: no batch is to blame, and the loop must not spin."""
    monkeypatch.setattr(consume, "WAIT_SECONDS", (0.02,))
    left = iter(range(20))

    class Restless(Recorder):
        failures = 0

        def idle(self) -> None:
            super().idle()
            if next(left, None) is not None:
                self.failures += 1
                raise ValueError("in the house")

    consumer = Restless()
    loop = Loop(consumer, parts.source, parts.letters, lambda: NOW)
    loop.start()
    time.sleep(0.1)
    loop.stop()
    assert 1 <= consumer.failures <= 6
    parts.log.append(batch())
    parts.run(consumer, until=1)
    assert (consumer.durable, parts.parked()) == ([1], [])


def test_one_bad_line_does_not_hold_back_its_neighbours(parts: Parts) -> None:
    """Guards mechanism 17."""
    events = [event() for _ in range(6)]
    whole = samples_batch(0, events)
    broken = lines(events)
    broken[2] = broken[2].replace(b'"received_at":"20', b'"received_at":"xx')
    broken[5] = b"\xff" + broken[5]
    parts.log.append(msgspec.structs.replace(whole, lines=codec.pack_lines(broken)))
    parts.log.append(batch())
    taken: list[Batch] = []
    parts.run(Recorder(lambda chunk: taken.extend(chunk.batches)), until=2)
    [letter] = parts.kept.list()
    bad = parts.kept.batch(letter.id)
    assert (taken[0].seq, taken[0].events, letter.events, bad.events) == (1, 4, 2, 2)
    assert codec.decompress(bad.lines).splitlines() == [broken[2], broken[5]]
    ids = codec.unpack_ids(whole.ids)
    assert codec.unpack_ids(bad.ids) == [ids[2], ids[5]]
    assert codec.unpack_ids(taken[0].ids) == [ids[place] for place in (0, 1, 3, 4)]
    assert (sum(row.events for row in taken[0].digest), sum(row.events for row in bad.digest)) == (4, 2)


def test_a_fault_that_is_known_costs_no_more_waiting(parts: Parts, monkeypatch: pytest.MonkeyPatch) -> None:
    """Guards mechanism 17: a fault that hits every batch must not hold the good ones back for hours."""
    for number in range(6):
        parts.log.append(batch(b"damaged" if number < 5 else None))
    monkeypatch.setattr(consume, "RETRY_SECONDS", (0.05, 0.05))
    waits: list[float] = []
    loop = Loop(Recorder(), parts.source, parts.letters, lambda: NOW)
    while len(parts.parked()) < 5:
        try:
            loop.step()
            loop._failed_at = []
        except Exception as exc:
            waits.append(loop._after_failure(exc))
    assert waits == [0.05, 0.05, 0.0] + [0.0] * 12


@pytest.mark.parametrize(("consumer", "other"), [("lake", "speed"), ("speed", "lake")])
def test_a_next_try_is_a_chunk_of_its_own_for_one_consumer(parts: Parts, consumer: str, other: str) -> None:
    """Guards mechanism 17: the other one had these events the first time."""
    for redrive_of in (None, f"{consumer}:j:1", None):
        parts.log.append(msgspec.structs.replace(batch(), redrive_of=redrive_of))
    for name, events in ((other, 0), (consumer, 1), (other, 0)):
        chunks = [parts.source.next(after, name) for after in range(3)]
        assert [(chunk.first, chunk.last, chunk.events) for chunk in chunks] == [(1, 1, 1), (2, 2, events), (3, 3, 1)]


def test_a_next_try_that_nobody_can_decode_fails_its_own_consumer_alone(parts: Parts) -> None:
    """Guards mechanism 17; the tries of both letters add up."""
    letter = Position(parts.source.journal, 1)
    parts.log.append(batch(b"damaged"))
    parts.run(Recorder(), until=1)
    parts.log.append(msgspec.structs.replace(batch(b"damaged"), redrive_of=f"lake:{letter}"))
    other = Recorder()
    other.name = "speed"
    other.passed = other.settled = 1
    parts.run(other, until=2)
    assert parts.parked() == [1]
    consumer = Recorder()
    consumer.passed = consumer.settled = 1
    parts.run(consumer, until=2)
    newest = parts.kept.list()[-1]
    assert (newest.position.seq, newest.attempts, newest.redrive_of) == (2, 6, f"lake:{letter}")


def test_a_batch_is_not_passed_before_what_stands_before_it(parts: Parts) -> None:
    """Guards mechanism 17: to set the second aside fails for the sake of the first, which was only gathered."""
    for number in range(3):
        parts.log.append(batch(b"damaged" if number == 1 else None))

    class Gathering(Recorder):
        def take(self, chunk: Chunk, settle: bool) -> None:
            super().take(chunk, settle=False)
            if settle:
                self.idle()

        def idle(self) -> None:
            if 1 in self.taken:
                raise ValueError("of a commit")
            super().idle()

    consumer = Gathering()
    parts.run(consumer, until=3)
    assert (consumer.durable, sorted(parts.parked())) == ([3], [1, 2])


@pytest.mark.parametrize(("redrive_of", "files"), [(None, 1), ("speed:j:1", 0)])
def test_rows_that_the_lake_has_are_left_for_no_reader(
    parts: Parts, tmp_path: Path, redrive_of: str | None, files: int
) -> None:
    """Guards mechanism 17: what the counters alone must try again is not in the tail."""
    parts.log.append(msgspec.structs.replace(batch(), redrive_of=redrive_of))
    counters = SqliteCounters(tmp_path / "counters.db")
    consumer = SpeedConsumer(SpeedProcessor(counters), parts.reader, parts.letters, tmp_path / "tail", lambda: NOW)
    consumer.take(parts.source.next(0, "speed"), settle=False)
    counters.close()
    assert consumer.stored() == 1
    assert len(list((tmp_path / "tail").glob("*.arrow"))) == files
