"""One look at everything: what is read, what rings, and what goes on when a part cannot be read."""

import datetime as dt
from types import SimpleNamespace

import pytest

from cloudpulse.engines.local.records import SqliteRecords
from cloudpulse.entrypoints.oversee import Overseer
from cloudpulse.errors import StoreError
from cloudpulse.events.times import micros, minute_of
from cloudpulse.ops.alarms.anomalies import MINUTES, Window
from cloudpulse.ops.alarms.board import AlarmBoard
from cloudpulse.ops.alarms.readings import RareObservation
from cloudpulse.ops.alarms.windows import WindowBook
from cloudpulse.ops.health_history import HealthHistory
from cloudpulse.ops.publish import Outbox, targets
from cloudpulse.settings import Settings
from cloudpulse.wiring.notices import Overseen

START = dt.datetime(2026, 11, 20, 12, tzinfo=dt.UTC)
GAUGES = {"speed_lag_batches": 0.0, "lake_lag_batches": 3.0, "lake_dead_letters": 0.0, "journal_bytes": 10.0}


class World:
    """An overseer over counts and stores that the test sets."""

    def __init__(self, folder) -> None:
        self.now = START
        self.live, self.batch = {}, {}
        self.rare = RareObservation()
        self.lacking = {"speed": None, "lake": None}
        settings = Settings(data=folder, webhook_url="http://hooks.test/")
        self.records = SqliteRecords(folder / "alarms.db")
        outbox = Outbox(self.records, targets(settings), lambda: self.now)
        book = WindowBook(self.records, settings, self.count(self.live), self.count(self.batch), START)
        parts = Overseen(
            self.records, outbox, AlarmBoard(self.records, settings, outbox), HealthHistory(self.records), book
        )
        self.parts = parts
        watch = SimpleNamespace(gauges=lambda: GAUGES, lacking_since=lambda: self.lacking, stalled=lambda: None)
        gate = SimpleNamespace(waiting=5, refusal=None)
        self.overseer = Overseer(settings, parts, watch, gate, self.see_rare, lambda: self.now)  # type: ignore[arg-type]

    def count(self, layer):
        return lambda start: Window(start=start, events=layer.get(start, 1000), errors=10, sessions=100)

    def see_rare(self, _) -> RareObservation:
        if isinstance(self.rare, Exception):
            raise self.rare
        return self.rare

    def run(self, minutes) -> None:
        """Look every half minute for so long."""
        for _ in range(2 * minutes):
            self.now += dt.timedelta(seconds=30)
            self.overseer.look()

    def told(self):
        return [(message.data["alarm"], message.data["state"]) for _, message in self.parts.outbox.waiting()]


@pytest.fixture
def world(tmp_path):
    world = World(tmp_path)
    yield world
    world.records.close()


def test_a_jump_is_raised_by_the_live_layer_and_withdrawn_by_the_batch_layer(world):
    world.run(60)
    assert world.told() == []
    start = minute_of(world.now)
    world.live[start] = 5000
    world.run(4)
    assert world.told() == [("volume_jump", "raised")]
    world.lacking["lake"] = micros(world.now)
    world.run(4)
    assert world.told() == [("volume_jump", "raised")]
    world.lacking["lake"] = None
    world.run(2)
    assert world.told() == [("volume_jump", "raised"), ("volume_jump", "withdrawn")]
    world.run(10)
    assert len(world.told()) == 2


def test_a_jump_that_the_live_layer_missed_is_raised_late_and_ends(world):
    world.run(60)
    world.batch[minute_of(world.now)] = 5000
    world.run(20)
    assert world.told() == [("volume_jump", "raised"), ("volume_jump", "cleared")]
    assert world.parts.board.history(1)[0].late


def test_while_the_counters_lag_nothing_is_called_a_drop(world):
    world.run(60)
    start = minute_of(world.now)
    world.live |= {start + number * MINUTES: 0 for number in range(4)}
    world.lacking["speed"] = micros(world.now)
    world.run(15)
    assert ("throughput_drop", "raised") not in world.told()
    assert ("speed_lag", "raised") in world.told()
    world.lacking["speed"] = None
    world.run(7)
    assert ("throughput_drop", "raised") in world.told()


def test_what_cannot_be_read_stops_nothing_else(world):
    world.rare = StoreError("records.db could not be read")
    world.lacking["lake"] = micros(START)
    world.run(10)
    assert world.told() == [("lake_lag", "raised")]
    found = world.parts.history.series(1, world.now)
    assert found.series["lake_lag_batches"][-1] == 3
    assert found.series["waiting_events"][-1] == 5


def test_it_keeps_what_it_has_seen_when_it_ends(world):
    world.overseer.start()
    world.overseer.stop()
    assert HealthHistory(world.records).series(1, world.now).series["lake_lag_batches"][-1] == 3
