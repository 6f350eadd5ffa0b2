"""The ledger over real stores: it balances at every step, and names what is lost or doubled (guards mechanism 18)."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from lake_samples import NOW, batch, event

from cloudpulse.batch.writer import LakeWriter
from cloudpulse.engines.local.dead_letters import SqliteDeadLetters
from cloudpulse.engines.local.event_log import SqliteEventLog, SqliteLogReader
from cloudpulse.engines.local.records import SqliteRecords
from cloudpulse.engines.local.warehouse import DuckDbWarehouse
from cloudpulse.events.model import Position
from cloudpulse.lake import bronze
from cloudpulse.lake.chunk import decode
from cloudpulse.lake.commit import Lake
from cloudpulse.lake.snapshot import SnapshotReader
from cloudpulse.lake.tables import SILVER
from cloudpulse.ops import ledger
from cloudpulse.ops.ledger import Evidence, LedgerService
from cloudpulse.ports import DeadLetter, LogState
from cloudpulse.settings import Settings


def letter(position: Position, events: int) -> DeadLetter:
    return DeadLetter(
        consumer="lake",
        position=position,
        events=events,
        parked_at=1,
        attempts=3,
        failed_at=(),
        fingerprint="",
        reason="",
        stack="",
    )


class World:
    """A data folder with every store that the ledger looks at; ``append`` accepts, ``store`` commits to the lake."""

    def __init__(self, folder):
        settings = Settings(data=folder)
        self.folder = folder
        self.log = SqliteEventLog(folder)
        self.reader = SqliteLogReader(folder)
        self.records = SqliteRecords(folder / "records.db")
        self.letters = SqliteDeadLetters(folder / "records.db")
        self.lake = Lake(settings)
        self.writer = LakeWriter(settings, self.lake, self.records)
        self.warehouse = DuckDbWarehouse(settings)
        snapshots = SnapshotReader(settings)
        self.service = LedgerService(settings, self.reader, snapshots, self.records, self.letters, self.warehouse)

    @property
    def journal(self) -> str:
        return self.reader.state().journal

    def append(self, events: int = 3) -> int:
        return self.log.append(batch(0, [event() for _ in range(events)]))

    def store(self) -> Position:
        position = self.writer.position()
        batches = self.reader.read(position.seq if position else 0)
        self.writer.add(decode(self.journal, batches, NOW))
        stored = self.writer.commit(NOW)
        assert stored is not None
        return stored

    def park(self, seq: int) -> str:
        [found] = self.reader.read(seq - 1, limit=1)
        parked = letter(Position(self.journal, seq), found.events)
        self.letters.park(parked, found)
        return parked.id

    def pass_over(self, seq: int) -> None:
        position = self.writer.position()
        self.lake.append(SILVER.empty_table(), position, Position(self.journal, seq))
        self.writer.recover()

    def bronze_path(self):
        [path] = (self.folder / "bronze").rglob("*.zst")
        return path

    def close(self):
        for store in (self.log, self.reader, self.records, self.letters, self.warehouse):
            store.close()


@pytest.fixture
def world(tmp_path):
    world = World(tmp_path)
    yield world
    world.close()


def test_a_new_folder_balances(world):
    report = world.service.report()
    assert (report.ok, report.ledger.accepted, report.gaps) == (True, 0, [])


def test_events_are_in_flight_until_the_lake_has_them(world):
    world.append(3)
    world.append(4)
    report = world.service.report()
    assert (report.ok, report.ledger.in_flight, report.ledger.stored) == (True, 7, 0)
    world.store()
    world.append(5)
    report = world.service.report()
    assert (report.ok, report.ledger.accepted, report.ledger.in_flight, report.ledger.stored) == (True, 12, 5, 7)
    assert (report.head, report.lake_position) == (3, 2)


def test_trimmed_batches_stay_in_the_totals(world):
    world.append(3)
    world.store()
    world.log.trim(1)
    world.append(2)
    report = world.service.report()
    assert (report.ok, report.ledger.accepted, report.ledger.in_flight) == (True, 5, 2)


def test_a_parked_batch_counts_once_while_and_after_the_lake_passes_it(world):
    seq = world.append(3)
    world.park(seq)
    report = world.service.report()
    assert (report.ok, report.ledger.in_flight, report.ledger.dead_lettered) == (True, 3, 0)
    world.pass_over(seq)
    report = world.service.report()
    assert (report.ok, report.ledger.in_flight, report.ledger.dead_lettered) == (True, 0, 3)


def test_an_event_that_is_lost_is_a_gap(world):
    world.append(3)
    world.append(3)
    chunk = decode(world.journal, world.reader.read(0)[:1], NOW)
    world.lake.append(chunk.table, None, Position(world.journal, 2))
    report = world.service.report()
    assert not report.ok
    assert "3 of 6 accepted events are nowhere to be found." in report.gaps


def test_an_event_that_is_stored_twice_is_a_gap(world):
    world.append(3)
    position = world.store()
    world.lake.append(decode(world.journal, world.reader.read(0), NOW).table, position, position)
    report = world.service.report()
    assert "3 events are held that were never accepted, or are held twice." in report.gaps
    assert "Silver holds 3 events twice: same id, received within 7 days." in report.gaps


def test_large_lakes_are_compared_in_parts(world, monkeypatch):
    monkeypatch.setattr(ledger, "SMALL_EVENTS", 10)
    world.append(60)
    position = world.store()
    assert not world.service.report().deep
    assert world.service.report(deep=True).ok
    world.lake.append(decode(world.journal, world.reader.read(0), NOW).table, position, position)
    assert "Silver holds 60 events twice: same id, received within 7 days." in world.service.report(deep=True).gaps


def test_a_bronze_file_that_is_gone_or_changed_is_a_gap(world):
    world.append(3)
    world.store()
    path = world.bronze_path()
    path.write_bytes(path.read_bytes() + b"x")
    assert ["is not what was written." in gap for gap in world.service.report(deep=True).gaps] == [True]
    path.unlink()
    assert ["with 3 events is gone." in gap for gap in world.service.report(deep=True).gaps] == [True]
    assert world.service.report(deep=False).ok


def test_an_unlisted_bronze_file_is_a_gap(world):
    world.append(3)
    world.store()
    world.records.delete(bronze.KIND, [key for key, _ in world.records.list(bronze.KIND)])
    assert world.service.report().gaps == ["Bronze lists 0 events and silver holds 3: they must be equal."]


def test_a_new_journal_goes_on_with_what_earlier_ones_brought(world, tmp_path):
    world.append(3)
    world.store()
    world.log.close()
    for path in tmp_path.glob("journal.db*"):
        path.unlink()
    world.log = SqliteEventLog(tmp_path)
    again = World(tmp_path)
    again.append(2)
    report = again.service.report()
    again.close()
    assert (report.ok, report.ledger.accepted, report.ledger.stored, report.ledger.in_flight) == (True, 5, 3, 2)


def test_events_that_went_for_good_are_counted_where_they_went(world):
    world.append(3)
    world.pass_over(1)
    assert not world.service.report().ok
    world.records.put(ledger.KIND, {f"purged:{world.journal}": {"events": 3}})
    report = world.service.report()
    assert (report.ok, report.ledger.purged) == (True, 3)


def evidence(**changes) -> Evidence:
    log = LogState(
        journal="j", head=9, trimmed=0, accepted=10, stored_bytes=0, oldest_received_at=None, last_received_at=0
    )
    base = Evidence(log=log, position=Position("j", 5), stored=0, tail=[], letters=[], bronze={}, moved=[])
    return msgspec.structs.replace(base, **changes)


def test_a_letter_counts_once_at_every_step_of_its_next_try(world):
    seq = world.append(3)
    letter_id = world.park(seq)
    world.pass_over(seq)
    [parked] = world.reader.read(0)
    assert world.log.append(msgspec.structs.replace(parked, redrive_of=letter_id)) == 2
    report = world.service.report()
    assert (report.ok, report.ledger.in_flight, report.ledger.dead_lettered) == (True, 3, 0)
    world.store()
    report = world.service.report()
    assert (report.ok, report.ledger.stored, report.ledger.dead_lettered) == (True, 3, 0)
    world.letters.remove(letter_id)
    report = world.service.report()
    assert (report.ok, report.ledger.stored, report.ledger.accepted) == (True, 3, 3)


def test_the_next_try_of_another_consumers_letter_is_not_the_lake_s(world):
    world.append(3)
    world.store()
    world.log.append(batch(0, [event()], redrive_of="speed:j:1"))
    report = world.service.report()
    assert (report.ok, report.ledger.accepted, report.ledger.stored, report.ledger.in_flight) == (True, 3, 3, 0)


@pytest.mark.parametrize("place", ["purged", "expired"])
def test_what_becomes_of_a_letter_of_an_earlier_journal_is_known(world, tmp_path, place):
    seq = world.append(3)
    letter_id = world.park(seq)
    world.pass_over(seq)
    world.log.close()
    for path in tmp_path.glob("journal.db*"):
        path.unlink()
    world.log = SqliteEventLog(tmp_path)
    again = World(tmp_path)
    report = again.service.report()
    assert (report.ok, report.ledger.dead_lettered, report.ledger.accepted) == (True, 3, 3)
    again.letters.remove(letter_id, place)
    report = again.service.report()
    again.close()
    assert (report.ok, report.ledger.dead_lettered, getattr(report.ledger, place)) == (True, 0, 3)


@given(st.lists(st.tuples(st.integers(6, 9), st.integers(1, 50)), max_size=5), st.integers(0, 50), st.integers(0, 50))
def test_the_ledger_balances_exactly_when_nothing_is_missing(tail, lettered, missing):
    flying = sum(n for _, n in tail)
    log = msgspec.structs.replace(evidence().log, accepted=flying + lettered + missing)
    report = ledger.check(evidence(log=log, tail=tail, letters=[(Position("j", 2), lettered)]))
    assert report.ok == (missing == 0)
    assert report.ledger.missing == missing


def test_what_came_after_the_totals_were_read_does_not_count():
    report = ledger.check(evidence(tail=[(9, 10), (10, 7)]))
    assert (report.ok, report.ledger.in_flight) == (True, 10)
