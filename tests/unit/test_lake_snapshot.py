"""What a reader sees of the lake."""

import datetime as dt
import threading

import pytest
from lake_samples import JOURNAL, NOW, chunk
from pyiceberg.manifest import ManifestFile

from cloudpulse.events.model import Position
from cloudpulse.lake.commit import Lake
from cloudpulse.lake.snapshot import EMPTY, SnapshotReader
from cloudpulse.settings import Settings

YESTERDAY = NOW - dt.timedelta(days=1)


@pytest.fixture
def settings(tmp_path):
    return Settings(data=tmp_path)


def at(seq: int) -> Position:
    return Position(JOURNAL, seq)


def test_there_need_not_be_a_lake(settings):
    reader = SnapshotReader(settings)
    assert reader.current() == EMPTY
    assert not (settings.data / "lake").exists()
    lake = Lake(settings)
    assert (reader.current().position, reader.current().files) == (None, ())
    assert lake.append(chunk(1, 1).table, None, at(1))
    assert reader.current().rows == 3


def test_files_and_position_are_of_one_version(settings, monkeypatch):
    """Guards mechanism 12: a reader that takes the two from different versions misses or doubles events."""
    lake, reader = Lake(settings), SnapshotReader(settings)
    for seq in range(1, 8):
        assert lake.append(chunk(seq, seq).table, at(seq - 1) if seq > 1 else None, at(seq))
        snapshot = reader.current()
        assert (snapshot.position, snapshot.rows) == (at(seq), 3 * seq)

    original = ManifestFile.fetch_manifest_entry

    def overtaken(self, *args, **fields):
        monkeypatch.setattr(ManifestFile, "fetch_manifest_entry", original)
        assert lake.append(chunk(8, 8).table, at(7), at(8))
        return original(self, *args, **fields)

    monkeypatch.setattr(ManifestFile, "fetch_manifest_entry", overtaken)
    fresh = SnapshotReader(settings).current()
    assert (fresh.position, fresh.rows) == (at(7), 21)


def test_readers_and_a_writer_at_once(settings):
    """Guards mechanism 12, and that one reader serves many threads."""
    lake, reader = Lake(settings), SnapshotReader(settings)
    done, wrong = threading.Event(), []

    def read():
        while not done.is_set():
            snapshot = reader.current()
            if snapshot.rows != 3 * (snapshot.position.seq if snapshot.position else 0):
                wrong.append(snapshot)

    threads = [threading.Thread(target=read) for _ in range(3)]
    for thread in threads:
        thread.start()
    for seq in range(1, 25):
        assert lake.append(chunk(seq, seq).table, at(seq - 1) if seq > 1 else None, at(seq))
        lake.merge_small_files()
    done.set()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_counts_come_from_the_metadata(settings):
    lake = Lake(settings)
    assert lake.append(chunk(1, 2, event_type="click").table, None, at(2))
    assert lake.append(chunk(3, 3, received_at=YESTERDAY, event_type="error").table, at(2), at(3))
    snapshot = SnapshotReader(settings).current()
    for file in snapshot.files:
        (settings.data / file.path).unlink()
    counts = {(file.day, file.event_type): file.rows for file in snapshot.files}
    assert counts == {(NOW.date(), "click"): 6, (YESTERDAY.date(), "error"): 3}


def test_days_before_1970_are_days_too(settings):
    old = dt.datetime(1969, 12, 31, 23, 30, tzinfo=dt.UTC)
    assert Lake(settings).append(chunk(1, 1, received_at=old).table, None, at(1))
    assert [file.day for file in SnapshotReader(settings).current().files] == [dt.date(1969, 12, 31)]


def test_nothing_is_read_again_while_nothing_changes(settings, monkeypatch):
    lake, reader = Lake(settings), SnapshotReader(settings)
    assert lake.append(chunk(1, 1).table, None, at(1))
    first, reads = reader.current(), []
    original = ManifestFile.fetch_manifest_entry

    def counted(self, *args, **fields):
        reads.append(self.manifest_path)
        return original(self, *args, **fields)

    monkeypatch.setattr(ManifestFile, "fetch_manifest_entry", counted)
    assert reader.current() is first
    assert lake.append(chunk(2, 2).table, at(1), at(2))
    assert reader.current().rows == 6
    assert len(reads) == 1, "only the new manifest is read"
