"""Compaction: few sorted files, no row lost or doubled, little memory, and nobody who writes or reads is disturbed."""

import datetime as dt
import os
import random
import subprocess
import sys
import threading
from collections import Counter
from itertools import pairwise
from pathlib import Path

import pyarrow.parquet as pq
import pytest
import query_world
from lake_samples import JOURNAL, NOW
from silver_rows import silver_rows

from cloudpulse.batch.compact import Compactor
from cloudpulse.engines.local.records import SqliteRecords
from cloudpulse.errors import StoreError
from cloudpulse.events.model import Position
from cloudpulse.lake import compaction, rewrite
from cloudpulse.lake.commit import Lake
from cloudpulse.lake.compaction import MAX_FILES, MAX_LATE_FILES
from cloudpulse.lake.snapshot import SnapshotReader
from cloudpulse.settings import Settings

DAY = NOW.replace(hour=0, minute=0)
CLOSED = DAY + dt.timedelta(days=1, hours=1)


class World:
    """A lake that rows can be added to."""

    def __init__(self, folder: Path) -> None:
        self.settings = Settings(data=folder, min_free_bytes=0)
        self.lake = Lake(self.settings)
        self.records = SqliteRecords(folder / "records.db")
        self.snapshots = SnapshotReader(self.settings)
        self.seq = 0
        self.now = CLOSED

    def add(self, rows, first=DAY, seconds=86_400.0, event_type="page_view"):
        table = silver_rows(rows, first, seconds, self.seq, event_type)
        expected = self.lake.position()
        self.seq += 1
        assert self.lake.append(table, expected, Position(JOURNAL, self.seq))

    def compact(self, now=None):
        return Compactor(self.settings, self.lake, self.records, lambda: self.now).run(now or self.now)

    def files(self, event_type="page_view"):
        files = self.snapshots.current().files
        return sorted((file for file in files if file.event_type == event_type), key=lambda file: file.min_timestamp)

    def ids(self):
        paths = [file.path for file in self.snapshots.current().files]
        return Counter(name for path in paths for name in pq.read_table(path, columns=["event_id"])[0].to_pylist())


@pytest.fixture
def world(tmp_path):
    return World(tmp_path)


@pytest.fixture
def small_parts(monkeypatch):
    """Sizes at which a few thousand rows are many."""
    monkeypatch.setattr(compaction, "TARGET_BYTES", 40_000)
    monkeypatch.setattr(rewrite, "GROUP_ROWS", 500)
    monkeypatch.setattr(rewrite, "BUFFER_BYTES", 200_000)


def test_a_closed_partition_goes_into_few_files_sorted_by_time(world, small_parts):
    """Guards mechanism 10: files of one partition follow each other in time, with row groups to skip."""
    rng = random.Random(1)
    for _ in range(12):
        start = rng.randrange(20) * 3600
        world.add(rng.randrange(50, 900), DAY + dt.timedelta(seconds=start), rng.choice([600, 14_000]))
    before = world.ids()
    assert world.compact()["files"] == 12
    files = world.files()
    assert len(files) == MAX_FILES - 1
    assert world.ids() == before
    for file, follower in pairwise(files):
        assert file.max_timestamp <= follower.min_timestamp
    for file in files:
        parquet = pq.ParquetFile(file.path)
        times = parquet.read(["timestamp"])["timestamp"].cast("int64").to_pylist()
        assert times == sorted(times)
        assert (times[0], times[-1], len(times)) == (file.min_timestamp, file.max_timestamp, file.rows)
        sizes = [parquet.metadata.row_group(number).num_rows for number in range(parquet.num_row_groups)]
        assert len(sizes) > 1
        assert max(sizes) <= 500
    assert world.lake.position() == Position(JOURNAL, world.seq)
    assert world.lake._table.refresh().scan().to_arrow().num_rows == sum(before.values())


def test_every_column_is_as_it_was(world):
    for _ in range(6):
        world.add(40)
    rows = sorted(world.lake._table.refresh().scan().to_arrow().to_pylist(), key=lambda row: row["event_id"])
    assert world.compact()["merges"] == 1
    again = sorted(world.lake._table.refresh().scan().to_arrow().to_pylist(), key=lambda row: row["event_id"])
    assert again == rows
    assert len(world.files()) == 1


def test_partitions_of_a_day_that_is_not_over_for_an_hour_are_left_alone(world):
    for _ in range(6):
        world.add(10)
    assert world.compact(CLOSED - dt.timedelta(seconds=1))["merges"] == 0
    assert world.compact(CLOSED)["merges"] == 1


def test_four_files_are_few(world):
    for _ in range(MAX_FILES):
        world.add(10)
    assert world.compact()["merges"] == 0


def test_each_partition_is_merged_by_itself(world):
    for _ in range(5):
        world.add(10)
        world.add(20, event_type="click")
        world.add(30, DAY - dt.timedelta(days=1))
    assert world.compact()["merges"] == 3
    assert sorted(file.rows for file in world.snapshots.current().files) == [50, 100, 150]


def test_late_events_do_not_move_a_large_file_each_time(world):
    """Guards mechanism 10: what is written again stands in a proportion to what came."""
    world.add(20_000)
    large = world.files()[0].path
    rewritten = 0
    for _ in range(3 * MAX_LATE_FILES):
        world.add(5)
        rewritten += world.compact()["rows"]
        assert len(world.files()) <= MAX_FILES + MAX_LATE_FILES
    assert large in {file.path for file in world.files()}
    assert rewritten < 20_000
    assert sum(file.rows for file in world.files()) == 20_000 + 15 * MAX_LATE_FILES


def test_large_files_beside_late_ones_wait_until_it_pays(world):
    for rows in (5_000, 12_000, 27_000, 60_000):
        world.add(rows)
    world.add(5)
    assert world.compact()["merges"] == 0, "thousands are written again for five"
    world.add(1_000)
    assert world.compact()["rows"] == 6_005
    assert len(world.files()) <= MAX_FILES


def test_many_files_of_the_same_hours_are_not_all_read_at_once(world, monkeypatch):
    monkeypatch.setattr(compaction, "FAN_IN", 3)
    for _ in range(10):
        world.add(50)
    before = world.ids()
    assert world.compact()["merges"] > 1
    assert len(world.files()) <= MAX_FILES
    assert world.ids() == before


def test_files_that_follow_each_other_are_read_one_by_one(world, monkeypatch):
    monkeypatch.setattr(compaction, "FAN_IN", 2)
    for hour in range(8):
        world.add(50, DAY + dt.timedelta(hours=hour), 3600)
    assert world.compact()["merges"] == 1


def test_rows_that_are_appended_meanwhile_stay(world, monkeypatch):
    """Guards mechanism 11: a merge replaces exactly the files that it has read."""
    for _ in range(6):
        world.add(10)
    original = Lake.swap

    def late(lake, *args):
        monkeypatch.setattr(Lake, "swap", original)
        world.add(7)
        return original(lake, *args)

    monkeypatch.setattr(Lake, "swap", late)
    before = world.ids()
    assert world.compact()["merges"] == 1
    assert sorted(file.rows for file in world.files()) == [7, 60]
    assert before <= world.ids()


def test_a_merge_of_the_writer_meanwhile_makes_it_try_again(world, monkeypatch):
    """Guards mechanism 11: rows of a file that has gone must not come back."""
    for _ in range(6):
        world.add(10)
    original = Lake.swap

    def overtaken(lake, *args):
        monkeypatch.setattr(Lake, "swap", original)
        live = lake.live_files()
        assert lake.replace(live[:2], silver_rows(20, DAY, 60, 99))
        return original(lake, *args)

    monkeypatch.setattr(Lake, "swap", overtaken)
    world.compact()
    assert sum(file.rows for file in world.files()) == 60
    assert len(world.files()) <= MAX_FILES
    on_disk = {str(path) for path in world.settings.data.rglob("*.parquet")}
    waiting = {str(location).removeprefix("file://") for _, location in world.records.list("lake_garbage")}
    waiting = {location for location in waiting if location.endswith(".parquet")}
    assert on_disk == {file.path for file in world.files()} | waiting, "files of the refused merge stay"


def test_jobs_that_rewrite_the_lake_wait_for_each_other(world):
    """Guards mechanism 11: one lease, beside the lock that the writer takes."""
    for _ in range(6):
        world.add(10)
    job = threading.Thread(target=world.compact)
    with world.lake.lease:
        job.start()
        world.add(10)
        job.join(0.3)
        assert job.is_alive()
        assert len(world.files()) == 7
    job.join(30)
    assert len(world.files()) == 1


def test_replaced_files_stay_for_queries_that_run(world):
    """Guards mechanism 12: whoever has seen the old snapshot can read its files for unlink_delay_seconds."""
    for _ in range(6):
        world.add(10)
    old = [Path(file.path) for file in world.files()]
    world.compact()
    delay = dt.timedelta(seconds=world.settings.unlink_delay_seconds)
    world.lake.collect_garbage(world.records, CLOSED + delay - dt.timedelta(seconds=1))
    assert all(path.exists() for path in old)
    world.lake.collect_garbage(world.records, CLOSED + delay)
    assert not any(path.exists() for path in old)


def test_without_room_on_the_disk_nothing_is_rewritten(world):
    for _ in range(6):
        world.add(10)
    world.settings = Settings(data=world.settings.data, min_free_bytes=1 << 60)
    assert world.compact()["merges"] == 0


def test_a_failing_disk_leaves_no_files(world, monkeypatch, small_parts):
    for _ in range(6):
        world.add(500)
    before = set(world.settings.data.rglob("*.parquet"))
    taken = []

    def full(handle):
        taken.append(handle)
        if len(taken) == 3:
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises((OSError, StoreError)):
        world.compact()
    assert set(world.settings.data.rglob("*.parquet")) == before
    monkeypatch.undo()
    assert world.compact()["merges"] == 1


def test_who_asks_all_the_time_never_sees_a_wrong_count(world, small_parts):
    """Guards mechanisms 11 and 12: compaction, the writer and its merges at once, and a reader beside them."""
    world.add(300)
    stop, seen, errors = threading.Event(), [], []
    floor = [300]

    def read():
        while not stop.is_set():
            least = floor[0]
            files = world.snapshots.current().files
            rows = sum(pq.ParquetFile(file.path).read(["event_id"]).num_rows for file in files)
            seen.append(rows)
            if rows < least or rows % 60 != 0:
                errors.append((least, rows))

    def maintain():
        while not stop.is_set():
            world.compact()

    threads = [threading.Thread(target=work) for work in (read, maintain)]
    for thread in threads:
        thread.start()
    for _ in range(25):
        world.add(60)
        floor[0] += 60
        world.lake.merge_small_files()
        world.lake.collect_garbage(world.records, world.now)
    stop.set()
    for thread in threads:
        thread.join()
    assert not errors
    assert len(seen) > 3
    assert sum(world.ids().values()) == len(world.ids()) == 300 + 25 * 60


def test_queries_over_lake_and_tail_are_right_all_the_while(tmp_path, small_parts):
    """Guards mechanism 12: statements that open files while these are replaced."""
    world = query_world.World(tmp_path)
    rng, first = random.Random(2), query_world.NOW - dt.timedelta(days=2)
    records = SqliteRecords(tmp_path / "records.db")
    compactor = Compactor(world.settings, world.lake, records, lambda: query_world.NOW)
    stop, wrong, accepted, asked = threading.Event(), [], [0], [0]

    def ask():
        while not stop.is_set():
            least = accepted[0]
            rows = world.rows("breakdown", "2026-03-30", "2026-04-02", by="source")
            asked[0] += 1
            if not least <= (found := sum(row["event_count"] for row in rows)) <= accepted[0] + 40:
                wrong.append((least, found))

    thread = threading.Thread(target=ask)
    thread.start()
    try:
        for seq in range(1, 11):
            world.accept([query_world.random_event(rng, first, first + dt.timedelta(days=1)) for _ in range(40)])
            accepted[0] += 40
            world.to_lake(seq)
            compactor.run(query_world.NOW)
    finally:
        stop.set()
        thread.join()
        world.close()
    assert not wrong
    assert asked[0] > 3
    assert len(world.snapshots.current().files) < 10 * 6


@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_crash_at_the_commit_loses_and_doubles_nothing(world, monkeypatch, moment):
    """Guards mechanism 11: before it, the old files count; after it, the new ones."""

    class Crash(BaseException):
        """Stands for the death of the process."""

    for _ in range(6):
        world.add(10)
    before = world.ids()
    original = Lake._commit

    def dying(lake, *args):
        if moment == "after":
            original(lake, *args)
        raise Crash

    with monkeypatch.context() as patch:
        patch.setattr(Lake, "_commit", dying)
        with pytest.raises(Crash):
            world.compact()
    world.lake = Lake(world.settings)
    assert world.ids() == before
    world.compact()
    assert world.ids() == before
    assert len(world.files()) == 1


SCRIPT = """
import sys
from pathlib import Path
from lake_samples import JOURNAL, NOW
from silver_rows import silver_rows
from test_compact import CLOSED, DAY, World
world = World(Path(sys.argv[1]))
if sys.argv[2] == "make":
    for part in range(10):
        world.add(100_000)
else:
    done = world.compact()
    # Not ru_maxrss: that begins with what the process that started this one took.
    peak = next(line for line in open("/proc/self/status") if line.startswith("VmHWM"))
    print(done["rows"], len(world.files()), int(peak.split()[1]) // 1024)
"""


def test_memory_is_bounded_however_large_a_partition_is(tmp_path):
    """Ten files of the same hours, 1,000,000 rows: 450 MB as Arrow."""
    environ = os.environ | {"PYTHONPATH": os.pathsep.join([str(Path(__file__).parent), *sys.path])}

    def run(step):
        command = [sys.executable, "-c", SCRIPT, str(tmp_path), step]
        return subprocess.run(command, env=environ, check=True, capture_output=True, text=True, timeout=120).stdout

    run("make")
    rows, files, megabytes = map(int, run("compact").split())
    assert rows >= 800_000
    assert files <= MAX_FILES
    assert megabytes < 512
