"""Dead letters in the pipeline: what is kept of a failure, and when a letter goes (guards mechanisms 17 and 18)."""

import datetime as dt

import msgspec
import pytest
from lake_samples import NOW, batch, event
from structlog.testing import capture_logs

from cloudpulse.engines.local.dead_letters import SqliteDeadLetters
from cloudpulse.engines.local.event_log import SqliteEventLog, SqliteLogReader
from cloudpulse.engines.local.records import SqliteRecords
from cloudpulse.entrypoints.letters import GRACE, Letters, fingerprint
from cloudpulse.errors import StoreError
from cloudpulse.events.model import Position
from cloudpulse.ops.reconciliation import set_aside

KEEP = dt.timedelta(days=14)
SECRET = "visitor@example.com"


class World:
    def __init__(self, folder):
        self.now = NOW
        self.log, self.reader = SqliteEventLog(folder), SqliteLogReader(folder)
        self.kept, self.records = SqliteDeadLetters(folder / "records.db"), SqliteRecords(folder / "records.db")
        self.letters = Letters(self.kept, self.records, self.reader, KEEP, lambda: self.now)
        self.journal = self.reader.state().journal

    def at(self, seq):
        return Position(self.journal, seq)

    def park(self, consumer="lake", seq=1, error=None):
        parked = self.log.append(batch(0, [event(), event()]))
        assert parked == seq
        [found] = self.reader.read(seq - 1)
        with capture_logs():
            self.letters.park(consumer, self.at(seq), found, error or failure(ValueError(SECRET)), [1, 2, 3])
        return f"{consumer}:{self.at(seq)}"

    def redrive(self, letter_id):
        return self.log.append(msgspec.structs.replace(self.kept.batch(letter_id), redrive_of=letter_id))

    def reap(self, seq, consumer="lake"):
        with capture_logs():
            self.letters.reap(consumer, self.at(seq))
        return [letter.id for letter in self.kept.list()]

    def moved(self):
        return dict(self.records.list("ledger"))

    def close(self):
        for store in (self.log, self.reader, self.kept, self.records):
            store.close()


@pytest.fixture
def world(tmp_path):
    world = World(tmp_path)
    yield world
    world.close()


def failure(error, depth=0):
    try:
        fail(error) if depth == 0 else fail_elsewhere(error)
    except Exception as exc:
        return exc


def fail(error):
    raise error


def fail_elsewhere(error):
    raise error


def test_a_letter_quotes_nothing(world):
    letter = world.kept.show(world.park())
    assert SECRET not in repr(letter)
    assert letter.reason == "ValueError in test_letters.py:fail"
    assert letter.stack.splitlines() == ["test_letters.py:failure", "test_letters.py:fail"]
    assert (letter.attempts, letter.failed_at, letter.events) == (3, (1, 2, 3), 2)


def test_a_sentence_of_ours_is_kept(world):
    letter = world.kept.show(world.park(error=failure(StoreError("The lake is not ours."))))
    assert letter.reason == "StoreError: The lake is not ours. in test_letters.py:fail"


def test_letters_are_of_one_group_by_kind_and_place():
    one = fingerprint(failure(ValueError("1")))
    assert one == fingerprint(failure(ValueError("2")))
    assert len({one, fingerprint(failure(KeyError("1"))), fingerprint(failure(ValueError("1"), depth=1))}) == 3


def test_a_letter_goes_when_its_next_try_is_stored(world):
    letter_id = world.park()
    assert world.reap(1) == [letter_id]
    assert world.redrive(letter_id) == 2
    assert world.reap(1) == [letter_id], "its next try may fail again"
    assert world.reap(2) == []
    assert world.moved() == {}, "the events are where the next try took them"


@pytest.mark.parametrize(("consumer", "moved"), [("lake", 2), ("speed", None)])
def test_a_purged_letter_goes_and_is_counted_once(world, consumer, moved):
    """Guards mechanism 16 too: what it held is known for as long as live counters may show it."""
    letter_id = world.park(consumer)
    held = world.kept.batch(letter_id).digest
    world.log.purge(letter_id)
    assert world.reap(1, consumer) == []
    assert world.reap(1, consumer) == []
    assert world.moved() == ({f"purged:{world.journal}": {"events": moved}} if moved else {})
    known = set_aside.read(world.kept, world.records)
    assert tuple(set_aside.lacked(known, world.reader, consumer, world.at(1))) == held
    set_aside.forget_purged(world.records, world.now + dt.timedelta(seconds=1))
    assert set_aside.read(world.kept, world.records) == {}


def test_a_letter_expires(world):
    letter_id = world.park()
    world.now = NOW + KEEP + GRACE
    assert world.reap(1) == [letter_id]
    world.now += dt.timedelta(microseconds=1)
    assert world.reap(0) == [letter_id], "the journal may deliver its batch again"
    assert world.reap(1) == []
    assert world.moved() == {f"expired:{world.journal}": {"events": 2}}


def test_a_letter_that_was_redriven_does_not_expire(world):
    letter_id = world.park()
    world.redrive(letter_id)
    world.now = NOW + 2 * KEEP
    assert world.reap(1) == [letter_id]
    assert world.reap(2) == []
    assert world.moved() == {}
