"""Speed, batch and ledger compared up to one position, and mended (guards mechanism 16)."""

import datetime as dt
import random
import threading
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from lake_samples import NOW, batch, event

from cloudpulse import wiring
from cloudpulse.engines.local.event_log import SqliteEventLog
from cloudpulse.engines.local.sqlite import connect
from cloudpulse.entrypoints.letters import Letters
from cloudpulse.errors import LogTrimmed, StoreError
from cloudpulse.events import codec, sketch
from cloudpulse.events.model import LAKE, SPEED, Batch, Position
from cloudpulse.events.times import minute_of, rfc3339
from cloudpulse.lake import bronze, erased_ids, parquet
from cloudpulse.lake.chunk import decode, empty
from cloudpulse.lake.erased_ids import ErasedIds
from cloudpulse.lake.sift import count_of, digest, subtract
from cloudpulse.lake.snapshot import SnapshotReader
from cloudpulse.lake.tables import SILVER
from cloudpulse.ops.jobs import Reconciliation
from cloudpulse.ops.reconciliation import comparison, findings, reports, scrub, set_aside
from cloudpulse.ops.reconciliation.reports import Report, Reports
from cloudpulse.ports import MinuteCount
from cloudpulse.settings import Settings
from cloudpulse.wiring.reconciling import reconciler

TYPES = ("page_view", "click", "error")
DAYS_AGO = dt.timedelta(days=1)


class World:
    """Both layers over a journal, moved step by step, and the job beside them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.settings = Settings(data=folder, min_free_bytes=0)
        self.log = SqliteEventLog(folder)
        self.parts = wiring.pipeline(self.settings)
        self.snapshots = SnapshotReader(self.settings)
        self.reader, self.counters, self.records = self.parts.reader, self.parts.counters, self.parts.records
        self.journal = self.reader.state().journal
        self.now = NOW
        self.letters = Letters(self.parts.letters, self.records, self.reader, dt.timedelta(days=14), lambda: self.now)
        self.speed, self.lake = self.parts.processor.position(self.reader.state()), 0
        self._rng = random.Random(4)

    def close(self) -> None:
        for store in (self.log, self.reader, self.counters, self.records, self.parts.letters, self.snapshots):
            store.close()

    def accept(self, *ages_in_hours: float, sessions: int = 5, per_age: int = 6) -> int:
        """A batch of events that are so old; its number."""
        events = [
            event(
                self.now - dt.timedelta(hours=age, seconds=self._rng.randrange(600)),
                self._rng.choice(TYPES),
                session_id=f"s{self._rng.randrange(sessions)}",
            )
            for age in ages_in_hours
            for _ in range(per_age)
        ]
        made = batch(0, events, self.now)
        rows = decode(self.journal, [msgspec.structs.replace(made, seq=1)], self.now).table
        return self.log.append(msgspec.structs.replace(made, digest=digest(rows)))

    def batches(self, after: int, consumer: str) -> list[Batch]:
        return [one for one in self.reader.read(after) if one.is_for(consumer)]

    def count(self) -> None:
        """Have the speed layer take in what it lacks."""
        head = self.reader.state().head
        if found := self.batches(self.speed, SPEED):
            self.parts.processor.handle(decode(self.journal, found, self.now))
        self.parts.processor.handle(empty(Position(self.journal, head), self.now))
        self.speed = head

    def store(self) -> None:
        """Have the lake take in what it lacks."""
        head = self.reader.state().head
        if found := self.batches(self.lake, LAKE):
            self.parts.writer.add(decode(self.journal, found, self.now))
        self.parts.writer.add(empty(Position(self.journal, head), self.now))
        self.parts.writer.commit(self.now)
        self.lake = head

    def settle(self) -> None:
        self.count()
        self.store()

    def park(self, consumer: str, seq: int) -> str:
        """Have a consumer that stands before a batch set it aside; the letter."""
        [found] = self.reader.read(seq - 1, limit=1)
        position = Position(self.journal, seq)
        self.letters.park(consumer, position, found, ValueError(), [1, 2, 3])
        if consumer == SPEED:
            self.parts.processor.handle(empty(position, self.now))
            self.speed = seq
        else:
            self.parts.writer.add(empty(position, self.now))
            self.parts.writer.commit(self.now)
            self.lake = seq
        return f"{consumer}:{position}"

    def redrive(self, letter_id: str) -> int:
        again = self.parts.letters.batch(letter_id)
        return self.log.append(msgspec.structs.replace(again, seq=0, redrive_of=letter_id))

    def reap(self) -> None:
        for consumer, seq in ((SPEED, self.speed), (LAKE, self.lake)):
            self.letters.reap(consumer, Position(self.journal, seq))

    def run(self, repair: bool = False, full: bool = True) -> Report:
        with reconciler(self.settings, self.parts, lambda: self.now) as found:
            done = found.run(Reconciliation(repair=repair, full=full))
        [report] = Reports(self.records).newest(1)
        assert done == {"at": report.at, "status": report.status, "found": report.found, "left": report.left}
        return report

    def sql(self, statement: str) -> None:
        """Change the live counters behind everybody's back."""
        connection = connect(self.folder / "counters.db")
        assert connection.execute(statement).rowcount > 0
        connection.close()

    def live(self) -> Any:
        """Counters, and sessions by minute; None where they cannot be counted."""
        live = self.counters.range(0, 1 << 40)
        return live.counts, {
            (app, minute): sketch.estimate([body]) if sketch.is_readable(body) else None
            for app, minute, body in live.sessions
        }

    def silver(self, event_type: str = "click", age_in_hours: float = 0) -> Path:
        day = (self.now - dt.timedelta(hours=age_in_hours)).date()
        files = self.snapshots.current().files
        return Path(next(file.path for file in files if (file.day, file.event_type) == (day, event_type)))

    def bronze(self) -> Path:
        return self.folder / bronze.listed(self.records)[0].path


@pytest.fixture
def world(tmp_path):
    world = World(tmp_path)
    yield world
    world.close()


def kinds(report: Report) -> set[tuple[str, str]]:
    return {(one.layer, one.kind) for one in report.differences}


def check_mended(world: World, before: Any) -> None:
    """Reconciling mends it, and finds nothing more; a second time changes nothing."""
    report = world.run(repair=True)
    assert (report.status, report.left, report.todo) == ("repaired", 0, [])
    assert report.found > 0
    assert all(one.repaired for one in [*report.differences, *report.files])
    assert world.live() == before
    assert world.run(repair=True).status == world.run().status == "ok"
    assert world.live() == before


def test_a_new_folder_agrees(world):
    world.settle()
    report = world.run()
    assert (report.status, report.found, report.todo) == ("ok", 0, [])


def test_layers_that_agree(world):
    """Late events, events too late for the counters, and events that are in flight for one layer or both."""
    world.accept(0, 1, 5, 23.5)
    world.settle()
    world.accept(0, 25, 30, 100)
    world.settle()
    world.accept(0, 1, 40)
    assert world.run().status == "ok"
    world.count()
    report = world.run()
    assert (report.status, report.lake, report.speed) == ("ok", 2, 3)
    assert report.compared["batch_minutes"] > 10
    assert report.compared["batch_hours"] >= 3
    assert report.compared["bronze_objects_read"] == 2


OLDEST = "(minute, app, event_type) IN (SELECT minute, app, event_type FROM counts ORDER BY 1, 2, 3 LIMIT 1)"


@pytest.mark.parametrize(
    ("statement", "kind", "cells"),
    [
        (f"DELETE FROM counts WHERE {OLDEST}", "lost", 1),
        (f"UPDATE counts SET events = events * 2 WHERE {OLDEST}", "doubled", 1),
        (f"UPDATE counts SET events = events + 1 WHERE {OLDEST}", "doubled", 1),
        ("INSERT INTO counts SELECT minute, 'nobody', event_type, 1 FROM counts ORDER BY 1 LIMIT 1", "doubled", 1),
        ("DELETE FROM sessions WHERE minute = (SELECT min(minute) FROM sessions)", "lost-sketch", 1),
        ("UPDATE sessions SET sketch = x'030303' WHERE minute = (SELECT min(minute) FROM sessions)", "lost-sketch", 1),
        ("DELETE FROM counts", "lost", None),
    ],
)
def test_wrong_counters_are_found_and_mended(world, statement, kind, cells):
    world.accept(0, 3)
    world.accept(2, 3)
    world.settle()
    world.accept(0, 3)
    world.count()
    world.accept(0, 1)
    before = world.live()
    world.sql(statement)
    report = world.run()
    assert (report.status, report.files, report.ledger_gaps) == ("diverged", [], [])
    expected = {("speed", kind)} | ({("speed", "lost-sketch")} if "nobody" in statement else set())
    assert kinds(report) == expected
    assert cells is None or report.found == cells + ("nobody" in statement)
    assert len(report.todo) == 1
    assert all((one.minute is None, one.hour, one.repaired) == (False, None, False) for one in report.differences)
    assert world.live() != before
    check_mended(world, before)


def test_lost_counters_of_a_whole_day_are_made_again(world):
    """The rows that are in the lake, those above it, and what comes while they are put right."""
    world.accept(*range(24), sessions=40)
    world.settle()
    world.accept(0, 1, 2, 3, sessions=40)
    world.count()
    before = world.live()
    world.sql("DELETE FROM counts")
    world.sql("DELETE FROM sessions")
    assert world.run().found >= 24
    check_mended(world, before)


def test_counters_are_made_anew_without_what_is_not_accepted_any_more(world):
    """As after an erasure: also the sessions that they counted go, and other minutes stay."""
    world.accept(0, 2, 20)
    world.settle()
    world.accept(0, 2)
    world.count()
    before = world.live()
    oldest, newest = before[0][0].minute, before[0][-1].minute
    gone = sketch.of(f"gone-{number}" for number in range(50))
    at = world.counters.position()
    extra = {("default", minute): gone for minute in (oldest, newest, newest - 1)}
    assert world.counters.apply(at, at, [MinuteCount("other", newest, "click", 3)], extra)
    with reconciler(world.settings, world.parts, lambda: world.now) as found:
        found.recount(range(newest - 30, newest + 31))
    counts, sessions = world.live()
    assert counts == before[0]
    assert {key: n for key, n in sessions.items() if key[1] != oldest} == {
        key: n for key, n in before[1].items() if key[1] != oldest
    }
    assert sessions["default", oldest] > 40
    with reconciler(world.settings, world.parts, lambda: world.now) as found:
        found.recount(range(newest - 3 * 1440, newest + 1))
    assert world.live() == before


def test_counters_that_move_on_while_they_are_mended(world, monkeypatch):
    """The swap is refused each time, and what came since is added."""
    world.accept(0, 1, sessions=40)
    world.settle()
    world.sql("DELETE FROM counts")
    world.sql("DELETE FROM sessions")
    swap, moves = world.counters.replace, iter(range(3))

    def late(*arguments: Any) -> bool:
        if next(moves, None) is not None:
            world.accept(0, 1, 30, sessions=40)
            world.count()
        return bool(swap(*arguments))

    monkeypatch.setattr(world.counters, "replace", late)
    assert world.run(repair=True).status == "repaired"
    mended = world.live()
    monkeypatch.undo()
    world.sql("DELETE FROM counts")
    world.sql("DELETE FROM sessions")
    world.store()
    check_mended(world, mended)


def test_what_is_set_aside_while_counters_are_made_anew_is_not_counted(world, monkeypatch):
    world.accept(0, 1)
    world.settle()
    swap, letters = world.counters.replace, []

    def poisoned(*arguments: Any) -> bool:
        if not letters:
            letters.append(world.park(SPEED, world.accept(0, 1)))
        return bool(swap(*arguments))

    monkeypatch.setattr(world.counters, "replace", poisoned)
    newest = minute_of(world.now)
    with reconciler(world.settings, world.parts, lambda: world.now) as found:
        found.recount(range(newest - 100, newest + 1))
    assert sum(one.events for one in world.live()[0]) == 12
    world.redrive(letters[0])
    world.settle()
    assert sum(one.events for one in world.live()[0]) == 24
    assert world.run().status == "ok"


def test_what_is_right_is_told_anew_when_that_was_too_long_ago(world, monkeypatch):
    world.accept(0, 1, 12)
    world.settle()
    before = world.live()
    world.sql("DELETE FROM counts")
    digests, trimmed = world.reader.digests, iter(range(3))

    def read(after: int, consumer: str | None) -> Any:
        if consumer == SPEED and next(trimmed, None) is not None:
            raise LogTrimmed("the journal is trimmed")
        return digests(after, consumer)

    monkeypatch.setattr(world.reader, "digests", read)
    check_mended(world, before)
    assert next(trimmed, None) is None


def test_a_lost_silver_file_is_found_and_mended(world):
    world.accept(0, 1, 2)
    world.accept(30, 50)
    world.settle()
    before = world.live()
    for path in (world.silver(), world.silver(age_in_hours=50)):
        path.unlink()
    report = world.run()
    assert report.status == "diverged"
    assert kinds(report) == {("batch", "lost")}
    assert {(one.minute is None) for one in report.differences} == {True, False}
    assert [(one.store, one.kind) for one in report.files] == [("silver", "lost")] * 2
    check_mended(world, before)


def test_an_altered_silver_file_is_found_and_mended(world):
    world.accept(0, 1, 2)
    world.settle()
    before = world.live()
    for kind, change in (
        ("click", lambda content: content[:-1]),
        ("click", lambda content: b"\0" * (len(content) // 2) + content[len(content) // 2 :]),
        ("error", lambda content: b"\0" * len(content)),
    ):
        path = world.silver(kind)
        path.write_bytes(change(path.read_bytes()))
        report = world.run()
        assert [(one.store, one.kind) for one in report.files] == [("silver", "altered")]
        check_mended(world, before)


def test_damage_that_changes_no_count_is_found_when_all_is_read(world):
    world.accept(0, 30)
    world.settle()
    before = world.live()
    path = world.silver()
    content = bytearray(path.read_bytes())
    column = pq.read_metadata(path).row_group(0).column(SILVER.get_field_index("event_id"))
    content[column.data_page_offset : column.data_page_offset + 8] = bytes(8)
    path.write_bytes(content)
    assert world.run(full=False).status == "ok"
    report = world.run()
    assert [(one.store, one.kind) for one in report.files] == [("silver", "altered")]
    check_mended(world, before)


def test_a_doubled_row_is_found_and_mended(world):
    seq = world.accept(0, 30)
    world.settle()
    before = world.live()
    at = world.parts.lake.position()
    rows = decode(world.journal, world.reader.read(seq - 1), world.now).table
    assert world.parts.lake.append(rows.slice(0, 1), at, at)
    assert world.parts.lake.append(rows.slice(rows.num_rows - 1), at, at)
    world.parts.writer.recover()
    report = world.run()
    assert kinds(report) == {("batch", "doubled")}
    assert sum(one.found - one.expected for one in report.differences) == 2
    assert len(report.ledger_gaps) == 2
    check_mended(world, before)


def test_a_silver_file_that_the_lake_no_longer_names_is_found_and_mended(world):
    world.accept(0, 30)
    world.settle()
    before = world.live()
    world.parts.lake.swap([file for file in world.parts.lake.live_files() if file.partition[1] == "click"], [])
    report = world.run()
    assert kinds(report) == {("batch", "lost")}
    assert "accepted events are nowhere to be found" in report.ledger_gaps[0]
    check_mended(world, before)


@pytest.mark.parametrize("kind", ["lost", "altered"])
def test_a_faulty_bronze_object_is_named_and_never_mended(world, kind):
    world.accept(0, 30)
    world.settle()
    path = world.bronze()
    content = path.read_bytes()
    path.unlink() if kind == "lost" else path.write_bytes(content[:-1] + b"?")
    for report in (world.run(), world.run(repair=True)):
        assert (report.status, report.differences, report.ledger_gaps, report.left) == ("diverged", [], [], 1)
        [fault] = report.files
        assert (fault.store, fault.kind, fault.repaired, world.folder / fault.path) == ("bronze", kind, False, path)
        assert "from a backup" in report.todo[0]
    path.write_bytes(content)
    assert world.run().status == "ok"


def test_silver_is_not_rebuilt_from_faulty_bronze_but_the_counters_are(world):
    world.accept(0, 1)
    world.settle()
    before = world.live()
    bronze_path, silver_path = world.bronze(), world.silver()
    content = bronze_path.read_bytes()
    bronze_path.unlink()
    silver_path.unlink()
    world.sql("DELETE FROM counts")
    report = world.run(repair=True)
    assert report.status == "diverged"
    assert {one.layer: one.repaired for one in report.differences} == {"speed": True, "batch": False}
    assert {one.store: one.repaired for one in report.files} == {"bronze": False, "silver": False}
    assert "restore it from a backup" in report.todo[0]
    assert world.live() == before
    bronze_path.write_bytes(content)
    check_mended(world, before)


def test_nothing_is_mended_while_bronze_is_not_all_listed(world):
    """Else what its list lacks would be taken for events that nobody accepted."""
    world.accept(0)
    world.settle()
    world.accept(1)
    world.settle()
    before, path = world.live(), world.silver()
    [(key, document), *_] = world.records.list(bronze.KIND)
    world.records.delete(bronze.KIND, [key])
    report = world.run(repair=True)
    assert (report.status, kinds(report)) == ("diverged", {("batch", "doubled"), ("speed", "doubled")})
    assert "not all that was accepted is known" in report.todo[0]
    assert (world.live(), path.exists()) == (before, True)
    world.records.put(bronze.KIND, {key: document})
    assert world.run().status == "ok"


def test_dead_letters_of_the_lake_are_no_divergence(world):
    seq = world.accept(0, 30)
    world.count()
    letter = world.park(LAKE, seq)
    world.accept(0, 30)
    world.settle()
    report = world.run()
    assert (report.status, report.differences) == ("ok", [])
    assert {(one.layer, one.kind) for one in report.explained} == {("batch", "dead-lettered")}
    assert {one.minute is None for one in report.explained} == {True, False}
    assert sum(one.expected - one.found for one in report.explained) == 12
    world.redrive(letter)
    assert (world.run().status, len(world.run().explained)) == ("ok", len(report.explained))
    world.settle()
    for _ in range(2):
        assert (world.run().status, world.run().explained) == ("ok", [])
        world.reap()


def test_dead_letters_of_the_counters_are_no_divergence(world):
    seq = world.accept(0, 30)
    letter = world.park(SPEED, seq)
    world.accept(0, 30)
    world.settle()
    report = world.run()
    assert (report.status, report.differences) == ("ok", [])
    assert {(one.layer, one.kind) for one in report.explained} == {("speed", "dead-lettered")}
    assert sum(one.expected - one.found for one in report.explained) == 6
    world.redrive(letter)
    assert world.run().status == "ok"
    world.settle()
    for _ in range(2):
        assert (world.run().status, world.run().explained) == ("ok", [])
        world.reap()


@pytest.mark.parametrize("consumer", [SPEED, LAKE])
def test_what_was_purged_is_no_divergence_while_counters_may_show_it(world, consumer):
    seq = world.accept(0, 30)
    (world.count if consumer == LAKE else world.store)()
    letter = world.park(consumer, seq)
    world.accept(0, 2)
    world.settle()
    world.log.purge(letter)
    for _ in range(2):
        assert world.run().status == "ok"
        world.reap()
    assert world.parts.letters.list() == []
    before, _ = world.live()
    world.sql("DELETE FROM counts")
    assert world.run(repair=True).status == "repaired"
    assert world.live()[0] == before
    world.now += dt.timedelta(hours=26, seconds=1)
    world.parts.processor.expire(world.now)
    assert world.run().status == "ok"
    assert world.records.list("purged_letters") == []


def test_what_was_purged_explains_nothing_once_it_is_erased(world):
    """An event that one layer lacks for good, and that is then erased from the other, is in neither."""
    seq = world.accept(0, 30)
    (batch,) = world.batches(seq - 1, SPEED)
    letter = world.park(SPEED, seq)
    world.settle()
    world.log.purge(letter)
    world.reap()
    first = set_aside.read(world.parts.letters, world.records)[letter]
    assert first.counts == batch.digest
    erased = ErasedIds(journal=world.journal, first=seq, last=seq + 3, known_since=0, ids=batch.ids[: 25 * 2])
    world.records.put(erased_ids.KIND, erased.document("erasure"))
    left = set_aside.read(world.parts.letters, world.records)[letter]
    lines = codec.decompress(batch.lines).splitlines()[:2]
    assert left.counts == subtract(batch.digest, [count_of(line) for line in lines])
    assert sum(count.events for count in left.counts) == batch.events - 2


def test_a_fault_beside_a_dead_letter_is_still_found(world):
    seq = world.accept(0)
    world.count()
    world.park(LAKE, seq)
    world.accept(0)
    world.settle()
    before = world.live()
    world.sql(f"UPDATE counts SET events = events + 1 WHERE {OLDEST}")
    report = world.run()
    assert kinds(report) == {("speed", "doubled")}
    assert report.explained
    check_mended(world, before)


def test_silver_that_went_by_its_age_is_not_missed(world):
    world.accept(0, 30, 50)
    world.settle()
    today = world.now.date()
    assert world.parts.lake.retire({"click": today, "error": today - DAYS_AGO})
    report = world.run()
    assert (report.status, report.ledger_gaps) == ("ok", [])


def test_objects_without_a_count_are_counted_once(world):
    """As when their lines were changed: an object's count must fit it."""
    world.accept(0, 1, 30)
    world.settle()
    known = world.records.list(bronze.DIGESTS)
    world.records.delete(bronze.DIGESTS, [key for key, _ in known])
    assert world.run().status == "ok"
    assert [(key, sorted(found)) for key, found in world.records.list(bronze.DIGESTS)] == [
        (key, sorted(found)) for key, found in known
    ]
    world.records.delete(bronze.DIGESTS, [key for key, _ in known])
    world.bronze().unlink()
    report = world.run(repair=True)
    assert report.status == "diverged"
    assert "not all that was accepted is known" in report.todo[-1]


def test_scheduled_runs_read_bronze_bit_by_bit(world, monkeypatch):
    """Each sees that all of it is there, and reads again what was not as it should be."""
    for _ in range(4):
        world.accept(0)
        world.settle()
    objects = [world.folder / file.path for file in bronze.listed(world.records)]
    monkeypatch.setattr(scrub, "READ_BYTES", 1)
    content = objects[2].read_bytes()
    objects[2].write_bytes(content[:-1] + b"?")

    def runs(times: int) -> list[str]:
        reports = [world.run(full=False) for _ in range(times)]
        assert all(report.compared["bronze_objects_read"] < len(objects) for report in reports)
        return [report.status for report in reports]

    assert runs(6) == ["ok", "ok", *["diverged"] * 4]
    objects[2].write_bytes(content)
    assert runs(4) == ["ok"] * 4
    objects[0].unlink()
    assert runs(1) == ["diverged"]


def test_a_tier_folder_that_cannot_be_reached_keeps_nobody_from_comparing(world, tmp_path):
    world.accept(0)
    world.settle()
    [(key, document)] = world.records.list(bronze.KIND)
    world.records.put(bronze.KIND, {key: document | {"path": str(tmp_path / "tier" / document["path"])}})
    world.sql("DELETE FROM counts")
    report = world.run()
    assert (kinds(report), report.files) == ({("speed", "lost")}, [])
    assert "tier folder that cannot be reached" in report.todo[0]
    report = world.run(repair=True)
    assert (report.status, report.left, len(report.todo)) == ("repaired", 0, 1)


def test_reports_are_kept_newest_first_and_not_for_ever(world, monkeypatch):
    monkeypatch.setattr(reports, "KEPT", 3)
    world.settle()
    for _ in range(5):
        world.now += dt.timedelta(hours=1)
        world.run()
    found = Reports(world.records).newest(10)
    assert [report.at for report in found] == [rfc3339(world.now - dt.timedelta(hours=hours)) for hours in range(3)]
    assert Reports(world.records).gauges() == {"reconciliation_divergences": 0.0}


def test_a_report_lists_some_and_counts_all(world, monkeypatch):
    monkeypatch.setattr(findings, "MAX_LISTED", 2)
    world.accept(*range(10))
    world.settle()
    world.sql("DELETE FROM counts")
    report = world.run()
    assert len(report.differences) == 2
    assert report.found == report.left > 10
    assert Reports(world.records).gauges()["reconciliation_divergences"] == report.left


def test_counters_that_lag_are_waited_for_and_not_for_ever(world, monkeypatch):
    world.accept(0)
    world.store()
    monkeypatch.setattr(comparison, "PATIENCE_SECONDS", 0.1)
    with pytest.raises(StoreError, match="too far behind"):
        world.run()
    thread = threading.Timer(0.2, world.count)
    monkeypatch.setattr(comparison, "PATIENCE_SECONDS", 20)
    thread.start()
    assert world.run().status == "ok"
    thread.join()


def test_what_moves_between_comparisons_is_no_divergence(world, monkeypatch):
    """A trim, a merge that takes files away, a letter that comes and goes: it is compared again."""
    world.accept(0)
    world.settle()
    current, moved = SnapshotReader.current, iter(range(1))

    def stale(self: SnapshotReader) -> Any:
        found = current(self)
        if next(moved, None) is not None:
            world.accept(0)
            world.settle()
            world.log.trim(2)
            live = world.parts.lake.live_files()
            rows = pa.concat_tables([parquet.read(world.parts.lake.base().io, file) for file in live])
            assert world.parts.lake.replace(live, rows)
            for file in found.files:
                Path(file.path).unlink()
        return found

    monkeypatch.setattr(SnapshotReader, "current", stale)
    assert world.run().status == "ok"
