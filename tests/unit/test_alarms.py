"""When alarms are raised and cleared, what is kept of it, and who is told."""

import datetime as dt

import pytest

from cloudpulse.engines.local.records import SqliteRecords
from cloudpulse.errors import StoreError
from cloudpulse.ops.alarms import board
from cloudpulse.ops.alarms.board import AlarmBoard
from cloudpulse.ops.alarms.rules import Reading, Streak, count, is_over, rings, shown
from cloudpulse.ops.alarms.table import ALARMS, find
from cloudpulse.ops.publish import Outbox, targets
from cloudpulse.settings import Settings

START = dt.datetime(2026, 11, 20, 12, tzinfo=dt.UTC)


class World:
    """A board that looks every ten seconds, on a store that outlives it."""

    def __init__(self, folder, **settings) -> None:
        self.settings = Settings(data=folder, webhook_url="http://hooks.test/", **settings)
        self.now = START
        self.records = SqliteRecords(folder / "alarms.db")
        self.restart()

    def restart(self) -> None:
        self.outbox = Outbox(self.records, targets(self.settings), lambda: self.now)
        self.board = AlarmBoard(self.records, self.settings, self.outbox)

    def look(self, *values: float | None, name="lake_lag", window=None) -> None:
        for value in values:
            self.now += dt.timedelta(seconds=10)
            self.board.look({} if value is None else {name: Reading(value, "", window)}, self.now)

    def told(self) -> list[str]:
        return [message.data["state"] for _, message in self.outbox.waiting()]

    def state(self, name="lake_lag"):
        return next(state for state in self.board.states() if state.name == name)


@pytest.fixture
def world(tmp_path):
    world = World(tmp_path)
    yield world
    world.records.close()


def test_it_takes_some_looks_to_raise_and_more_to_clear(world):
    alarm = find("lake_lag")
    assert (alarm.raise_after, alarm.clear_after) == (3, 6)
    world.look(301, 301, 299, 301, 301)
    assert world.told() == []
    world.look(301)
    assert (world.told(), world.state().state, world.state().value) == (["raised"], "raised", 301)
    world.look(0, 0, 0, 0, 0, 400, 0, 0, 0, 0, 0)
    assert world.told() == ["raised"]
    world.look(0)
    assert (world.told(), world.state().state) == (["raised", "cleared"], "ok")


@pytest.mark.parametrize("alarm", ALARMS, ids=lambda alarm: alarm.name)
def test_every_alarm_rings_beyond_its_threshold_alone(alarm):
    beyond, within = (-1, 1) if alarm.is_below else (1, -1)
    assert is_over(alarm, alarm.threshold, alarm.threshold + beyond)
    assert not is_over(alarm, alarm.threshold, alarm.threshold)
    assert not is_over(alarm, alarm.threshold, alarm.threshold + within)
    streak = Streak()
    for number in range(1, alarm.raise_after + 1):
        streak = count(streak, True)
        assert rings(alarm, streak, rang=False) == (number == alarm.raise_after)
    assert "{" not in alarm.sentence.format(value=1, threshold=1)


def test_what_is_not_known_changes_nothing(world):
    world.look(301, 301, None, 301)
    assert world.told() == ["raised"]
    world.look(*[None] * 20)
    assert world.state().state == "raised"


def test_the_message_says_what_and_what_to_do(world):
    world.look(*[1234.56] * 3)
    [(_, message)] = world.outbox.waiting()
    assert message.id == f"alarm.changed:{message.data['raised_at']}:lake_lag:raised"
    assert message.data["sentence"] == "The lake is 1,235 seconds behind."
    assert (message.data["alarm"], message.data["threshold"], message.data["cleared_at"]) == ("lake_lag", 300, None)
    assert message.data["todo"] == find("lake_lag").todo
    world.board.look({"stalled": Reading(1, "lake has 7 batches to do.")}, world.now)
    assert world.outbox.waiting()[-1][1].data["sentence"] == "A layer stands still. lake has 7 batches to do."


def test_an_alarm_survives_a_restart_and_is_told_of_once(world):
    world.look(*[301] * 3)
    world.restart()
    assert world.state().state == "raised"
    world.look(*[301] * 5)
    assert world.told() == ["raised"]
    world.look(*[0] * 6)
    world.restart()
    world.look(*[0] * 6)
    assert world.told() == ["raised", "cleared"]
    [episode] = world.board.history(10)
    assert episode.cleared_at > episode.raised_at


def test_the_history_has_the_worst_value_and_is_bounded(world, monkeypatch):
    monkeypatch.setattr(board, "KEEP", 3)
    for worst in range(400, 405):
        world.look(301, 301, 301, worst, 301, *[0] * 6)
    assert [episode.value for episode in world.board.history(10)] == [404, 403, 402]
    world.restart()
    assert [episode.value for episode in world.board.history(2)] == [404, 403]


def test_what_was_delivered_is_not_told_again(world):
    world.look(*[301] * 3)
    world.outbox.remove([key for key, _ in world.outbox.waiting()])
    world.look(*[0] * 6)
    assert world.told() == ["cleared"]


def test_a_threshold_of_the_settings_counts(world, tmp_path):
    other = World(tmp_path, alarm_thresholds={"lake_lag": 10, "disk_free": 5})
    other.look(*[11] * 3)
    other.look(*[4] * 3, name="disk_free")
    assert [state.name for state in other.board.states() if state.state == "raised"] == ["lake_lag", "disk_free"]
    assert other.state().episode.threshold == 10
    other.records.close()


def test_gauges(world):
    world.look(*[301] * 3)
    gauge = world.board.gauges()["alarm"]
    assert gauge.values == {alarm.name: float(alarm.name == "lake_lag") for alarm in ALARMS}


class Failing:
    """Records whose writes fail for a while."""

    def __init__(self, records) -> None:
        self.records = records
        self.fails = False

    def list(self, *given, **options):
        return self.records.list(*given, **options)

    def exchange(self, *given):
        if self.fails:
            raise StoreError("the disk is full")
        self.records.exchange(*given)


def test_what_could_not_be_written_is_written_later(world):
    records = Failing(world.records)
    world.board = AlarmBoard(records, world.settings, world.outbox)
    records.fails = True
    world.look(301, 301)
    with pytest.raises(StoreError):
        world.look(301)
    assert (world.state().state, world.told()) == ("raised", [])
    records.fails = False
    world.look(301)
    assert world.told() == ["raised"]
    world.restart()
    assert world.state().state == "raised"


def judge(world, value, window, name="volume_jump"):
    world.board.judge(name, Reading(value, "", window), world.now)


def test_the_batch_layer_confirms(world):
    world.look(4, 4, name="volume_jump", window=100)
    judge(world, 4, 100)
    assert (world.state("volume_jump").episode.judged, world.told()) == ("confirmed", ["raised"])
    world.look(4, name="volume_jump", window=105)
    judge(world, 1, 105)
    assert world.state("volume_jump").state == "raised"


def test_the_batch_layer_withdraws(world):
    world.look(4, 4, name="volume_jump", window=100)
    world.restart()
    judge(world, 1, 100)
    assert (world.state("volume_jump").state, world.told()) == ("ok", ["raised", "withdrawn"])
    assert world.board.history(1)[0].judged == "withdrawn"
    judge(world, 1, 100)
    assert world.told() == ["raised", "withdrawn"]


def test_a_later_window_that_is_calm_withdraws_nothing(world):
    world.look(4, 4, name="volume_jump", window=100)
    world.look(4, name="volume_jump", window=105)
    judge(world, 1, 105)
    assert (world.state("volume_jump").state, world.told()) == ("raised", ["raised"])


def test_what_rings_already_is_not_raised_late(world):
    world.look(4, 4, name="volume_jump", window=100)
    judge(world, 4, 95)
    assert (world.told(), len(world.board.history(10))) == (["raised"], 1)


def test_an_anomaly_that_is_over_is_judged_too(world):
    world.look(4, 4, *[0] * 6, name="volume_jump", window=100)
    assert world.told() == ["raised", "cleared"]
    judge(world, 1, 100)
    assert world.told() == ["raised", "cleared", "withdrawn"]


def test_what_the_live_layer_missed_is_raised_late(world):
    judge(world, 5, 100)
    [episode] = world.board.history(1)
    assert (episode.late, episode.judged, episode.cleared_at) == (True, "confirmed", None)
    world.look(*[0] * 6, name="volume_jump", window=120)
    assert world.told() == ["raised", "cleared"]
    judge(world, 5, 100)
    assert world.told() == ["raised", "cleared"], "told of once"


def test_numbers_for_people():
    assert [shown(value) for value in (0, 3, 3.14159, 99.99, 1234.5)] == ["0", "3", "3.1", "100.0", "1,234"]
