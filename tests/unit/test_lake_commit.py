"""Commits: rows and position in one step, durable, cheap over hundreds of them, and readable by anyone."""

import datetime as dt
import errno
import os
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path
from random import Random

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from lake_samples import JOURNAL, NOW, batch, chunk, event
from pyiceberg.catalog.sql import SqlCatalog
from pyiceberg.exceptions import CommitFailedException
from pyiceberg.expressions.visitors import _ManifestEvalVisitor, visit

from cloudpulse.engines.local.records import SqliteRecords
from cloudpulse.errors import StoreError
from cloudpulse.events.model import EVENT_TYPES, Position
from cloudpulse.lake import parquet
from cloudpulse.lake.chunk import decode
from cloudpulse.lake.commit import EXPIRE_EVERY, KEEP_SNAPSHOTS, Lake
from cloudpulse.lake.merge import MAX_SMALL_FILES
from cloudpulse.lake.snapshot import SnapshotReader
from cloudpulse.settings import Settings


@pytest.fixture
def settings(tmp_path):
    return Settings(data=tmp_path)


@pytest.fixture
def lake(settings):
    return Lake(settings)


def at(seq: int) -> Position:
    return Position(JOURNAL, seq)


def rows_of(lake: Lake) -> pa.Table:
    return lake._table.refresh().scan().to_arrow()


def files_of(lake: Lake, suffix: str) -> set[Path]:
    return set(Path(lake._table.location().removeprefix("file://")).rglob(f"*{suffix}"))


def many_types(seq: int) -> pa.Table:
    return pa.concat_tables([chunk(seq, seq, 2, event_type=kind).table for kind in EVENT_TYPES])


def test_rows_and_position_arrive_together(lake, settings):
    assert lake.position() is None
    assert lake.append(chunk(1, 4).table, None, at(4))
    assert (lake.position(), rows_of(lake).num_rows) == (at(4), 12)
    assert Lake(settings).position() == at(4)


def test_an_append_from_another_position_changes_nothing(lake, settings):
    """Guards mechanism 7: without the look at the position the same batches are in the lake twice."""
    other = Lake(settings)
    table = chunk(1, 4).table
    assert other.append(table, None, at(4))
    assert not lake.append(table, None, at(4))
    assert (lake.position(), rows_of(lake).num_rows) == (at(4), 12)
    assert len(files_of(lake, ".parquet")) == 1, "the files of the refused append stay behind"


def test_a_lost_race_looks_at_the_position_again(lake, settings, monkeypatch):
    """Guards mechanism 7: pyiceberg's own retry would land the append a second time."""
    other, table = Lake(settings), chunk(1, 4).table
    first_try = lake._table.catalog.commit_table

    def overtaken(*args):
        monkeypatch.setattr(type(lake._table.catalog), "commit_table", original)
        assert other.append(table, None, at(4))
        return first_try(*args)

    original = type(lake._table.catalog).commit_table
    monkeypatch.setattr(type(lake._table.catalog), "commit_table", lambda self, *args: overtaken(*args))
    assert not lake.append(table, None, at(4))
    assert rows_of(lake).num_rows == 12


def test_a_change_that_leaves_the_position_alone_does_not_stop_an_append(lake, settings, monkeypatch):
    """Guards mechanism 7: our own loop tries again when only the files have changed."""
    other = Lake(settings)
    assert lake.append(chunk(1, 1).table, None, at(1))
    original = type(lake._table.catalog).commit_table

    def overtaken(self, *args):
        monkeypatch.setattr(type(lake._table.catalog), "commit_table", original)
        live = other._cache.files(other._table.refresh().metadata, other._table.io)
        assert other.replace(live, chunk(1, 1).table)
        return original(self, *args)

    monkeypatch.setattr(type(lake._table.catalog), "commit_table", overtaken)
    assert lake.append(chunk(2, 2).table, at(1), at(2))
    assert (lake.position(), rows_of(lake).num_rows) == (at(2), 6)


def test_endless_conflicts_end_in_an_error(lake, monkeypatch):
    def refuse(*args):
        raise CommitFailedException("always")

    monkeypatch.setattr(type(lake._table.catalog), "commit_table", refuse)
    with pytest.raises(StoreError):
        lake.append(chunk(1, 1).table, None, at(1))
    assert not files_of(lake, ".parquet")


def test_the_position_moves_without_rows(lake):
    assert lake.append(chunk(1, 1).table, None, at(1))
    assert lake.append(chunk(2, 2).table.slice(0, 0), at(1), at(2))
    assert (lake.position(), rows_of(lake).num_rows) == (at(2), 3)


def test_a_killed_commit_leaves_all_or_nothing(tmp_path):
    """Guards mechanism 7: a process that dies at any file it writes leaves rows and position in step."""
    script = (
        "import os, sys\n"
        "from lake_samples import JOURNAL, chunk\n"
        "from cloudpulse.events.model import Position\n"
        "from cloudpulse.lake.commit import Lake\n"
        "from cloudpulse.settings import Settings\n"
        "from pathlib import Path\n"
        "lake = Lake(Settings(data=Path(sys.argv[1])))\n"
        "left, sync = int(sys.argv[2]), os.fsync\n"
        "def dying(handle):\n"
        "    global left\n"
        "    left -= 1\n"
        "    os._exit(9) if left < 0 else sync(handle)\n"
        "os.fsync = dying\n"
        "lake.append(chunk(1, 4).table, None, Position(JOURNAL, 4))\n"
    )
    seen = set()
    for syncs in (3, 8, 99):
        data = tmp_path / str(syncs)
        environ = os.environ | {"PYTHONPATH": os.pathsep.join([str(Path(__file__).parent), *sys.path])}
        subprocess.run([sys.executable, "-c", script, str(data), str(syncs)], env=environ, check=False, timeout=60)
        lake = Lake(Settings(data=data))
        outcome = (lake.position(), rows_of(lake).num_rows)
        assert outcome in {(None, 0), (at(4), 12)}
        seen.add(outcome)
        if lake.position() is None:
            assert lake.append(chunk(1, 4).table, None, at(4))
            assert rows_of(lake).num_rows == 12
    assert len(seen) == 2


def test_every_file_of_a_commit_is_synced_before_the_catalog_names_it(lake, monkeypatch):
    """Guards mechanism 8: pyiceberg alone syncs nothing."""
    synced, sync = [], os.fsync

    def recording(handle):
        synced.append(os.readlink(f"/proc/self/fd/{handle}"))
        sync(handle)

    monkeypatch.setattr(os, "fsync", recording)
    original = type(lake._table.catalog).commit_table
    before_catalog = []

    def commit(self, *args):
        before_catalog.extend(synced)
        return original(self, *args)

    monkeypatch.setattr(type(lake._table.catalog), "commit_table", commit)
    assert lake.append(many_types(1), None, at(1))
    data, avro = files_of(lake, ".parquet"), files_of(lake, ".avro")
    assert len(data) == 6
    assert len(avro) == 2
    assert {str(path) for path in data | avro} <= set(before_catalog)
    for path in data | avro | {Path(lake._table.metadata_location.removeprefix("file://"))}:
        last = len(synced) - 1 - synced[::-1].index(str(path))
        assert str(path.parent) in synced[last:], f"the name {path.name} is not durable"
    folders = {parent for path in data for parent in list(path.parents)[:3]}
    assert {str(folder.parent) for folder in folders} <= set(synced), "a new folder's name is not durable"


def test_the_catalog_syncs_its_commits(lake):
    """Guards mechanism 8: with a rollback journal, or less than FULL, a power cut takes a commit back."""
    with lake._table.catalog.engine.connect() as connection:
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
        assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 2


def test_files_are_sorted_by_time_and_hold_one_day_and_type(lake, settings):
    """Guards mechanism 10: an append sorts nothing by itself."""
    table = pa.concat_tables(
        [
            chunk(seq, seq, received_at=NOW - dt.timedelta(hours=hours), event_type=kind).table
            for seq, (hours, kind) in enumerate(
                [(2, "click"), (30, "error"), (3, "click"), (1, "error"), (31, "error")]
            )
        ]
    )
    assert lake.append(table, None, at(5))
    files = SnapshotReader(settings).current().files
    assert sorted((file.day.isoformat(), file.event_type, file.rows) for file in files) == [
        ("2026-11-19", "error", 6),
        ("2026-11-20", "click", 6),
        ("2026-11-20", "error", 3),
    ]
    for file in files:
        times = pa.parquet.read_table(file.path, partitioning=None)["timestamp"].cast(pa.int64()).to_pylist()
        assert times == sorted(times)
        assert (times[0], times[-1]) == (file.min_timestamp, file.max_timestamp)


def test_rows_of_many_days_in_any_order_land_in_their_own_partition(lake, settings):
    """The runs of a sorted table must be cut in its order: 120 days of six types, shuffled, of uneven sizes."""
    random = Random(7)
    events = [
        event(NOW - dt.timedelta(minutes=random.randrange(120 * 1440)), random.choice(EVENT_TYPES))
        for _ in range(3_000)
    ]
    assert lake.append(decode(JOURNAL, [batch(1, events)], NOW).table, None, at(1))
    expected = Counter((moment.timestamp.date(), moment.event_type) for moment in events)
    files = SnapshotReader(settings).current().files
    assert {(file.day, file.event_type): file.rows for file in files} == expected
    assert len(files) == len(expected)
    for file in files:
        rows = pq.ParquetFile(file.path).read(["timestamp", "event_type"])
        assert {moment.date() for moment in rows["timestamp"].to_pylist()} == {file.day}
        assert set(rows["event_type"].to_pylist()) == {file.event_type}


def test_hundreds_of_small_commits_keep_metadata_small(lake, settings, tmp_path):
    """Guards mechanism 10: without merging and expiry every commit costs more than the one before."""
    records = SqliteRecords(tmp_path / "records.db")
    hour = dt.timedelta(hours=1)
    table, now = chunk(1, 1).table, NOW
    for seq in range(1, 306):
        assert lake.append(table, at(seq - 1) if seq > 1 else None, at(seq))
        lake.merge_small_files()
        lake.collect_garbage(records, now := now + hour)
    lake.collect_garbage(records, now + hour)
    metadata = lake._table.metadata
    snapshot = metadata.current_snapshot()
    assert len(metadata.snapshots) <= KEEP_SNAPSHOTS + EXPIRE_EVERY
    assert len(metadata.snapshot_log) <= KEEP_SNAPSHOTS + EXPIRE_EVERY
    assert len(snapshot.manifests(lake._table.io)) <= 40
    files = SnapshotReader(settings).current().files
    assert sum(file.rows for file in files) == 305 * table.num_rows
    assert len(files) <= MAX_SMALL_FILES
    newest = Path(lake._table.metadata_location.removeprefix("file://"))
    assert newest.stat().st_size < 100_000
    assert len(files_of(lake, ".metadata.json")) <= 25
    named = {manifest.manifest_path for s in metadata.snapshots for manifest in s.manifests(lake._table.io)}
    assert len(files_of(lake, ".avro")) == len(named) + len(metadata.snapshots), "unnamed files stay behind"
    assert len(files_of(lake, ".parquet")) == len(files)


def test_commits_to_ever_new_days_keep_metadata_small(lake, tmp_path):
    """Guards mechanism 10 where nothing is merged: manifests are gathered and old snapshots go."""
    records = SqliteRecords(tmp_path / "records.db")
    for seq in range(1, 131):
        rows = chunk(seq, seq, received_at=NOW - dt.timedelta(days=seq)).table
        assert lake.append(rows, at(seq - 1) if seq > 1 else None, at(seq))
        assert lake.merge_small_files() == 0
        lake.collect_garbage(records, NOW + dt.timedelta(hours=seq))
        assert len(lake._table.metadata.snapshots) <= KEEP_SNAPSHOTS + EXPIRE_EVERY
        assert len(lake._table.metadata.current_snapshot().manifests(lake._table.io)) <= 33
    assert rows_of(lake).num_rows == 3 * 130
    assert len(files_of(lake, ".avro")) < 150


def test_a_replacement_of_files_that_have_gone_is_refused(lake):
    """Guards mechanism 11: rows of a file that someone else replaced must not come back."""
    assert lake.append(chunk(1, 1).table, None, at(1))
    live = lake._cache.files(lake._table.metadata, lake._table.io)
    assert lake.replace(live, chunk(1, 1).table)
    assert not lake.replace(live, chunk(1, 1).table)
    assert (rows_of(lake).num_rows, lake.position()) == (3, at(1))


def test_rows_appended_during_a_replacement_stay(lake):
    """Guards mechanism 11: a replacement takes exactly the files it was prepared from."""
    assert lake.append(chunk(1, 1).table, None, at(1))
    base = lake._cache.files(lake._table.metadata, lake._table.io)
    assert lake.append(chunk(2, 2).table, at(1), at(2))
    assert lake.replace(base, chunk(1, 1).table)
    assert (sorted(set(rows_of(lake)["user_id"].to_pylist())), lake.position()) == (["u1", "u2"], at(2))


def test_commits_of_one_process_wait_for_each_other(lake):
    """Guards mechanism 11: writer and maintenance share one lock."""
    assert lake.append(chunk(1, 1).table, None, at(1))
    appended = threading.Thread(target=lambda: lake.append(chunk(2, 2).table, at(1), at(2)))
    with lake.lock:
        appended.start()
        appended.join(0.3)
        assert appended.is_alive()
    appended.join(30)
    assert lake.position() == at(2)


def test_unnamed_files_are_unlinked_late(lake, settings, tmp_path):
    """Guards mechanism 12: a reader may still be using what it planned before the commit."""
    records = SqliteRecords(tmp_path / "records.db")
    for seq in range(1, MAX_SMALL_FILES + 2):
        assert lake.append(chunk(seq, seq).table, at(seq - 1) if seq > 1 else None, at(seq))
    planned = SnapshotReader(settings).current()
    assert lake.merge_small_files() == MAX_SMALL_FILES + 1
    lake.collect_garbage(records, NOW)
    lake.collect_garbage(records, NOW + dt.timedelta(seconds=settings.unlink_delay_seconds - 1))
    assert all(Path(file.path).exists() for file in planned.files)
    lake.collect_garbage(records, NOW + dt.timedelta(seconds=settings.unlink_delay_seconds))
    assert not any(Path(file.path).exists() for file in planned.files)
    for snapshot in lake._table.metadata.snapshots:
        assert lake._table.scan(snapshot_id=snapshot.snapshot_id).to_arrow().num_rows == planned.rows


def test_anyone_can_read_the_table(lake, settings, tmp_path):
    """B2: pyiceberg without our code, and DuckDB over the list of files."""
    table = many_types(1)
    assert lake.append(table, None, at(1))
    catalog = SqlCatalog("cloudpulse", uri=f"sqlite:///{tmp_path}/lake/catalog.db", warehouse=f"file://{tmp_path}/lake")
    plain = catalog.load_table("cloudpulse.events").scan("event_type = 'click'").to_arrow()
    catalog.close()
    assert plain.num_rows == 2
    paths = [file.path for file in SnapshotReader(settings).current().files]
    counts = duckdb.sql("SELECT event_type, count(*) FROM read_parquet($1) GROUP BY ALL", params=[paths]).fetchall()
    assert dict(counts) == dict.fromkeys(EVENT_TYPES, 2)
    expected = sorted(table.to_pylist(), key=lambda row: row["event_id"])
    assert sorted(rows_of(lake).to_pylist(), key=lambda row: row["event_id"]) == expected


@pytest.mark.parametrize("name", ["two words", "c#d", "g?h", "e%20f", "ü"])
def test_the_data_folder_may_have_any_name(tmp_path, name):
    settings = Settings(data=tmp_path / name)
    assert Lake(settings).append(chunk(1, 1).table, None, at(1))
    assert rows_of(Lake(settings)).num_rows == 3
    assert all(Path(file.path).exists() for file in SnapshotReader(settings).current().files)
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_files_of_an_append_that_fails_half_way_do_not_stay(lake, monkeypatch):
    written = []

    def filling_up(handle):
        written.append(handle)
        if len(written) == 3:
            raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", filling_up)
    with pytest.raises(OSError, match="No space"):
        lake.append(many_types(1), None, at(1))
    assert files_of(lake, ".parquet") == set()


def test_live_files_are_found_by_whichever_thread_looks_for_them(lake, monkeypatch):
    """Guards mechanism 11: pyiceberg's threads shared what told them which manifests can matter."""
    for seq in range(1, 9):
        day = NOW + dt.timedelta(days=seq)
        assert lake.append(chunk(seq, seq, received_at=day).table, lake.position(), at(seq))

    def slow(evaluator, manifest):
        evaluator.partition_fields = manifest.partitions
        time.sleep(0.005)
        return visit(evaluator.partition_filter, evaluator)

    monkeypatch.setattr(_ManifestEvalVisitor, "eval", slow)
    for file in lake.live_files():
        assert lake.swap([file], parquet.write_partitions(lake._table.metadata, lake._table.io, rows_of_file(file)))
    assert rows_of(lake).num_rows == 24


def rows_of_file(file) -> pa.Table:
    return pq.read_table(file.file_path.removeprefix("file://"), partitioning=None)
