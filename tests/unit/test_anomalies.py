"""What is unusual in five minutes, and who says so when."""

import datetime as dt
import random

import pytest
from lake_samples import batch, event

from cloudpulse.engines.local.counters import SqliteCounters
from cloudpulse.engines.local.records import SqliteRecords
from cloudpulse.engines.local.warehouse import DuckDbWarehouse
from cloudpulse.events import sketch
from cloudpulse.events.model import Position
from cloudpulse.events.times import from_micros, minute_of
from cloudpulse.lake.chunk import decode
from cloudpulse.lake.commit import Lake
from cloudpulse.lake.snapshot import SnapshotReader
from cloudpulse.ops.alarms import windows
from cloudpulse.ops.alarms.anomalies import MINUTES, PER_DAY, PER_WEEK, Window, judge, start_of
from cloudpulse.ops.alarms.windows import WindowBook
from cloudpulse.ports import MinuteCount
from cloudpulse.settings import Settings

NOW = start_of(minute_of(dt.datetime(2026, 11, 20, 12, tzinfo=dt.UTC)))


def window(start=NOW, events=1000, errors=10, sessions=200, **fields):
    return Window(start=start, events=events, errors=errors, sessions=sessions, **fields)


def last_hours(count=36, **fields):
    starts = range(NOW - count * MINUTES, NOW, MINUTES)
    return {start: window(start, **fields) for start in starts}


def same_time(*days, **fields):
    starts = [NOW - (day * PER_DAY + offset) * MINUTES for day in days for offset in range(-2, 3)]
    return {start: window(start, **fields) for start in starts}


def values(one, before, is_whole=True):
    return {name: round(found.value, 1) for name, found in judge(one, before, 100, is_whole).items()}


CALM = {"volume_jump": 1.0, "session_jump": 1.0, "error_jump": 1.0, "throughput_drop": 0.0}


def test_the_usual_is_calm():
    assert values(window(), last_hours()) == CALM


@pytest.mark.parametrize(
    ("fields", "name", "value"),
    [
        ({"events": 4000, "errors": 40}, "volume_jump", 4.0),
        ({"sessions": 800}, "session_jump", 4.0),
        ({"errors": 80}, "error_jump", 8.0),
        ({"events": 100, "errors": 1}, "throughput_drop", 90.0),
        ({"events": 0, "errors": 0, "sessions": 0}, "throughput_drop", 100.0),
    ],
)
def test_each_kind_is_seen(fields, name, value):
    found = judge(window(**fields), last_hours(), 100)[name]
    assert (round(found.value, 1), found.window) == (value, NOW)
    assert "usual" in found.detail


def test_a_window_that_is_not_over_is_no_drop():
    assert "throughput_drop" not in values(window(events=10), last_hours(), is_whole=False)


def test_a_small_site_does_not_alarm_on_noise():
    rng = random.Random(3)
    few = {
        start: window(start, events=rng.randrange(0, 30), errors=rng.randrange(0, 3), sessions=3)
        for start in last_hours()
    }
    assert values(window(events=90, errors=30, sessions=40), few)["volume_jump"] == 0
    assert values(window(events=0, errors=0, sessions=0), few)["throughput_drop"] == 0
    assert values(window(events=250, errors=4, sessions=4), few)["volume_jump"] < 3


def test_where_little_is_usual_nothing_is_no_drop():
    assert values(window(events=0), last_hours(events=90))["throughput_drop"] == 0
    assert values(window(events=0), last_hours(events=110))["throughput_drop"] == 100


def test_what_varies_much_may_vary():
    rng = random.Random(4)
    wild = {start: window(start, events=rng.choice((300, 1000, 3000))) for start in last_hours()}
    assert values(window(events=3500), wild)["volume_jump"] <= 1


def test_one_odd_window_moves_no_baseline():
    before = last_hours()
    before[NOW - MINUTES] = window(NOW - MINUTES, events=100_000, odd=("volume_jump",))
    assert values(window(events=4000), before)["volume_jump"] == 4.0


def test_little_is_known_so_nothing_is_said():
    assert values(window(events=100_000), last_hours(5))["volume_jump"] == 0
    assert values(window(events=0), last_hours(5))["throughput_drop"] == 0


def test_every_morning_rises():
    """Unlike the last hour, but like the same time of past days."""
    before = last_hours(events=200) | same_time(1, 2, 3, events=1000)
    assert values(window(events=1000), before)["volume_jump"] <= 1
    assert values(window(events=4000), before)["volume_jump"] == 4.0


def test_no_sunday_is_like_a_monday():
    """The same weekday counts once enough of them are known."""
    before = same_time(1, 2, 3, 4, 5, 6, events=5000) | same_time(7, 14, events=1000)
    assert values(window(events=1000), before)["throughput_drop"] == 0
    assert values(window(events=4000), before)["volume_jump"] == 4.0
    assert PER_WEEK == 7 * PER_DAY


def test_a_night_after_a_busy_evening_is_no_drop():
    before = last_hours(events=1000) | same_time(1, 2, 3, events=150)
    assert values(window(events=140), before)["throughput_drop"] <= 10


def test_a_level_that_lasts_becomes_usual_but_a_drop_does_not():
    odd = last_hours(events=4000, odd=("volume_jump",))
    assert values(window(events=4000), odd)["volume_jump"] == 1.0
    low = last_hours(events=0, odd=("throughput_drop",)) | same_time(1, 2, 3)
    assert values(window(events=0), low)["throughput_drop"] == 100.0


class World:
    """A book over counts that the test sets, minute by minute."""

    def __init__(self, folder) -> None:
        self.records = SqliteRecords(folder / "alarms.db")
        self.live = {}
        self.batch = {}
        self.restart(NOW)

    def restart(self, minute) -> None:
        count = lambda layer: lambda start: window(start, **layer.get(start, {}))  # noqa: E731
        self.book = WindowBook(self.records, Settings(), count(self.live), count(self.batch), self.at(minute))

    def at(self, minute):
        return from_micros(round(minute * 60_000_000))

    def look(self, minute):
        return {name: round(found.value, 1) for name, found in self.book.look(self.at(minute), True).items()}

    def judge(self, minute, lacks_since=None):
        found = self.book.judge(self.at(minute), self.at(minute if lacks_since is None else lacks_since))
        return {name: (round(one.value, 1), one.window) for name, one in found.items()}

    def run(self, count) -> int:
        """So many ordinary windows; returns the start of the next one."""
        for number in range(1, count + 1):
            self.look(NOW + number * MINUTES + MINUTES + 1)
        return NOW + (count + 1) * MINUTES


@pytest.fixture
def world(tmp_path):
    world = World(tmp_path)
    yield world
    world.records.close()


def test_a_jump_is_seen_while_it_happens_and_for_as_long_as_it_lasts(world):
    start = world.run(12)
    world.live[start] = {"events": 4000}
    assert world.look(start + 2)["volume_jump"] == 4
    assert world.look(start + 5)["volume_jump"] == 1, "the next window has begun, and this one is not settled"
    assert world.look(start + 6)["volume_jump"] == 4
    assert world.look(start + 11)["volume_jump"] == 1


def test_a_drop_is_seen_when_the_window_is_over(world):
    start = world.run(12)
    world.live[start] = {"events": 0}
    assert "throughput_drop" not in world.look(start + 5) or world.look(start + 5)["throughput_drop"] == 0
    assert world.look(start + 6)["throughput_drop"] == 100


def test_nothing_is_said_while_the_live_layer_lags(world):
    start = world.run(12)
    world.live[start] = {"events": 0}
    assert world.book.look(world.at(start + 6), False) == {}


def test_the_batch_layer_judges_a_window_once_the_lake_has_it(world):
    start = world.run(12)
    for number in range(1, 13):
        judged = NOW + number * MINUTES
        assert world.judge(start + 5, lacks_since=judged + 6.9) == {}
        assert world.judge(start + 5, lacks_since=judged + 7)["volume_jump"][1] == judged
    assert world.judge(start + 60) == {}


def test_the_batch_layer_has_the_last_word(world):
    start = world.run(12)
    world.live[start], world.batch[start + MINUTES] = {"events": 4000}, {"events": 5000}
    world.look(start + 6)
    world.look(start + 11)
    for _ in range(12):
        world.judge(start + 30)
    assert world.judge(start + 30)["volume_jump"] == (1.0, start), "to be withdrawn"
    assert world.judge(start + 30)["volume_jump"] == (5.0, start + MINUTES), "to be raised late"
    assert world.look(start + 11)["volume_jump"] == 5, "the batch layer's count replaces the live one"


def test_windows_survive_a_restart_and_the_one_under_way_is_left_out(world):
    start = world.run(12)
    world.live[start] = {"events": 4000}
    world.look(start + 6)
    world.restart(start + 7)
    world.live[start + MINUTES] = {"events": 0}
    assert world.look(start + 8)["volume_jump"] == 4, "still what was seen before"
    assert world.look(start + 11)["throughput_drop"] == 0, "nobody has seen it from its beginning"
    assert f"{start + MINUTES:010d}" not in dict(world.records.list(windows.KIND))


def test_old_windows_go(world, monkeypatch):
    monkeypatch.setattr(windows, "KEEP_WINDOWS", 4)
    world.run(12)
    assert len(world.records.list(windows.KIND)) == 5
    judged = [world.judge(NOW + 100) for _ in range(12)]
    assert sum(map(bool, judged)) == 5


def test_the_live_count(tmp_path):
    counters = SqliteCounters(tmp_path / "counters.db")
    counts = [MinuteCount("a", NOW + at, kind, 2) for at in (-1, 0, 4, 5) for kind in ("click", "error")]
    sketches = {("a", NOW + at): sketch.of([f"s{at}", "s"]) for at in (-1, 0, 4, 5)}
    counters.apply(None, Position("j", 1), counts, sketches)
    assert windows.count_live(counters, NOW) == window(events=8, errors=4, sessions=3)
    counters.close()


def test_the_batch_count(tmp_path):
    settings = Settings(data=tmp_path)
    lake, snapshots, warehouse = Lake(settings), SnapshotReader(settings), DuckDbWarehouse(settings)
    empty = windows.count_batch(snapshots, warehouse, NOW)
    assert (empty.events, empty.errors, empty.sessions) == (0, 0, 0)
    first, end = (from_micros(minute * 60_000_000) for minute in (NOW, NOW + MINUTES))
    moments = (first - dt.timedelta(microseconds=1), first, end - dt.timedelta(microseconds=1), end)
    for seq, kind in enumerate(("click", "error"), 1):
        events = [event(at, kind, session_id=f"s{at}") for at in moments]
        chunk = decode("j", [batch(seq, events, end)], end)
        lake.append(chunk.table, Position("j", seq - 1) if seq > 1 else None, Position("j", seq))
    assert windows.count_batch(snapshots, warehouse, NOW) == window(events=4, errors=2, sessions=2)
    snapshots.close()
    warehouse.close()
