"""A lake that was moved is found where it is now (mechanism 21)."""

import shutil

from lake_samples import JOURNAL, chunk
from pyiceberg.catalog.sql import SqlCatalog

from cloudpulse.events.model import Position
from cloudpulse.lake.commit import EXPIRE_EVERY, KEEP_SNAPSHOTS, Lake
from cloudpulse.lake.relocate import named_files, rename
from cloudpulse.lake.snapshot import SnapshotReader
from cloudpulse.settings import Settings


def fill(data, commits=3, first=1):
    lake = Lake(Settings(data=data))
    for seq in range(first, first + commits):
        assert lake.append(chunk(seq, seq).table, lake.position(), Position(JOURNAL, seq))
    return SnapshotReader(Settings(data=data)).current()


def test_a_lake_moves_with_its_folder_and_goes_on_there(tmp_path):
    """Mechanism 21: every name that a foreign engine reads is the present one."""
    before = fill(tmp_path / "old")
    shutil.move(tmp_path / "old", tmp_path / "new place")
    after = fill(tmp_path / "new place", commits=KEEP_SNAPSHOTS + EXPIRE_EVERY + 1, first=4)
    assert (before.position, after.position) == (Position(JOURNAL, 3), Position(JOURNAL, 64))
    assert (before.rows, after.rows) == (9, 64 * 3)
    assert {path for file in after.files for path in [file.path] if str(tmp_path / "new place") not in path} == set()
    catalog = SqlCatalog("cloudpulse", uri=f"sqlite:///{tmp_path}/new place/lake/catalog.db")
    ids = catalog.load_table("cloudpulse.events").scan().to_arrow()["event_id"].to_pylist()
    catalog.engine.dispose()
    assert len(set(ids)) == 64 * 3


def test_a_copy_never_touches_its_original(tmp_path):
    fill(tmp_path / "old")
    shutil.copytree(tmp_path / "old", tmp_path / "new")
    names = {
        path: path.stat().st_mtime_ns for path in (tmp_path / "old" / "lake" / "events").rglob("*") if path.is_file()
    }
    fill(tmp_path / "new", first=4)
    assert {
        path: path.stat().st_mtime_ns for path in (tmp_path / "old" / "lake" / "events").rglob("*") if path.is_file()
    } == names


def test_renaming_twice_and_an_empty_lake(tmp_path):
    rename(Settings(data=tmp_path / "none"))
    assert not (tmp_path / "none").exists()
    Lake(Settings(data=tmp_path / "empty"))
    rename(Settings(data=tmp_path / "empty"))
    assert fill(tmp_path / "empty").rows == 9
    for _ in range(2):
        rename(Settings(data=tmp_path / "empty"))
    assert fill(tmp_path / "empty", first=4).position == Position(JOURNAL, 6)
    assert SnapshotReader(Settings(data=tmp_path / "empty")).current().rows == 18


def test_named_files_are_enough(tmp_path):
    fill(tmp_path)
    named = {name.removeprefix("file://") for name in named_files(Settings(data=tmp_path))}
    for path in (tmp_path / "lake" / "events").rglob("*"):
        if path.is_file() and str(path) not in named:
            path.unlink()
    rename(Settings(data=tmp_path))
    assert fill(tmp_path, first=4).rows == 18
