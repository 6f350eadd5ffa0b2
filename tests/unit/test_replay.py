"""Replay: silver rebuilt from bronze; over unchanged code nothing changes, and what is wrong is put right."""

import datetime as dt
import os
import random
import subprocess
import sys
from pathlib import Path

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from lake_samples import batch, event

from cloudpulse.batch import replay
from cloudpulse.batch.replay import Replay
from cloudpulse.batch.retain import Retention
from cloudpulse.batch.sweep import sweep
from cloudpulse.batch.writer import LakeWriter
from cloudpulse.engines.local.dead_letters import SqliteDeadLetters
from cloudpulse.engines.local.event_log import SqliteEventLog, SqliteLogReader
from cloudpulse.engines.local.records import SqliteRecords
from cloudpulse.engines.local.warehouse import DuckDbWarehouse
from cloudpulse.errors import StoreError
from cloudpulse.events import codec, enrich
from cloudpulse.events.model import Metadata, Position
from cloudpulse.events.summary import DailySummary
from cloudpulse.events.times import micros
from cloudpulse.lake import bronze, chunk, merge, rebuild, rewrite
from cloudpulse.lake.commit import Lake
from cloudpulse.lake.sift import sift
from cloudpulse.lake.snapshot import SnapshotReader
from cloudpulse.lake.summaries import read_summary, write_summary
from cloudpulse.lake.tombstones import Tombstone, Tombstones, keyed_hash
from cloudpulse.ops.ledger import LedgerService
from cloudpulse.ports import DeadLetter
from cloudpulse.settings import Settings

NOW = dt.datetime(2026, 11, 20, 10, 30, tzinfo=dt.UTC)
LATER = NOW + dt.timedelta(hours=1)
TODAY = NOW.date()
YESTERDAY = TODAY - dt.timedelta(days=1)
DAY = dt.timedelta(days=1)
NONE = lambda: Tombstones(b"", ())  # noqa: E731
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:121.0) Gecko/20100101 Firefox/121.0"


class World:
    """A data folder to which events come as they would have."""

    def __init__(self, folder: Path, **settings) -> None:
        self.folder = folder
        self.settings = Settings(data=folder, min_free_bytes=0, **settings)
        self.log = SqliteEventLog(folder)
        self.reader = SqliteLogReader(folder)
        self.records = SqliteRecords(folder / "records.db")
        self.letters = SqliteDeadLetters(folder / "records.db")
        self.snapshots = SnapshotReader(self.settings)
        self.warehouse = DuckDbWarehouse(self.settings)
        self.ledger = LedgerService(
            self.settings, self.reader, self.snapshots, self.records, self.letters, self.warehouse
        )
        self.lake = Lake(self.settings)
        self.writer = LakeWriter(self.settings, self.lake, self.records)

    def take(self, one) -> None:
        self.writer.add(chunk.decode(self.reader.state().journal, [one], NOW))
        self.writer.commit(NOW)

    def pass_over(self, seq) -> None:
        self.writer.add(chunk.empty(Position(self.reader.state().journal, seq), NOW))
        self.writer.commit(NOW)

    def new_journal(self) -> None:
        self.log.close()
        self.reader.close()
        for path in self.folder.glob("journal.db*"):
            path.unlink()
        self.log, self.reader = SqliteEventLog(self.folder), SqliteLogReader(self.folder)

    def named(self):
        """Files on the disk that wait for nobody to unlink them."""
        waiting = {location.removeprefix("file://") for _, location in self.records.list("lake_garbage")}
        return {str(path) for path in self.folder.rglob("*.parquet")} - waiting

    def close(self) -> None:
        self.warehouse.close()
        self.reader.close()
        self.log.close()

    def store(self, events, received_at=NOW, **fields) -> None:
        seq = self.log.append(batch(0, events, received_at, **fields))
        batches = [one for one in self.reader.read(seq - 1) if one.seq == seq]
        self.writer.add(chunk.decode(self.reader.state().journal, batches, received_at))
        self.writer.commit(received_at)

    def replay(self, first=YESTERDAY, last=TODAY, dry_run=False):
        return Replay(self.settings, self.lake, self.records, lambda: LATER, NONE).run(first, last, dry_run, LATER)

    def files(self):
        return {file.path: file for file in self.snapshots.current().files}

    def rows(self):
        rows = [row for path in self.files() for row in pq.read_table(path).to_pylist()]
        return sorted(rows, key=lambda row: (row["event_id"], row["received_at"]))

    def double(self) -> None:
        """Every row of the lake is in it once more."""
        rows = pa.concat_tables([pq.read_table(path) for path in self.files()])
        assert self.lake.replace([], rows)

    def lose(self) -> int:
        """One file of the lake is not in it any more; returns how many rows are gone."""
        file = self.lake.live_files()[0]
        assert self.lake.swap([file], [])
        return file.record_count


def summary_of(day):
    counts = dict.fromkeys(("total_events", "sessions", "users", "error_count"), 0)
    lists = {name: [] for name in ("by_hour", "top_pages", "top_countries")}
    return DailySummary(date=day, by_event_type={}, error_rate_pct=0.0, computed_from={}, **counts, **lists)


def park(world, seq, aside) -> str:
    letter = DeadLetter(
        consumer="lake",
        position=Position(world.reader.state().journal, seq),
        events=aside.events,
        parked_at=0,
        attempts=3,
        failed_at=(),
        fingerprint="f",
        reason="r",
        stack="",
    )
    world.letters.park(letter, aside)
    return letter.id


@pytest.fixture
def world(tmp_path):
    world = World(tmp_path)
    yield world
    world.close()


@pytest.fixture
def busy(world):
    """Two days of two types in three commits, some of them late."""
    for age in (30, 20, 1):
        at = NOW - dt.timedelta(hours=age)
        world.store([event(at + dt.timedelta(seconds=n), user_id=f"u{n}") for n in range(20)], at)
    agent = Metadata(user_agent=FIREFOX)
    world.store([event(NOW - DAY + dt.timedelta(minutes=n), "click", metadata=agent) for n in range(10)])
    return world


def test_over_unchanged_code_nothing_changes(busy):
    """Guards mechanism 20."""
    before, rows, version = busy.files(), busy.rows(), busy.lake.base().metadata
    done = busy.replay()
    assert (done["changed"], done["columns"], done["examples"], done["lost_files"]) == (False, {}, {}, 0)
    assert done["rows"] == {"before": 70, "after": 70, "added": 0, "removed": 0, "doubled": 0, "changed": 0}
    assert {name: rows["after"] for name, rows in done["types"].items()} == {"page_view": 60, "click": 10}
    assert {name: rows["after"] for name, rows in done["days"].items()} == {str(YESTERDAY): 50, str(TODAY): 20}
    assert busy.files() == before
    assert busy.rows() == rows
    assert busy.lake.base().metadata == version
    assert not list(busy.folder.glob("tmp/*"))


def test_an_enrichment_that_changed_is_told_and_lands_in_one_commit(busy, monkeypatch):
    """Guards mechanism 20: rows that say what they said keep the time of their making."""
    before, version = {row["event_id"]: row for row in busy.rows()}, busy.lake.base().metadata
    known = enrich.user_agent
    monkeypatch.setattr(enrich, "user_agent", lambda text: known(text)._replace(browser="Fx") if text else known(text))
    done = busy.replay(dry_run=True)
    assert {row["event_id"]: row for row in busy.rows()} == before
    assert busy.lake.base().metadata == version
    assert done["rows"] == {"before": 70, "after": 70, "added": 0, "removed": 0, "doubled": 0, "changed": 10}
    assert (done["changed"], done["dry_run"], done["columns"]) == (True, True, {"browser": 10})
    assert set(done["examples"]) == {"changed"}
    assert busy.replay() == done | {"dry_run": False}
    for row in busy.rows():
        was = before[row["event_id"]]
        is_click = row["event_type"] == "click"
        assert row == (was | {"browser": "Fx", "processed_at": LATER} if is_click else was)
    assert busy.lake.base().metadata.last_sequence_number == version.last_sequence_number + 1
    assert busy.replay()["changed"] is False
    assert busy.ledger.report(deep=True).gaps == []


def test_rows_that_were_lost_come_back(busy):
    """Guards mechanism 20: what bronze holds is stored."""
    rows = busy.rows()
    gone = busy.lose()
    assert busy.ledger.report(deep=True).gaps
    done = busy.replay()
    assert (done["rows"]["added"], done["rows"]["after"], done["rows"]["changed"]) == (gone, 70, 0)
    assert [row | {"processed_at": None} for row in busy.rows()] == [row | {"processed_at": None} for row in rows]
    assert busy.ledger.report(deep=True).gaps == []


@pytest.mark.parametrize("damage", ["gone", "cut", "overwritten"])
def test_a_file_that_cannot_be_read_is_replaced(busy, damage):
    """Guards mechanism 20."""
    path, file = next(iter(busy.files().items()))
    content = Path(path).read_bytes()
    half = len(content) // 2
    Path(path).unlink()
    if damage != "gone":
        Path(path).write_bytes(content[:half] if damage == "cut" else content[:4] + bytes(half) + content[half + 4 :])
    assert busy.replay(dry_run=True)["lost_files"] == 1
    done = busy.replay()
    assert (done["rows"]["added"], done["rows"]["after"], done["lost_files"]) == (file.rows, 70, 1)
    assert path not in busy.files()
    assert len(busy.rows()) == 70
    assert busy.ledger.report(deep=True).gaps == []
    assert busy.replay()["changed"] is False


def test_rows_that_are_there_twice_go_once(busy):
    """Guards mechanism 20: each event once."""
    rows = busy.rows()
    busy.double()
    assert busy.ledger.report(deep=True).gaps
    done = busy.replay()
    assert (done["rows"]["doubled"], done["rows"]["removed"], done["rows"]["after"]) == (70, 0, 70)
    assert len(done["examples"]["doubled"]) == 5
    assert busy.rows() == rows
    assert busy.ledger.report(deep=True).gaps == []


def test_only_partitions_that_differ_are_written(busy, monkeypatch):
    """Guards mechanism 20; a summary is computed again where rows have changed."""
    for day in (YESTERDAY, TODAY):
        write_summary(busy.folder, summary_of(day))
    before = busy.files()
    today = [path for path, file in before.items() if file.day == TODAY]
    assert busy.lake.swap([file for file in busy.lake.live_files() if file.file_path.endswith(today[0])], [])
    busy.replay(dry_run=True)
    assert read_summary(busy.folder, TODAY)
    busy.replay()
    assert {path for path, file in busy.files().items() if file.day == YESTERDAY} == before.keys() - set(today)
    assert read_summary(busy.folder, YESTERDAY)
    assert read_summary(busy.folder, TODAY) is None


def test_other_days_are_left_alone(busy):
    busy.double()
    before = {path for path, file in busy.files().items() if file.day == TODAY}
    done = busy.replay(YESTERDAY, YESTERDAY)
    assert (done["rows"]["doubled"], list(done["days"])) == (50, [str(YESTERDAY)])
    assert {path for path, file in busy.files().items() if file.day == TODAY} == before


def test_late_and_redriven_events_and_what_is_set_aside(world):
    """Guards mechanism 20: bronze holds what the lake has stored, and nothing else."""
    at = NOW - dt.timedelta(hours=2)
    good, late = [event(at, user_id=f"u{n}") for n in range(5)], [event(NOW - 9 * DAY) for _ in range(3)]
    world.store(good + late, at)
    bad = batch(0, [event(at), event(at)], at)
    text = codec.decompress(bad.lines).replace(b'"timestamp":"2026', b'"timestamp":"20x6', 1)
    bad = msgspec.structs.replace(bad, lines=codec.pack_lines(text.split(b"\n")[:-1]))
    seq = world.log.append(bad)
    kept, aside = sift(msgspec.structs.replace(bad, seq=seq))
    letter_id = park(world, seq, aside)
    world.take(kept)
    mended = codec.decompress(aside.lines).replace(b'"timestamp":"20x6', b'"timestamp":"2026')
    again = msgspec.structs.replace(aside, lines=codec.pack_lines(mended.split(b"\n")[:-1]), redrive_of=letter_id)
    seq = world.log.append(msgspec.structs.replace(again, digest=bad.digest[:1], events=1, seq=0))
    world.take(world.reader.read(seq - 1)[0])
    world.letters.remove(letter_id)
    other = world.log.append(batch(0, [event(at)], at, redrive_of="speed:x:1"))
    world.pass_over(other)
    assert world.ledger.report(deep=True).gaps == []
    rows = world.rows()
    assert len(rows) == 10
    assert world.replay(NOW.date() - 10 * DAY, TODAY)["changed"] is False
    for file in world.lake.live_files():
        world.lake.swap([file], [])
    assert world.replay(NOW.date() - 10 * DAY, TODAY)["rows"]["added"] == 10
    assert [row["event_id"] for row in world.rows()] == [row["event_id"] for row in rows]
    assert world.ledger.report(deep=True).gaps == []


def test_an_id_that_came_again_after_its_window_is_two_events(world):
    """Guards mechanism 20: an event is what deduplication has made of it."""
    one = event(NOW - 20 * DAY)
    for received in (NOW - 19 * DAY, NOW):
        world.store([one], received)
    first = (NOW - 20 * DAY).date()
    assert world.replay(first, first)["rows"]["after"] == 2
    world.double()
    assert world.replay(first, first)["rows"]["doubled"] == 2
    assert len(world.rows()) == 2


def test_an_id_that_bronze_holds_twice_is_one_event(world):
    """Guards mechanism 20: the first one counts."""
    one = event(NOW, user_id="u")
    for received in (NOW, NOW + dt.timedelta(minutes=1)):
        world.store([one, event(NOW)], received)
    assert world.replay()["rows"]["doubled"] == 1
    assert [row["received_at"] for row in world.rows() if row["user_id"] == "u"] == [NOW]


def test_what_lies_above_the_base_is_left_to_the_writer(busy, monkeypatch):
    """Guards mechanism 20: a commit that is announced may have written its object, and not its rows."""

    def full(*_):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(Lake, "append", full)
        with pytest.raises(OSError, match="No space"):
            busy.store([event(NOW)])
    assert len(bronze.pending(busy.records)) == 1
    assert (busy.replay()["changed"], len(busy.rows())) == (False, 70)


def test_what_is_appended_meanwhile_stays(busy, monkeypatch):
    """Guards mechanisms 11 and 20: exactly the files of the base are replaced."""
    busy.double()
    original = Lake.swap

    def late(lake, *args):
        monkeypatch.setattr(Lake, "swap", original)
        busy.store([event(NOW) for _ in range(7)], LATER)
        return original(lake, *args)

    monkeypatch.setattr(Lake, "swap", late)
    assert busy.replay()["rows"]["after"] == 70
    assert len(busy.rows()) == 77
    assert busy.ledger.report(deep=True).gaps == []
    assert busy.replay()["changed"] is False


def test_a_merge_of_the_writer_meanwhile_makes_it_begin_again(busy, monkeypatch):
    """Guards mechanisms 11 and 20: rows of a file that has gone must not come back."""
    busy.double()
    original, rows = Lake.swap, len(busy.rows())

    def overtaken(lake, *args):
        monkeypatch.setattr(Lake, "swap", original)
        group = [file for file in lake.live_files() if file.partition[1] == "click"]
        assert lake.replace(group, pa.concat_tables([pq.read_table(file.file_path[7:]) for file in group]))
        return original(lake, *args)

    monkeypatch.setattr(Lake, "swap", overtaken)
    assert busy.replay()["rows"]["before"] == rows == 140
    assert len(busy.rows()) == 70
    assert busy.named() == set(busy.files())


def test_the_writer_merges_nothing_of_the_days_of_a_replay(world, monkeypatch):
    """Guards mechanism 20: under load it ends."""
    monkeypatch.setattr(merge, "MAX_SMALL_FILES", 2)
    monkeypatch.setattr(LakeWriter, "_tidy", lambda *_: None)
    for _ in range(4):
        world.store([event(NOW), event(NOW - DAY)])
    with world.lake.undisturbed([TODAY]):
        assert world.lake.merge_small_files() == 4
        assert {file.day: file.rows for file in world.files().values()} == {YESTERDAY: 4, TODAY: 1}
    assert world.lake.merge_small_files() == 4


def test_what_went_by_its_age_stays_away(world):
    """Guards mechanism 20: retention is not undone."""
    world.settings = msgspec.structs.replace(world.settings, retain_days_by_type={"click": 1})
    for age in (3, 0):
        world.store([event(NOW - age * DAY, "click"), event(NOW - age * DAY)], NOW - age * DAY)
    Retention(world.settings, world.lake, world.records, lambda: NOW).run(NOW)
    world.store([event(NOW - 3 * DAY, "click")])
    files = world.files()
    done = world.replay(TODAY - 4 * DAY, TODAY)
    assert (done["changed"], done["rows"]["after"], done["types"]["click"]["after"]) == (False, 3, 1)
    assert world.files() == files
    assert world.ledger.report(deep=True).gaps == []


def test_what_was_erased_does_not_come_back(busy):
    """Guards mechanism 20: what is erased and still stored is left to its erasure, which counts it."""
    stones = [
        Tombstone(id="e", kind="user", subject=keyed_hash(b"k", "user", "u3"), journal="j", seq=9, until=micros(NOW))
    ]
    replay = Replay(busy.settings, busy.lake, busy.records, lambda: LATER, lambda: Tombstones(b"k", stones))
    assert replay.run(YESTERDAY, TODAY, False, LATER)["changed"] is False
    assert sum(row["user_id"] == "u3" for row in busy.rows()) == 3
    for file in busy.lake.live_files():
        busy.lake.swap([file], [])
    busy.store([event(NOW, user_id="u3")], LATER)
    assert replay.run(YESTERDAY, TODAY, False, LATER)["rows"]["added"] == 67
    assert [row["received_at"] for row in busy.rows() if row["user_id"] == "u3"] == [LATER]
    assert replay.run(YESTERDAY, TODAY, False, LATER)["changed"] is False


def test_bronze_of_an_earlier_journal_counts(busy):
    """Guards mechanism 20: a folder whose journal was lost."""
    busy.new_journal()
    busy.store([event(NOW) for _ in range(3)])
    assert busy.replay()["rows"]["after"] == 73
    busy.double()
    assert (busy.replay()["rows"]["doubled"], len(busy.rows())) == (73, 73)


def test_an_object_that_is_not_settled_yet_counts(busy, monkeypatch):
    """Guards mechanism 20: a commit under way has its rows in the lake before its object is listed."""
    monkeypatch.setattr(bronze, "settle", lambda *_: None)
    busy.store([event(NOW) for _ in range(3)])
    assert len(bronze.pending(busy.records)) == 1
    done = busy.replay()
    assert (done["changed"], done["rows"]["after"]) == (False, 73)


@pytest.mark.parametrize("fault", ["gone", "cut", "altered", "unlisted"])
def test_without_whole_bronze_nothing_is_changed(busy, fault):
    """Guards mechanism 20: silver that bronze does not hold is not given up."""
    file = bronze.listed(busy.records)[1]
    path = busy.folder / file.path
    content = path.read_bytes()
    if fault == "unlisted":
        busy.records.delete(bronze.KIND, [file.key])
    else:
        path.unlink()
    if fault == "cut":
        path.write_bytes(content[:-20])
    elif fault == "altered":
        text = codec.decompress(content).replace(b'"session_id":"s-1"', b'"session_id":"s-2"', 1)
        path.write_bytes(codec.pack_lines(text.split(b"\n")[:-1]))
    rows, names = busy.rows(), set(busy.folder.rglob("*.parquet"))
    message = "20 events that bronze does not hold" if fault == "unlisted" else file.path
    with pytest.raises(StoreError, match=message):
        busy.replay()
    assert busy.rows() == rows
    assert set(busy.folder.rglob("*.parquet")) == names


def test_a_failing_disk_leaves_no_files(busy, monkeypatch):
    busy.double()
    before = set(busy.folder.rglob("*.parquet"))
    taken = []

    def full(*args, **fields):
        taken.append(args)
        if len(taken) == 3:
            raise OSError(28, "No space left on device")
        return original(*args, **fields)

    original = replay.write_sorted
    monkeypatch.setattr(replay, "write_sorted", full)
    with pytest.raises(OSError, match="No space"):
        busy.replay()
    assert set(busy.folder.rglob("*.parquet")) == before
    monkeypatch.undo()
    assert busy.replay()["rows"]["doubled"] == 70


def test_without_room_on_the_disk_nothing_is_begun(busy):
    busy.settings = msgspec.structs.replace(busy.settings, min_free_bytes=1 << 60)
    with pytest.raises(StoreError, match="bytes of the disk"):
        busy.replay()


def test_an_empty_lake(world):
    assert world.replay()["changed"] is False


def test_what_a_killed_replay_left_is_removed(busy):
    left = busy.folder / "tmp" / "replay" / "day=2026-11-20" / "left.parquet"
    left.parent.mkdir(parents=True)
    left.touch()
    busy.replay(dry_run=True)
    assert not left.exists()
    left.parent.mkdir(parents=True)
    left.touch()
    sweep(busy.settings, busy.lake, busy.records, busy.folder / "tail", NOW)
    assert not left.exists()


@pytest.mark.parametrize("seed", range(4))
def test_whatever_lies_where_replay_makes_it_right(world, monkeypatch, seed):
    """Guards mechanism 20: late and early, many of one moment, lost and doubled, in pieces of a few rows."""
    monkeypatch.setattr(rebuild, "LINES_BYTES", 3_000)
    monkeypatch.setattr(rebuild, "BUFFER_BYTES", 9_000)
    monkeypatch.setattr(rewrite, "BUFFER_BYTES", 2_000)
    monkeypatch.setattr(rewrite, "MIN_BATCH", 7)
    monkeypatch.setattr(replay, "TARGET_BYTES", 6_000)
    rng = random.Random(seed)
    for number in range(12):
        received = NOW + dt.timedelta(minutes=number)
        ages = [
            rng.choice((0, 0, 1, 5, 30)) * dt.timedelta(hours=1) * rng.random() for _ in range(rng.randrange(1, 60))
        ]
        kinds = [rng.choice(("click", "page_view")) for _ in ages]
        times = [rng.choice((NOW - age, NOW.replace(minute=0), None)) for age in ages]
        world.store([event(time, kind) for time, kind in zip(times, kinds, strict=True)], received)
    truth = world.rows()
    for damage in rng.choices(("double", "lose", "lose", "alter"), k=3):
        files = rng.sample(world.lake.live_files(), 3)
        rows = pa.concat_tables([pq.read_table(file.file_path.removeprefix("file://")) for file in files])
        if damage == "double":
            assert world.lake.replace([], rows)
        elif damage == "lose":
            assert world.lake.swap(files, [])
        else:
            column = pa.array([None] * rows.num_rows, pa.string())
            place = rows.schema.get_field_index("session_id")
            assert world.lake.replace(files, rows.set_column(place, rows.schema.field(place), column.fill_null("x")))
    done = world.replay()
    assert done["rows"]["after"] == len(truth)
    assert [row | {"processed_at": 0} for row in world.rows()] == [row | {"processed_at": 0} for row in truth]
    assert world.replay()["changed"] is False
    assert world.ledger.report(deep=True).gaps == []
    for path, file in world.files().items():
        stamps = pq.read_table(path)["timestamp"].cast("int64").to_pylist()
        assert (stamps == sorted(stamps), len(stamps), stamps[0]) == (True, file.rows, file.min_timestamp)


SCRIPT = """
import datetime as dt
import sys
from pathlib import Path
from lake_samples import event
from test_replay import NOW, TODAY, World
from cloudpulse.batch import replay
from cloudpulse.lake import rebuild, rewrite
def used():
    return int(next(line for line in open("/proc/self/status") if line.startswith("VmHWM")).split()[1]) // 1024
world = World(Path(sys.argv[1]))
if sys.argv[2] == "make":
    for part in range(8):
        extra = {"properties": {"page": "/p" * 40}, "user_id": "u" * 60, "session_id": "s" * 60}
        times = [NOW - dt.timedelta(milliseconds=10 * n) for n in range(25_000)]
        world.store([event(time, **extra) for time in times])
    world.lose()
else:
    rebuild.BUFFER_BYTES = rewrite.BUFFER_BYTES = 1_000_000
    rebuild.LINES_BYTES = rebuild.GROUP_BYTES = replay.GROUP_BYTES = 1_000_000
    world.store([event(NOW - dt.timedelta(days=2))])
    world.replay(TODAY - dt.timedelta(days=2), TODAY - dt.timedelta(days=2))
    before = used()
    done = world.replay(TODAY, TODAY)
    print(done["rows"]["added"], done["rows"]["after"], used() - before)
world.close()
"""


def test_memory_does_not_grow_with_the_partition(tmp_path):
    """Guards mechanism 20: eight objects of the same minutes, 200,000 rows, would take 240 MB."""
    environ = os.environ | {"PYTHONPATH": os.pathsep.join([str(Path(__file__).parent), *sys.path])}

    def run(step):
        command = [sys.executable, "-c", SCRIPT, str(tmp_path), step]
        return subprocess.run(command, env=environ, check=True, capture_output=True, text=True, timeout=200).stdout

    run("make")
    added, after, megabytes = map(int, run("replay").split())
    assert (added, after) == (25_000, 200_000)
    assert megabytes < 120
