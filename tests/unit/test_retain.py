"""Retention: what is too old goes by type and day, is counted where it goes, and the ledger stays right."""

import datetime as dt
import threading
from pathlib import Path

import pytest
from lake_samples import batch, event

from cloudpulse.batch.retain import Retention, oldest_days
from cloudpulse.batch.writer import LakeWriter
from cloudpulse.engines.local.dead_letters import SqliteDeadLetters
from cloudpulse.engines.local.event_log import SqliteEventLog, SqliteLogReader
from cloudpulse.engines.local.records import SqliteRecords
from cloudpulse.engines.local.warehouse import DuckDbWarehouse
from cloudpulse.errors import SettingError
from cloudpulse.events.model import EVENT_TYPES
from cloudpulse.lake import bronze
from cloudpulse.lake.chunk import decode
from cloudpulse.lake.commit import Lake
from cloudpulse.lake.snapshot import SnapshotReader
from cloudpulse.ops.ledger import LedgerService
from cloudpulse.settings import EventType, Settings, load

NOW = dt.datetime(2026, 11, 20, 10, 30, tzinfo=dt.UTC)


def days_ago(days: int) -> dt.datetime:
    return NOW - dt.timedelta(days=days)


class Crash(BaseException):
    """Stands for the death of the process."""


class World:
    """A data folder to which events of past days come as they would have."""

    def __init__(self, folder: Path, **settings) -> None:
        self.folder = folder
        self.settings = Settings(data=folder, **settings)
        self.log = SqliteEventLog(folder)
        self.reader = SqliteLogReader(folder)
        self.records = SqliteRecords(folder / "records.db")
        self.snapshots = SnapshotReader(self.settings)
        self.warehouse = DuckDbWarehouse(self.settings)
        letters = SqliteDeadLetters(folder / "records.db")
        self.service = LedgerService(self.settings, self.reader, self.snapshots, self.records, letters, self.warehouse)
        self.restart()

    def restart(self) -> None:
        self.lake = Lake(self.settings)
        self.writer = LakeWriter(self.settings, self.lake, self.records)
        self.writer.recover()

    def close(self) -> None:
        self.warehouse.close()
        self.reader.close()
        self.log.close()

    def store(self, events, received_at) -> None:
        seq = self.log.append(batch(0, events, received_at))
        batches = [one for one in self.reader.read(seq - 1) if one.seq == seq]
        self.writer.add(decode(self.reader.state().journal, batches, received_at))
        self.writer.commit(received_at)

    def live(self, days: int) -> None:
        """One event of each type on each of the last days, the oldest first."""
        for age in range(days, -1, -1):
            self.store([event(days_ago(age), kind) for kind in EVENT_TYPES], days_ago(age))

    def retain(self, now=NOW):
        return Retention(self.settings, self.lake, self.records, lambda: now).run(now)

    def ages(self, event_type):
        files = self.snapshots.current().files
        return sorted((NOW.date() - file.day).days for file in files if file.event_type == event_type)

    def report(self):
        return self.service.report(deep=True)


@pytest.fixture
def world(tmp_path):
    worlds = []

    def make(**settings) -> World:
        worlds.append(World(tmp_path, **settings))
        return worlds[-1]

    yield make
    for one in worlds:
        one.close()


def test_by_default_everything_is_kept_for_ever(world):
    world = world()
    world.live(3)
    assert world.retain(NOW + dt.timedelta(days=5000)) == {"events": 0, "bronze_objects": 0}
    assert world.report().ledger.stored == 24


def test_silver_goes_by_type_and_bronze_stays_while_a_type_does(world):
    """Guards mechanism 18: rows that went by their age are counted in the commit that takes them."""
    world = world(retain_days=10, retain_days_by_type={"error": 0, "click": 3})
    world.live(12)
    done = world.retain()
    assert world.ages("click") == list(range(4))
    assert world.ages("page_view") == list(range(11))
    assert world.ages("error") == list(range(13))
    assert done == {"events": 9 + 4 * 2, "bronze_objects": 0}
    report = world.report()
    assert (report.gaps, report.ledger.retired, report.ledger.stored) == ([], 17, 78 - 17)
    assert world.retain() == {"events": 0, "bronze_objects": 0}
    assert world.report().ledger.retired == 17


def test_bronze_goes_when_every_type_has(world):
    """Guards mechanism 18: the events of an object leave the list in the step that counts them."""
    world = world(retain_days=9, retain_days_by_type={"click": 8})
    world.live(12)
    done = world.retain()
    assert done == {"events": 4 + 5 * 3, "bronze_objects": 3}
    assert len(bronze.listed(world.records)) == 10
    assert bronze.retired(world.records) == {world.reader.state().journal: 18}
    report = world.report()
    assert (report.gaps, report.ledger.retired, report.ledger.accepted) == ([], 19, 78)


def test_bronze_stays_while_ids_may_be_read_from_it(world):
    """Guards mechanism 3: a lost id index is rebuilt from the bronze of its window."""
    world = world(retain_days=2)
    world.live(12)
    assert world.retain()["bronze_objects"] == 5
    stored = [file.stored_at for file in bronze.listed(world.records)]
    assert min(stored) >= days_ago(world.settings.dedup_window_days).timestamp() * 1_000_000


def test_days_without_events_pass_too(world):
    world = world(retain_days=2)
    assert world.retain() == {"events": 0, "bronze_objects": 0}
    world.live(1)
    assert world.retain(NOW + dt.timedelta(days=1))["events"] == 0
    assert world.lake.retired().before["click"] == days_ago(1).date()
    assert world.report().gaps == []
    assert world.lake._table.refresh().scan().to_arrow().num_rows == 12


def test_what_went_is_unlinked_late(world):
    """Guards mechanism 12: a query that has begun still reads it."""
    world = world(retain_days=9)
    world.live(12)
    world.lake.collect_garbage(world.records, NOW)
    before = {path for path in world.folder.rglob("*") if path.suffix in {".parquet", ".zst"}}
    world.retain()
    delay = dt.timedelta(seconds=world.settings.unlink_delay_seconds)
    world.lake.collect_garbage(world.records, NOW + delay - dt.timedelta(seconds=1))
    assert all(path.exists() for path in before)
    world.lake.collect_garbage(world.records, NOW + delay)
    kept = {path for path in before if path.exists()}
    listed = {world.folder / file.path for file in bronze.listed(world.records)}
    assert kept == listed | {Path(file.path) for file in world.snapshots.current().files}


def test_late_events_of_a_day_that_went_go_with_the_next_run(world):
    world = world(retain_days=9)
    world.live(12)
    world.retain()
    world.store([event(days_ago(11), "click")], NOW)
    assert world.report().gaps == []
    assert world.ages("click") == [*range(10), 11]
    assert world.retain()["events"] == 1
    report = world.report()
    assert (report.gaps, report.ledger.retired) == ([], 19)


def test_a_longer_age_brings_nothing_back_and_takes_nothing_more(world):
    one = world(retain_days=3)
    one.live(12)
    one.retain()
    taken = one.lake.retired()
    one.settings = Settings(data=one.folder, retain_days=30)
    one.retain()
    assert one.lake.retired() == taken
    assert taken.covers(days_ago(4).date(), "click")
    assert not taken.covers(days_ago(3).date(), "click")
    assert one.report().gaps == []


@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize(("owner", "step"), [(Lake, "_commit"), (SqliteRecords, "exchange")])
def test_a_crash_at_either_commit_loses_and_counts_nothing_twice(world, monkeypatch, owner, step, moment):
    """Guards mechanism 18: rows and their count, objects and their count, go in one step each."""
    world = world(retain_days=9)
    world.live(12)
    original = getattr(owner, step)

    def dying(*args):
        if moment == "after":
            original(*args)
        raise Crash

    with monkeypatch.context() as patch:
        patch.setattr(owner, step, dying)
        with pytest.raises(Crash):
            world.retain()
    world.restart()
    assert world.report().gaps == []
    world.retain()
    report = world.report()
    assert (report.gaps, report.ledger.retired) == ([], 18)
    assert bronze.retired(world.records) == {world.reader.state().journal: 18}


def test_events_of_an_earlier_journal_are_still_accounted_for(world):
    """Guards mechanism 18: when their bronze has gone, its count tells that they were accepted."""
    one = world(retain_days=9)
    one.live(12)
    journal = one.reader.state().journal
    one.reader.close()
    one.log.close()
    for path in one.folder.glob("journal.db*"):
        path.unlink()
    two = world(retain_days=9)
    assert two.reader.state().journal != journal
    two.retain()
    report = two.report()
    assert (report.gaps, report.ledger.retired) == ([], 18)


def test_who_verifies_and_counts_meanwhile_sees_no_gap(world):
    """Guards mechanisms 12 and 18: the writer, retention and the ledger at once."""
    world = world(retain_days=9)
    stop, gaps, counts = threading.Event(), [], []

    def verify():
        while not stop.is_set():
            report = world.service.report(deep=False)
            gaps.extend(report.gaps)
            counts.append(report.ledger.stored + report.ledger.retired)

    world.live(9)
    thread = threading.Thread(target=verify)
    thread.start()
    for later in range(1, 13):
        now = NOW + dt.timedelta(days=later)
        world.store([event(now, kind) for kind in EVENT_TYPES], now)
        world.retain(now)
    stop.set()
    thread.join()
    assert not gaps
    assert counts == sorted(counts)
    assert world.report().ledger.retired == 72


def test_the_ages_of_the_settings(tmp_path):
    environ = {"CLOUDPULSE_RETAIN_DAYS": "400", "CLOUDPULSE_RETAIN_DAYS_BY_TYPE": "error=30, click=0"}
    settings = load({"data": tmp_path}, environ)
    days = oldest_days(settings, NOW.date())
    assert days["error"] == days_ago(30).date()
    assert days["custom"] == days_ago(400).date()
    assert "click" not in days
    (tmp_path / "settings.toml").write_text("retain_days_by_type = { error = 30, click = 0 }\n")
    assert load({"data": tmp_path}, {}).retain_days_by_type == settings.retain_days_by_type


@pytest.mark.parametrize("text", ["error", "error=x", "error=-1", "purchase=3", "=3"])
def test_bad_ages_are_refused_by_name(tmp_path, text):
    with pytest.raises(SettingError, match="retain_days_by_type"):
        load({"data": tmp_path}, {"CLOUDPULSE_RETAIN_DAYS_BY_TYPE": text})


def test_settings_know_the_event_types():
    assert EventType.__args__ == EVENT_TYPES
