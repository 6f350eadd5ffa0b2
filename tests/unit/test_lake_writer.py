"""The batch layer's consumer: cadence, the order of a commit, and what a crash leaves."""

import datetime as dt

import msgspec
import pyarrow.parquet as pq
import pytest
from lake_samples import JOURNAL, NOW, batch, chunk, event

from cloudpulse.batch.writer import BACKFILL_FACTOR, BACKFILL_SECONDS, LakeWriter
from cloudpulse.engines.local.records import SqliteRecords
from cloudpulse.errors import StoreError
from cloudpulse.events.model import Position
from cloudpulse.lake import bronze
from cloudpulse.lake.chunk import decode, empty
from cloudpulse.lake.commit import Lake
from cloudpulse.lake.snapshot import SnapshotReader
from cloudpulse.settings import Settings


class Crash(Exception):
    """Stands for the death of the process."""


@pytest.fixture
def settings(tmp_path):
    return Settings(data=tmp_path, lake_commit_events=30)


@pytest.fixture
def records(tmp_path):
    return SqliteRecords(tmp_path / "records.db")


@pytest.fixture
def start(settings, records):
    def start(**changed):
        writer = LakeWriter(msgspec.structs.replace(settings, **changed), Lake(settings), records)
        writer.recover()
        return writer

    return start


def at(seq: int) -> Position:
    return Position(JOURNAL, seq)


def users(settings):
    """How often each batch is in silver."""
    files = [file.path for file in SnapshotReader(settings).current().files]
    names = [name for path in files for name in pq.ParquetFile(path).read(["user_id"])["user_id"].to_pylist()]
    return sorted(names)


def bronze_events(settings, records):
    """Lines of all bronze objects on disk, which must be the listed ones."""
    listed = bronze.listed(records)
    assert sorted(file.path for file in listed) == sorted(
        str(path.relative_to(settings.data)) for path in (settings.data / "bronze").rglob("*.zst")
    )
    return sum(bronze.read(settings.data, file).count(b"\n") for file in listed)


def test_a_commit_writes_both_layers_and_the_position(start, settings, records):
    writer = start()
    writer.add(chunk(1, 2))
    writer.add(chunk(3, 4))
    assert (writer.position(), writer.commit(NOW), writer.position()) == (None, at(4), at(4))
    assert users(settings) == sorted(["u1", "u2", "u3", "u4"] * 3)
    assert bronze_events(settings, records) == 12
    assert writer.commit(NOW) == at(4)


def test_a_commit_is_due_by_events_bytes_or_age(start):
    """Guards mechanism 10."""
    writer = start()
    assert not writer.due(NOW + dt.timedelta(days=1))
    writer.add(chunk(1, 1))
    assert not writer.due(NOW + dt.timedelta(seconds=9.9))
    assert writer.due(NOW + dt.timedelta(seconds=10))
    writer.add(chunk(2, 10))
    assert writer.due(NOW)
    heavy = start(lake_commit_bytes=100)
    heavy.add(chunk(1, 1))
    assert heavy.due(NOW)


def test_old_days_gather_for_longer(start):
    """Guards mechanism 10: a backfill at the usual cadence makes a file per day and type every ten seconds."""
    writer = start()
    old = [event(NOW - dt.timedelta(days=day)) for day in range(30, 60)]
    writer.add(decode(JOURNAL, [batch(1, old)], NOW))
    assert not writer.due(NOW + dt.timedelta(seconds=BACKFILL_SECONDS - 1))
    assert writer.due(NOW + dt.timedelta(seconds=BACKFILL_SECONDS))
    for seq in range(2, BACKFILL_FACTOR + 1):
        assert not writer.due(NOW)
        writer.add(decode(JOURNAL, [batch(seq, old)], NOW))
    assert writer.due(NOW)
    writer.add(chunk(9, 9, per_batch=200))
    assert writer.due(NOW + dt.timedelta(seconds=10))


def test_a_batch_that_was_set_aside_is_passed_over(start, settings):
    writer = start()
    writer.add(chunk(1, 1))
    writer.add(empty(at(2), NOW))
    assert writer.commit(NOW) == at(2)
    writer.add(empty(at(3), NOW))
    assert writer.commit(NOW) == at(3)
    assert start().position() == at(3)
    assert users(settings) == ["u1"] * 3


@pytest.mark.parametrize("step", ["announce", "write", "append", "settle"])
@pytest.mark.parametrize("after", [False, True])
def test_a_crash_anywhere_loses_and_doubles_nothing(start, settings, records, monkeypatch, step, after):
    """Guards mechanisms 7 and 9: whatever the step that dies, the next run gives each batch once in both layers."""
    owner = Lake if step == "append" else bronze
    original = getattr(owner, step)

    def dying(*args):
        if after:
            original(*args)
        raise Crash

    writer = start()
    writer.add(chunk(1, 2))
    assert writer.commit(NOW) == at(2)
    writer.add(chunk(3, 6))
    with monkeypatch.context() as patch:
        patch.setattr(owner, step, dying)
        with pytest.raises(Crash):
            writer.commit(NOW)
    again = start()
    begin = again.position().seq + 1
    assert begin in (3, 7)
    for seq in range(begin, 9):
        again.add(chunk(seq, seq))
    assert again.commit(NOW) == at(8)
    assert users(settings) == sorted([f"u{seq}" for seq in range(1, 9)] * 3)
    assert bronze_events(settings, records) == 24
    assert bronze.pending(records) == []
    for seq in range(1, 9):
        assert bronze.locate(records, JOURNAL, seq) is not None


def test_a_writer_that_was_overtaken_stops_and_goes_on_from_the_lake(start, settings, records):
    """Guards mechanism 11: two writers on one lake double nothing."""
    first, second = start(), start()
    first.add(chunk(1, 2))
    second.add(chunk(1, 3))
    assert second.commit(NOW) == at(3)
    with pytest.raises(StoreError):
        first.commit(NOW)
    first.recover()
    assert first.position() == at(3)
    first.add(chunk(4, 4))
    assert first.commit(NOW) == at(4)
    assert users(settings) == sorted(["u1", "u2", "u3", "u4"] * 3)


def test_a_new_journal_begins_a_new_epoch(start, settings, records):
    writer = start()
    writer.add(chunk(1, 5))
    writer.commit(NOW)
    writer.add(msgspec.structs.replace(chunk(1, 2), journal="b0b0"))
    assert writer.commit(NOW) == Position("b0b0", 2)
    start()
    assert bronze_events(settings, records) == 21


def test_a_failing_merge_does_not_stop_commits(start, monkeypatch):
    def fail(lake):
        raise OSError("no space")

    writer = start()
    writer.add(chunk(1, 1))
    monkeypatch.setattr(Lake, "merge_small_files", fail)
    assert writer.commit(NOW) == at(1)


def test_a_batch_that_somebody_waits_for_is_due_once_it_is_gathered(start):
    writer = start(lake_commit_seconds=60)
    writer.hurry(3)
    writer.add(chunk(1, 2))
    assert not writer.due(NOW)
    writer.add(chunk(3, 4))
    assert writer.due(NOW)
    writer.commit(NOW)
    writer.add(chunk(5, 6))
    assert not writer.due(NOW)
