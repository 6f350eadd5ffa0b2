"""What a crash leaves is removed; what is named, in use, young, or not ours stays."""

import datetime as dt
import os
from pathlib import Path
from uuid import uuid4

import pytest
from lake_samples import NOW, chunk

from cloudpulse.batch.sweep import sweep
from cloudpulse.batch.writer import LakeWriter
from cloudpulse.engines.local.records import SqliteRecords
from cloudpulse.errors import StoreError
from cloudpulse.lake import bronze, orphans
from cloudpulse.lake.commit import Lake
from cloudpulse.lake.snapshot import SnapshotReader
from cloudpulse.settings import Settings

LATER = NOW + dt.timedelta(days=2)


class World:
    """A lake with a history, all of it two days old at ``LATER``."""

    def __init__(self, folder: Path) -> None:
        self.settings = Settings(data=folder)
        self.lake = Lake(self.settings)
        self.records = SqliteRecords(folder / "records.db")
        writer = LakeWriter(self.settings, self.lake, self.records)
        for seq in range(1, 8):
            writer.add(chunk(seq, seq))
            writer.commit(NOW)

    def sweep(self, now=LATER):
        return sweep(self.settings, self.lake, self.records, self.settings.data / "tail", now)

    def leave(self, name: str, age=dt.timedelta(days=2)) -> Path:
        path = self.settings.data / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"left")
        self.date(path, LATER - age)
        return path

    def date(self, path: Path, moment: dt.datetime) -> None:
        os.utime(path, (moment.timestamp(),) * 2)

    def all_old(self) -> set[Path]:
        files = {path for path in self.settings.data.rglob("*") if path.is_file() and ".db" not in path.name}
        for path in files:
            self.date(path, NOW)
        return files

    def rows(self) -> int:
        snapshot = SnapshotReader(self.settings).current()
        assert all(Path(file.path).exists() for file in snapshot.files)
        return snapshot.rows


@pytest.fixture
def world(tmp_path):
    return World(tmp_path)


def leftovers():
    data = "lake/events/data/day=2026-11-20/event_type=click"
    metadata = "lake/events/metadata"
    return [
        f"{data}/{uuid4()}.parquet",
        f"{metadata}/{uuid4()}-m0.avro",
        f"{metadata}/snap-123-0-{uuid4()}.avro",
        f"{metadata}/00012-{uuid4()}.metadata.json",
        "bronze/year=2026/month=11/day=20/hour=10/7f3a-90-95.ndjson.zst",
        "bronze/year=2026/month=11/day=20/hour=10/.7f3a-90-95.ndjson.zst.tmp",
        "daily_summaries/.2026-11-19.json.tmp",
        "tail/7f3a-1-2.tmp",
    ]


def test_what_a_crash_left_goes_late(world):
    """Guards mechanism 12: even what nothing names stays for unlink_delay_seconds, for a query may still read it."""
    left = [world.leave(name) for name in leftovers()]
    done = world.sweep()
    assert (done["lake_files"], done["bronze_objects"], done["temporary_files"]) == (4, 1, 3)
    assert world.sweep()["lake_files"] == 0, "handed over twice"
    assert all(path.exists() for path in left)
    delay = dt.timedelta(seconds=world.settings.unlink_delay_seconds)
    world.lake.collect_garbage(world.records, LATER + delay)
    assert not any(path.exists() for path in left)
    assert world.rows() == 21


def test_all_that_is_named_stays_however_old(world):
    """Guards mechanism 12: the list of what is named holds every snapshot and version that is still known."""
    world.lake.collect_garbage(world.records, LATER)
    files = world.all_old()
    done = world.sweep()
    assert (done["lake_files"], done["bronze_objects"], done["temporary_files"]) == (0, 0, 0)
    world.lake.collect_garbage(world.records, LATER + dt.timedelta(days=1))
    assert {path for path in files if not path.exists()} == set()
    assert world.lake._table.refresh().scan().to_arrow().num_rows == world.rows() == 21


def test_young_files_stay(world):
    """Guards mechanism 11: files of a commit under way are named by nothing yet."""
    for name in leftovers():
        world.leave(name, dt.timedelta(hours=23))
    done = world.sweep()
    assert (done["lake_files"], done["bronze_objects"], done["temporary_files"]) == (0, 0, 0)


def test_announced_objects_stay(world):
    path = world.leave("bronze/year=2026/month=11/day=20/hour=10/7f3a-90-95.ndjson.zst")
    file = bronze.BronzeFile(path=str(path), journal="7f3a", first=90, last=95, min_ts=0, max_ts=0, n=1, stored_at=0)
    bronze.announce(world.records, [file])
    assert world.sweep()["bronze_objects"] == 0


def test_what_is_not_ours_stays(world):
    for name in (
        "lake/events/data/notes.txt",
        "lake/events/data/day=2026-11-20/event_type=click/mine.parquet",
        "lake/events/metadata/README.md",
        "bronze/readme.ndjson.zst",
        "bronze/export.csv",
        "tail/notes.txt",
        "mine.tmp",
    ):
        world.leave(name)
    done = world.sweep()
    assert (done["lake_files"], done["bronze_objects"], done["temporary_files"]) == (0, 0, 0)


def test_nothing_goes_when_the_names_are_those_of_another_folder(world, monkeypatch):
    world.all_old()
    monkeypatch.setattr(orphans, "named_locations", lambda *_: {"file:///elsewhere/data/x.parquet"})
    with pytest.raises(StoreError, match="outside"):
        world.sweep()


def test_a_crash_between_a_commit_and_its_garbage_leaves_nothing_for_ever(world):
    """Guards mechanism 12: what leaves the lake is unlinked, though a restart forgot it."""
    live = world.lake.live_files()
    assert world.lake.replace(live, chunk(1, 7).table)
    world.lake = Lake(world.settings)
    world.all_old()
    assert world.sweep()["lake_files"] > 7
    old = [Path(file.file_path.removeprefix("file://")) for file in live]
    assert all(path.exists() for path in old)
    world.lake.collect_garbage(world.records, LATER + dt.timedelta(hours=1))
    assert not any(path.exists() for path in old)
    assert world.rows() == 21
