"""What the api process sees when it looks around, and what follows from it."""

import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from cloudpulse.engines.local.event_log import SqliteEventLog, SqliteLogReader
from cloudpulse.entrypoints import watch as module
from cloudpulse.entrypoints.watch import Watch
from cloudpulse.errors import StoreError
from cloudpulse.events.model import Batch, Position
from cloudpulse.ingest import limits
from cloudpulse.ingest.limits import RESERVE_NAME, Gate
from cloudpulse.settings import Settings


class Index:
    """Tells what is flushed."""

    durable = 0
    flushes = 0

    def flush(self) -> int:
        self.flushes += 1
        return self.durable


class World:
    def __init__(self, folder: Path, **settings) -> None:
        self.folder = folder
        self.log, self.reader = SqliteEventLog(folder), SqliteLogReader(folder)
        self.index = Index()
        self.gate = Gate(100, lambda: False)
        self.at: dict[str, Position | None] = {"speed": None, "lake": None}
        self.nudges = 0
        self.letters = {"speed": 0, "lake": 2}
        self.journal = self.reader.state().journal
        given = Settings(**{"data": folder, "trim_delay_seconds": 0, "reserve_bytes": 4096} | settings)
        positions = {name: lambda name=name: self.at[name] for name in self.at}
        self.watch = Watch(given, self.gate, self.reader, self.index, positions, self.nudge, lambda: self.letters)

    def nudge(self) -> None:
        self.nudges += 1

    def append(self, count: int, age_seconds: int = 0) -> None:
        for _ in range(count):
            now = time.time_ns() // 1000 - age_seconds * 1_000_000
            self.log.append(Batch(received_at=now, events=1, digest=(), ids=b"", lines=b"x" * 100))

    def stand(self, speed: int, lake: int) -> None:
        self.at = {"speed": Position(self.journal, speed), "lake": Position(self.journal, lake)}

    def close(self) -> None:
        self.log.close()
        self.reader.close()


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    world = World(tmp_path)
    yield world
    world.close()


@pytest.fixture(autouse=True)
def _flush_whenever_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "FLUSH_SECONDS", -1.0)


@pytest.mark.parametrize(
    ("speed", "lake", "flushed", "bound"), [(9, 9, 9, 9), (3, 9, 9, 3), (9, 4, 9, 4), (9, 9, 5, 5), (0, 9, 9, 0)]
)
def test_nothing_is_trimmed_that_anybody_still_needs(world: World, speed, lake, flushed, bound) -> None:
    """Guards mechanism 3: min(speed, lake, flushed index)."""
    world.append(9)
    world.stand(speed, lake)
    world.index.durable = flushed
    world.watch.look()
    assert world.gate.trim_through == bound
    assert world.nudges == (1 if bound else 0), "an idle sequencer trims too"


def test_the_place_in_another_journal_lets_nothing_be_trimmed(world: World) -> None:
    """Guards mechanism 2."""
    world.append(3)
    world.index.durable = 3
    world.at = {"speed": Position(world.journal, 3), "lake": Position("another", 3)}
    world.watch.look()
    assert world.gate.trim_through == 0


def test_the_index_is_flushed_only_when_that_lets_something_go(world: World) -> None:
    world.append(2)
    world.watch.look()
    assert world.index.flushes == 0
    world.stand(2, 2)
    world.index.durable = 2
    world.watch.look()
    world.log.trim(2)
    world.watch.look()
    assert world.index.flushes == 1


def test_refusal_and_readiness(tmp_path: Path) -> None:
    world = World(tmp_path, journal_max_bytes=250)
    world.append(2)
    world.watch.look()
    assert (world.gate.refusal, world.watch.ready()) == (None, None)
    world.append(1)
    world.watch.look()
    assert world.gate.refusal is not None
    assert world.watch.ready() == world.gate.refusal
    world.log.trim(2)
    world.watch.look()
    assert (world.gate.refusal, world.watch.ready()) == (None, None)
    world.close()


def test_rows_that_wait_for_the_trim_alone_refuse_nothing(tmp_path: Path) -> None:
    """A server that starts after a night finds old rows; how far behind the layers are, these do not tell."""
    world = World(tmp_path, journal_max_age_seconds=3600, trim_delay_seconds=60)
    world.append(2, age_seconds=8 * 3600)
    for lake, refused in ((0, True), (1, True), (2, False)):
        world.stand(2, lake)
        world.watch.look()
        assert (world.gate.refusal is not None) is refused
    world.append(1)
    world.watch.look()
    assert world.gate.refusal is None
    world.close()


def test_the_reserve_is_given_free_when_the_disk_is_full(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Guards mechanism 6."""
    reserve = world.folder / RESERVE_NAME
    world.watch.look()
    assert reserve.exists()
    monkeypatch.setattr(limits, "free_bytes", lambda _: 1000)
    world.watch.look()
    assert not reserve.exists()
    assert world.gate.refusal is not None
    monkeypatch.setattr(limits, "free_bytes", lambda _: 257 << 20)
    world.watch.look()
    assert reserve.exists()
    assert world.gate.refusal is None


def test_gauges(world: World) -> None:
    letters = {"speed_dead_letters": 0.0, "lake_dead_letters": 2.0}
    assert world.watch.gauges() == letters
    world.append(4)
    world.stand(3, 1)
    world.watch.look()
    gauges = world.watch.gauges()
    assert gauges.pop("journal_bytes") > 400
    assert gauges == letters | {
        "speed_lag_batches": 1.0, "lake_lag_batches": 3.0,
        "journal_batches": 4.0, "journal_head": 4.0, "journal_accepted_events": 4.0,
    }  # fmt: skip


def test_a_look_that_fails_does_not_end_the_watch(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "EVERY_SECONDS", 0.001)
    state, failures = world.reader.state(), iter([OSError("gone"), StoreError("busy"), ValueError("of a library")])

    def look():
        if failure := next(failures, None):
            raise failure
        return msgspec.structs.replace(state, head=5)

    monkeypatch.setattr(world.reader, "state", look)
    world.watch.start()
    give_up_at = time.monotonic() + 10
    while "journal_head" not in world.watch.gauges() and time.monotonic() < give_up_at:
        time.sleep(0.005)
    world.watch.stop()
    assert world.watch.gauges()["journal_head"] == 5.0
