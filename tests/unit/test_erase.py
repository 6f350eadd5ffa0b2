"""Erasure in the batch layer: whose events they are goes from every place, and nothing else (guards mechanism 19)."""

import datetime as dt
import os
from pathlib import Path
from uuid import UUID, uuid4

import msgspec
import pytest
from lake_samples import NOW, batch, event
from structlog.testing import capture_logs

from cloudpulse.batch import erase, erasure_pass
from cloudpulse.batch.erase import Eraser
from cloudpulse.batch.erasure_pass import ErasureStores
from cloudpulse.batch.replay import Replay
from cloudpulse.batch.sweep import sweep
from cloudpulse.batch.writer import LakeWriter
from cloudpulse.engines.local.dead_letters import SqliteDeadLetters
from cloudpulse.engines.local.event_log import SqliteEventLog, SqliteLogReader
from cloudpulse.engines.local.id_index import RocksIdIndex
from cloudpulse.engines.local.records import SqliteRecords
from cloudpulse.engines.local.warehouse import DuckDbWarehouse
from cloudpulse.entrypoints.letters import Letters
from cloudpulse.errors import StoreError
from cloudpulse.events import codec, times
from cloudpulse.events.model import Batch, Position
from cloudpulse.ingest.rebuild import bring_up
from cloudpulse.lake import bronze, erased_ids, erasure_state, tail
from cloudpulse.lake.chunk import decode, empty
from cloudpulse.lake.commit import Lake
from cloudpulse.lake.snapshot import SnapshotReader
from cloudpulse.lake.tombstones import Tombstone, Tombstones, keyed_hash
from cloudpulse.ops.ledger import LedgerService
from cloudpulse.settings import Settings

KEY = b"key of the hashes"
LINE = NOW + dt.timedelta(seconds=1)
DELAY = dt.timedelta(seconds=600)


class Crash(BaseException):
    """Stands for the death of the process."""


class OtherParts:
    """What erasing asks of other parts, as far as it matters here."""

    def __init__(self, world) -> None:
        self.world = world
        self.minutes = []
        self.in_line = []
        self.vacuumed = self.summarised = 0

    def key(self):
        return KEY

    def waiting(self):
        return self.in_line

    def hurry(self, seq):
        pass

    def counted(self):
        return self.world.reader.state().head

    def erase_uploads(self, stone):
        return 0

    def mend_counters(self, minutes):
        self.minutes.append(minutes)

    def vacuum(self):
        self.vacuumed += 1

    def copies(self):
        return [{"path": "/backups/shop", "kind": "backup", "at": "2026-11-19T00:00:00.000Z"}]

    def sign(self, record):
        return "signed " + record["erasure"]

    def summarise(self):
        self.summarised += 1


class World:
    """A data folder to which events come, and from which they go."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.settings = Settings(data=folder, min_free_bytes=0)
        self.log, self.reader = SqliteEventLog(folder), SqliteLogReader(folder)
        self.journal = self.reader.state().journal
        self.records, self.letters = SqliteRecords(folder / "records.db"), SqliteDeadLetters(folder / "records.db")
        self.snapshots, self.warehouse = SnapshotReader(self.settings), DuckDbWarehouse(self.settings)
        self.ledger = LedgerService(
            self.settings, self.reader, self.snapshots, self.records, self.letters, self.warehouse
        )
        self.others = OtherParts(self)
        self.now = LINE
        self.restart()

    def restart(self) -> None:
        self.started_at = self.now
        self.lake = Lake(self.settings)
        self.writer = LakeWriter(self.settings, self.lake, self.records)
        self.writer.recover()
        self.eraser = Eraser(
            self.settings,
            ErasureStores(self.lake, self.records, self.letters, self.reader, self.folder / "tail"),
            self.others,
            lambda: self.now,
            self.started_at,
        )

    def close(self) -> None:
        self.warehouse.close()
        for store in (self.reader, self.log, self.records, self.letters, self.snapshots):
            store.close()

    def store(self, *events, received_at=NOW) -> list:
        """A batch on its way into the lake."""
        seq = self.log.append(batch(0, list(events), received_at))
        [found] = self.reader.read(seq - 1)
        self.writer.add(decode(self.journal, [found], received_at))
        self.writer.commit(received_at)
        return [str(one.event_id) for one in events]

    def park(self, *events, consumer="lake") -> str:
        """A batch that a consumer could not process."""
        seq = self.log.append(batch(0, list(events)))
        [found] = self.reader.read(seq - 1)
        keeper = Letters(self.letters, self.records, self.reader, dt.timedelta(days=14), lambda: NOW)
        position = Position(self.journal, seq)
        with capture_logs():
            keeper.park(consumer, position, found, ValueError("x"), [times.micros(NOW)])
        chunk = empty(position, NOW) if consumer == "lake" else decode(self.journal, [found], NOW)
        self.writer.add(chunk)
        self.writer.commit(NOW)
        return f"{consumer}:{position}"

    def request(self, kind="user", value="ada", until=LINE) -> Tombstone:
        """The record of an erasure, which both layers have passed."""
        stone = Tombstone(
            id=uuid4().hex,
            kind=kind,
            subject=keyed_hash(KEY, kind, value),
            journal=self.journal,
            seq=0,
            until=times.micros(until),
        )
        record = Batch(
            received_at=stone.until,
            events=0,
            digest=(),
            ids=b"",
            lines=codec.pack_lines([]),
            redrive_of=f"erase:{stone.id}",
        )
        seq = self.log.append(record)
        self.writer.add(empty(Position(self.journal, seq), self.now))
        self.writer.commit(self.now)
        return msgspec.structs.replace(stone, seq=seq)

    def erase(self, stone: Tombstone) -> dict:
        """Both steps, one delay apart; the record."""
        while self.log.trim(self.reader.state().head):
            pass
        with capture_logs():
            self.eraser.run(stone)
            self.now += DELAY + dt.timedelta(seconds=1)
            self.eraser.run(stone)
        return erasure_state.find(self.records, stone.id).record

    def ids(self) -> set[str]:
        return set(self.lake._table.refresh().scan(selected_fields=("event_id",)).to_arrow()["event_id"].to_pylist())

    def raw(self) -> bytes:
        return b"".join(bronze.read(self.folder, file) for file in bronze.listed(self.records))

    def files(self) -> set[Path]:
        return {path for path in self.folder.rglob("*") if path.suffix in {".parquet", ".zst"}}

    def totals(self) -> tuple[int, int]:
        """Stored and erased events, where all of them are accounted for."""
        report = self.ledger.report(deep=True)
        assert report.gaps == []
        return report.ledger.stored, report.ledger.erased


@pytest.fixture
def world(tmp_path):
    world = World(tmp_path)
    yield world
    world.close()


def of(user, session="s", **fields):
    return event(user_id=user, session_id=session, **fields)


def test_a_person_goes_and_nobody_else(world):
    """Also guards mechanism 18: what goes is counted in the step that takes it."""
    yesterday = NOW - dt.timedelta(days=1)
    world.store(of("ada"), of("bob"), of("ada", event_type="click"), of(None))
    world.store(of("bob"), of("cleo"))
    world.store(of("ada", timestamp=yesterday), of("bob", timestamp=yesterday))
    world.store(of("ada", session="only hers"))
    rows = world.lake._table.scan(selected_fields=("event_id", "user_id")).to_arrow().to_pylist()
    kept = {row["event_id"] for row in rows if row["user_id"] != "ada"}
    record = world.erase(world.request())
    assert world.ids() == kept
    assert b'"ada"' not in world.raw()
    assert world.raw().count(b"\n") == len(kept) == 5
    assert world.totals() == (5, 4)
    assert record["removed"] == {
        "silver": {"events": 4, "files": 4},
        "bronze": {"events": 4, "objects": 3},
        "dead_letters": {"events": 0, "letters": 0},
        "uploads": {"events": 0},
        "summaries": [str(yesterday.date()), str(NOW.date())],
    }
    assert (record["kind"], record["subject"]) == ("user", keyed_hash(KEY, "user", "ada"))
    assert record["not_touched"] == world.others.copies()
    assert world.others.minutes == [{times.minute_of(yesterday), times.minute_of(NOW)}]
    assert (world.others.vacuumed, world.others.summarised) == (1, 1)
    assert erasure_state.open_erasures(world.records) == []


def test_a_session_goes(world):
    world.store(of("ada", session="one"), of("ada", session="two"), of("bob", session="one"))
    record = world.erase(world.request("session", "one"))
    assert record["removed"]["silver"]["events"] == 2
    assert world.totals() == (1, 2)
    assert world.erase(world.request("session", "ada"))["removed"]["silver"]["events"] == 0


def test_what_comes_after_the_line_stays(world):
    world.store(of("ada", timestamp=None), received_at=LINE - dt.timedelta(microseconds=1))
    stone = world.request()
    [later] = world.store(of("ada", timestamp=None), received_at=LINE)
    assert world.erase(stone)["removed"]["silver"]["events"] == 1
    assert world.ids() == {later}
    assert world.totals() == (1, 1)


def test_old_files_stay_while_a_query_may_read_them(world):
    """Guards mechanism 12."""
    world.store(of("ada"), of("bob"))
    world.lake.collect_garbage(world.records, NOW)
    before, stone = world.files(), world.request()
    world.log.trim(stone.seq)
    with capture_logs():
        world.eraser.run(stone)
        assert before < world.files()
        world.now += DELAY - dt.timedelta(seconds=1)
        world.eraser.run(stone)
        assert before < world.files()
        assert erasure_state.find(world.records, stone.id).record is None
        world.now += dt.timedelta(seconds=2)
        assert world.eraser.run(stone)["done"] == [stone.id]
    assert not before & world.files()


def test_erasing_twice_is_fine(world):
    world.store(of("ada"), of("bob"))
    stone = world.request()
    record = world.erase(stone)
    assert world.erase(stone) == record
    assert world.erase(world.request())["removed"]["bronze"] == {"events": 0, "objects": 0}
    assert world.totals() == (1, 1)


def test_those_that_wait_are_done_together(world):
    world.store(of("ada"), of("bob", session="x"), of("cleo", session="x"), of("ada", session="x"))
    first, second = world.request(), world.request("session", "x")
    world.others.in_line = [second]
    world.erase(first)
    removed = [erasure_state.find(world.records, stone.id).record["removed"]["silver"] for stone in (first, second)]
    assert removed == [{"events": 2, "files": 1}, {"events": 2, "files": 1}]
    assert world.totals() == (0, 4)
    assert world.others.vacuumed == 1


def test_dead_letters_lose_the_lines_alone(world):
    mixed = world.park(of("ada"), of("bob"), of("ada"))
    hers = world.park(of("ada"))
    live = world.park(of("ada"), of("bob"), consumer="speed")
    ids = codec.unpack_ids(world.letters.batch(mixed).ids)
    record = world.erase(world.request())
    batch_left, letter = world.letters.batch(mixed), world.letters.show(mixed)
    assert (letter.events, batch_left.events, codec.unpack_ids(batch_left.ids)) == (1, 1, [ids[1]])
    assert b'"bob"' in codec.decompress(batch_left.lines)
    assert b'"ada"' not in codec.decompress(batch_left.lines)
    assert sum(count.events for count in batch_left.digest) == 1
    assert world.letters.show(hers) is None
    assert world.letters.batch(live).events == 1
    assert record["removed"]["dead_letters"] == {"events": 3, "letters": 3}
    report = world.ledger.report(deep=True)
    assert (report.gaps, report.ledger.dead_lettered, report.ledger.erased) == ([], 1, 4)


def test_a_letter_that_nobody_can_read_is_named(world):
    letter_id = world.park(of("ada"))
    damaged = msgspec.structs.replace(world.letters.batch(letter_id), lines=b"damaged")
    world.letters.park(world.letters.show(letter_id), damaged)
    assert world.erase(world.request())["unreadable_letters"] == [letter_id]
    assert world.letters.show(letter_id) is not None


def test_a_letter_that_was_redriven_is_erased_where_it_went(world):
    letter_id = world.park(of("ada"), of("bob"))
    again = msgspec.structs.replace(world.letters.batch(letter_id), seq=0, redrive_of=letter_id)
    seq = world.log.append(again)
    world.writer.add(decode(world.journal, [msgspec.structs.replace(again, seq=seq)], NOW))
    world.writer.commit(NOW)
    record = world.erase(world.request())
    assert (record["removed"]["silver"]["events"], record["removed"]["dead_letters"]["letters"]) == (1, 0)
    assert world.letters.show(letter_id) is None
    assert world.totals() == (1, 1)


def test_a_replay_brings_nothing_back(world):
    """Guards mechanism 20."""
    world.store(of("ada"), of("bob"))
    world.erase(world.request())
    keep = (world.settings, world.lake, world.records, lambda: world.now)
    done = Replay(*keep, lambda: Tombstones(KEY, erasure_state.tombstones(world.records))).run(
        NOW.date(), NOW.date(), False, world.now
    )
    assert (done["changed"], done["rows"]["after"]) == (False, 1)
    assert world.totals() == (1, 1)


def test_ids_stay_known_when_the_index_is_lost(world):
    """Guards mechanism 3: else a sender's retry would bring the events back."""
    stored = [one.replace("-", "") for one in (*world.store(of("ada"), of("bob")), *world.store(of("ada")))]
    letter_id = world.park(of("ada"), of("bob"))
    parked = [entry[:16] for entry in codec.unpack_ids(world.letters.batch(letter_id).ids)]
    ids = [*map(bytes.fromhex, stored), *parked]
    before = known(world, ids)
    assert None not in before
    world.erase(world.request())
    assert known(world, ids) == before
    assert [is_erased(world, seq, one) for seq, one in zip((1, 1, 2, 3, 3), ids, strict=True)] == [
        True,
        False,
        True,
        True,
        False,
    ]
    after = NOW + dt.timedelta(days=world.settings.dedup_window_days, seconds=1)
    sweep(world.settings, world.lake, world.records, world.folder / "tail", after)
    assert not is_erased(world, 1, ids[0])


def test_an_erased_letter_hides_no_erased_object_that_spans_its_batch(world):
    for first, last, n in ((1, 10, 1), (5, 5, 2)):
        ids = codec.pack_id(UUID(int=n).bytes, b"12345678", "click")
        one = erased_ids.ErasedIds(journal=world.journal, first=first, last=last, known_since=0, ids=ids)
        world.records.put(erased_ids.KIND, one.document("x"))
    assert is_erased(world, 3, UUID(int=1).bytes)
    assert not is_erased(world, 3, UUID(int=2).bytes)


def known(world, ids):
    """What an index knows that was lost: the hashes of the payloads."""
    folder = world.folder / uuid4().hex
    folder.mkdir()
    index = RocksIdIndex(folder, world.journal, 86_400)
    bring_up(index, world.reader, world.records, world.letters, world.folder, oldest=0)
    found = index.lookup(ids, int(NOW.timestamp()))
    index.close()
    return [entry and entry.payload_hash for entry in found]


def is_erased(world, seq, event_id):
    return erased_ids.is_erased(world.records, world.journal, seq, event_id)


STEPS = {
    "object": (bronze, "replace"),
    "file": (erasure_pass.purge, "write_rows"),
    "swap": (Lake, "swap"),
    "letter": (SqliteDeadLetters, "shorten"),
    "leftovers": (erase, "hand_over_leftovers"),
    "counters": (OtherParts, "mend_counters"),
    "vacuum": (OtherParts, "vacuum"),
    "record": (erasure_state, "close"),
}


POINTS = ["object after", "file after", "swap before", "swap after", "letter before", "letter after", "leftovers after"]
POINTS += ["counters before", "vacuum before", "record before", "record after"]


@pytest.mark.parametrize("point", POINTS)
def test_a_run_that_was_cut_off_is_taken_up(world, monkeypatch, point):
    """Also guards mechanism 18: nothing is counted twice, and nothing is left."""
    world.store(of("ada"), of("bob"))
    world.store(of("ada", event_type="click"), of("ada"))
    letter_id = world.park(of("ada"), of("bob"))
    stone = world.request()
    step, when = point.split()
    with monkeypatch.context() as patch:
        patch.setattr(*STEPS[step], deadly(getattr(*STEPS[step]), when))
        with pytest.raises(Crash):
            world.erase(stone)
    for path in world.files():
        os.utime(path, (world.now.timestamp(),) * 2)
    world.now += dt.timedelta(seconds=1)
    world.restart()
    record = world.erase(stone)
    assert len(world.ids()) == 1
    assert b'"ada"' not in world.raw() + codec.decompress(world.letters.batch(letter_id).lines)
    report = world.ledger.report(deep=True)
    assert (report.gaps, report.ledger.erased, report.ledger.dead_lettered) == ([], 4, 1)
    assert record["removed"]["silver"] == {"events": 3, "files": 3}
    assert record["removed"]["bronze"] == {"events": 3, "objects": 2}
    assert record["removed"]["dead_letters"] == {"events": 1, "letters": 1}
    assert record["removed"]["summaries"] == [str(NOW.date())]
    assert world.others.minutes
    listed = {world.folder / file.path for file in bronze.listed(world.records)}
    live = {Path(file.path) for file in world.snapshots.current().files}
    assert world.files() == listed | live


def deadly(function, when):
    def wrapper(*arguments, **options):
        if when == "before":
            raise Crash
        function(*arguments, **options)
        raise Crash

    return wrapper


def test_what_the_writer_has_merged_meanwhile_is_found(world, monkeypatch):
    """Guards mechanism 11: the swap is refused, and the new files are looked through."""
    for _ in range(3):
        world.store(of("ada"), of("bob"))
    swap = Lake.swap

    def merge_first(lake, removed, added, properties=None):
        monkeypatch.setattr(Lake, "swap", swap)
        rows = lake._table.refresh().scan().to_arrow().cast(tail.SILVER)
        assert lake.replace(lake.live_files(), rows)
        return lake.swap(removed, added, properties)

    stone = world.request()
    monkeypatch.setattr(Lake, "swap", merge_first)
    assert world.erase(stone)["removed"]["silver"] == {"events": 3, "files": 1}
    assert world.totals() == (3, 3)


def test_a_lake_that_never_rests_is_told(world, monkeypatch):
    world.store(of("ada"))
    monkeypatch.setattr(Lake, "swap", lambda *_: False)
    with pytest.raises(StoreError, match="keeps merging"):
        world.erase(world.request())


def test_many_rows_in_many_pieces(world, monkeypatch):
    monkeypatch.setattr(erasure_pass.purge, "READ_ROWS", 7)
    monkeypatch.setattr(erasure_pass.purge, "SCAN_ROWS", 11)
    monkeypatch.setattr(bronze, "BLOCK_BYTES", 100)
    monkeypatch.setattr(erasure_pass, "GROUP_BYTES", 1)
    for day in range(3):
        at = NOW - dt.timedelta(days=day)
        world.store(*(of("ada" if number % 3 else "bob", timestamp=at) for number in range(60)))
    assert world.erase(world.request())["removed"]["silver"] == {"events": 120, "files": 3}
    assert world.totals() == (60, 120)
    times_of = [row["timestamp"] for row in world.lake._table.scan().to_arrow().to_pylist()]
    assert len(times_of) == 60


def test_tail_files_of_what_the_lake_has_go(world):
    folder = world.folder / "tail"
    seq = world.log.append(batch(0, [of("ada")]))
    chunk = decode(world.journal, world.reader.read(seq - 1), NOW)
    world.writer.add(chunk)
    world.writer.commit(NOW)
    tail.write_tail(folder, chunk)
    world.erase(world.request())
    assert list(folder.iterdir()) == []


def test_tombstones_tell_rows_and_lines_alike():
    stones = [
        Tombstone(id="a", kind="user", subject=keyed_hash(KEY, "user", "ada"), journal="j", seq=1, until=10**18),
        Tombstone(id="b", kind="session", subject=keyed_hash(KEY, "session", "s"), journal="j", seq=1, until=10**18),
        Tombstone(id="c", kind="user", subject=keyed_hash(KEY, "user", "bob"), journal="j", seq=1, until=0),
    ]
    found = Tombstones(KEY, stones)
    sent = batch(1, [of("ada"), of("bob"), of("s", session="ada"), of("cleo", session="other"), of(None, session="x")])
    lines = codec.decompress(sent.lines).split(b"\n")[:-1]
    rows = decode("j", [sent], NOW).table
    assert found.of_rows(rows).to_pylist() == found.of_lines(lines) == [0, 1, None, None, None]
    assert found.of_lines([b"{damaged", *lines, b""]) == [None, 0, 1, None, None, None, None]
    assert not Tombstones(b"another key", stones).of_rows(rows).drop_null()
    assert (found.are_about("ada", None), found.are_about("s", "ada")) == (True, False)
