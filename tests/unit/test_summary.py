"""The daily summaries: what is in them, and which are written again."""

import datetime as dt
import itertools
from contextlib import closing

import msgspec
import pytest
from lake_samples import batch, event

from cloudpulse.batch import summary
from cloudpulse.batch.summary import Summariser, partitions
from cloudpulse.engines.local.event_log import SqliteEventLog, SqliteLogReader
from cloudpulse.engines.local.warehouse import DuckDbWarehouse
from cloudpulse.errors import NotFound, StoreError
from cloudpulse.events.model import Metadata, Position
from cloudpulse.events.summary import HourCount
from cloudpulse.lake.chunk import decode
from cloudpulse.lake.commit import Lake
from cloudpulse.lake.snapshot import SnapshotReader
from cloudpulse.lake.summaries import forget_summary, read_summary
from cloudpulse.serving.summaries import find_summary
from cloudpulse.settings import Settings

UTC = dt.UTC
DAY = dt.date(2026, 11, 19)
NOW = dt.datetime(2026, 11, 20, 0, 5, tzinfo=UTC)


class World:
    """A journal and a lake."""

    def __init__(self, folder):
        self.data = folder
        self.settings = Settings(data=folder)
        self.log = SqliteEventLog(folder)
        self.reader = SqliteLogReader(folder)
        self.lake = Lake(self.settings)
        self.snapshots = SnapshotReader(self.settings)
        self.journal = self.reader.state().journal
        self.opened = 0
        self.hurried = []

    def accept(self, *events, received_at=NOW):
        return self.log.append(batch(0, list(events), received_at))

    def store(self, *events):
        """Accept events and take them into the lake."""
        seq = self.accept(*events)
        batches = self.reader.read(seq - 1)
        chunk = decode(self.journal, batches, NOW)
        assert self.lake.append(chunk.table, self.lake.position(), Position(self.journal, seq))

    def warehouse(self):
        self.opened += 1
        return closing(DuckDbWarehouse(self.settings))

    def run(self, now=NOW):
        summariser = Summariser(self.data, self.snapshots, self.reader, self.hurried.append, self.warehouse)
        return summariser.run(now)["days"]

    def read(self, day=DAY):
        return read_summary(self.data, day)

    def files(self):
        paths = sorted((self.data / "daily_summaries").iterdir())
        return {path.name: (path.stat().st_ino, path.stat().st_mtime_ns, path.read_bytes()) for path in paths}


@pytest.fixture
def world(tmp_path):
    world = World(tmp_path)
    yield world
    world.reader.close()
    world.log.close()


def at(day=19, hour=12, **fields):
    return event(dt.datetime(2026, 11, day, hour, 30, tzinfo=UTC), **fields)


def view(page, session="s-1", **fields):
    return at(properties={"page": page}, session_id=session, **fields)


def test_what_a_summary_tells(world):
    world.store(
        view("/a", "s-1", user_id="ada", metadata=Metadata(country="DE")),
        view("/a", "s-2", user_id="bob", metadata=Metadata(country="DE")),
        view("/b", "s-2", user_id="bob", metadata=Metadata(country="FR")),
        at(hour=0, event_type="error", session_id="s-3"),
        at(hour=23, event_type="click", session_id="s-3", properties={"page": "/c"}),
        at(day=20, hour=0),
        at(day=18),
    )
    assert world.run() == ["2026-11-18", "2026-11-19"]
    found = world.read()
    assert (found.date, found.total_events, found.sessions, found.users) == (DAY, 5, 3, 2)
    assert found.by_event_type == {"click": 1, "error": 1, "page_view": 3}
    assert (found.error_count, found.error_rate_pct) == (1, 20.0)
    assert [msgspec.structs.astuple(row) for row in found.top_pages] == [("/a", 2, 2), ("/b", 1, 1)]
    assert [msgspec.structs.astuple(row) for row in found.top_countries] == [("DE", 2, 2), ("FR", 1, 1)]
    assert len(found.by_hour) == 24
    assert found.by_hour[0] == HourCount("2026-11-19T00:00:00.000Z", 1)
    assert [hour.event_count for hour in found.by_hour if hour.event_count] == [1, 3, 1]
    assert {kind: part.rows for kind, part in found.computed_from.items()} == found.by_event_type
    assert find_summary(world.data, DAY) == found


def test_only_the_top_are_listed_and_ties_have_an_order(world):
    world.store(*(view(f"/{number:02}") for number in range(30)), view("/29"))
    world.run()
    assert [row.page for row in world.read().top_pages] == ["/29", *(f"/{number:02}" for number in range(19))]


def test_a_day_without_events(world):
    """Yesterday always has a summary; other days have one when they have events."""
    assert world.run() == [str(DAY)]
    found = world.read()
    assert (found.total_events, found.sessions, found.users, found.error_rate_pct) == (0, 0, 0, 0.0)
    assert (found.top_pages, found.top_countries, found.by_event_type) == ([], [], {})
    with pytest.raises(NotFound, match="There is no summary of 2026-11-18"):
        find_summary(world.data, DAY - dt.timedelta(days=1))


def test_missed_days_are_made_up_for(world):
    for day in range(12, 20):
        world.store(at(day=day))
    assert world.run() == [f"2026-11-{day}" for day in range(12, 20)]
    assert world.opened == 1
    assert world.run() == []
    assert world.opened == 1  # nothing to compute: DuckDB stays closed


def test_a_day_that_has_not_ended_has_no_summary(world):
    world.store(at(day=20, hour=0))
    assert world.run() == [str(DAY)]
    assert world.run(NOW + dt.timedelta(days=1)) == ["2026-11-20"]


def test_late_events_change_their_day_and_no_other(world):
    for day in range(15, 20):
        world.store(at(day=day))
    world.run()
    before = world.files()
    world.store(at(day=17, hour=3, event_type="error"), at(day=20, hour=0))
    assert world.run() == ["2026-11-17"]
    after = world.files()
    assert {name for name in after if after[name] != before[name]} == {"2026-11-17.json"}
    assert world.read(DAY - dt.timedelta(days=2)).total_events == 2


def test_files_that_are_merged_change_no_summary(world):
    for number in range(3):
        world.store(at(hour=number), at(hour=number + 5))
    world.run()
    before, content = world.files(), world.read()
    live = world.lake._cache.files(world.lake._table.refresh().metadata, world.lake._table.io)
    rows = decode(world.journal, world.reader.read(0), NOW).table
    assert world.lake.replace(live, rows)
    assert len(world.snapshots.current().files) == 1
    assert world.run() == []
    assert world.files() == before
    forget_summary(world.data, DAY)
    assert world.run() == [str(DAY)]
    assert world.read() == content


def test_a_day_whose_events_have_gone_keeps_its_summary(world):
    world.store(at(), at(event_type="click"))
    world.run()
    before = world.files()
    live = world.lake._cache.files(world.lake._table.refresh().metadata, world.lake._table.io)
    views = [file for file in live if file.partition[1] == "page_view"]
    empty = decode(world.journal, world.reader.read(0), NOW).table.slice(0, 0)
    assert world.lake.replace(views, empty)
    world.store(at(event_type="click"))
    assert world.run() == []
    assert world.files() == before


def test_a_damaged_summary_is_written_again(world):
    world.run()
    path = world.data / "daily_summaries" / f"{DAY}.json"
    path.write_text('{"date":')
    assert world.run() == [str(DAY)]
    assert world.read().date == DAY


def test_what_was_accepted_before_midnight_is_waited_for(world, monkeypatch):
    world.store(at())
    world.accept(at(), received_at=NOW)
    wanted = world.reader.state().head
    world.accept(at(day=20, hour=0), received_at=NOW)  # of today: nobody waits for it
    waits = []

    def sleep(_):
        waits.append(1)
        if len(waits) == 3:
            chunk = decode(world.journal, world.reader.read(wanted - 1)[:1], NOW)
            assert world.lake.append(chunk.table, world.lake.position(), Position(world.journal, wanted))

    monkeypatch.setattr(summary.time, "sleep", sleep)
    world.run()
    assert (len(waits), world.hurried, world.read().total_events) == (3, [wanted], 2)


def test_a_lake_that_does_not_come_up_is_an_error_and_no_wrong_summary(world, monkeypatch):
    world.accept(at())
    clock = itertools.count()
    monkeypatch.setattr(summary.time, "sleep", lambda _: None)
    monkeypatch.setattr(summary.time, "monotonic", lambda: next(clock) * 100.0)
    with pytest.raises(StoreError, match="too far behind"):
        world.run()
    assert world.read() is None


def test_partitions_are_the_same_however_files_divide_them(world):
    world.store(at(hour=1), at(hour=2))
    world.store(at(hour=3))
    found = partitions(world.snapshots.current(), DAY)["page_view"]
    assert found.rows == 3
    assert found.last - found.first == 2 * 3_600_000_000
