"""What people do with dead letters, over real stores (guards mechanism 17)."""

import datetime as dt
from concurrent.futures import ThreadPoolExecutor

import msgspec
import pytest
from lake_samples import NOW, batch, event, lines
from structlog.testing import capture_logs

from cloudpulse.engines.local.dead_letters import SqliteDeadLetters
from cloudpulse.engines.local.event_log import SqliteEventLog, SqliteLogReader
from cloudpulse.engines.local.id_index import RocksIdIndex
from cloudpulse.engines.local.records import SqliteRecords
from cloudpulse.entrypoints.letters import Letters
from cloudpulse.errors import NotFound, Overloaded
from cloudpulse.events import codec, times
from cloudpulse.events.model import Position
from cloudpulse.ingest.limits import Gate
from cloudpulse.ingest.sequencer import Sequencer
from cloudpulse.ops import dead_letters as module
from cloudpulse.ops.dead_letters import DeadLetterService

KEEP = dt.timedelta(days=14)


class World:
    """Letters of three batches; the service appends through a running sequencer."""

    def __init__(self, folder):
        self.now = NOW
        self.log, self.reader = SqliteEventLog(folder), SqliteLogReader(folder)
        self.journal = self.reader.state().journal
        self.index = RocksIdIndex(folder, self.journal, 86_400)
        self.letters, self.records = SqliteDeadLetters(folder / "records.db"), SqliteRecords(folder / "records.db")
        self.gate = Gate(1_000, lambda: False)
        self.sequencer = Sequencer(self.log, self.index, self.gate, lambda outcomes: None, lambda: None)
        self.passed = {"lake": 9, "speed": 9}
        self.broken = False
        positions = {name: lambda name=name: Position(self.journal, self.passed[name]) for name in self.passed}
        trials = dict.fromkeys(self.passed, self._trial)
        self.service = DeadLetterService(
            self.letters, self.reader, self.sequencer, positions, trials, KEEP, lambda: self.now
        )
        self.sequencer.start()

    def _trial(self, chunk):
        if self.broken:
            raise ValueError("visitor@example.com")

    def park(self, consumer="lake", events=3, error=ValueError, damaged=None):
        sent = [event() for _ in range(events)]
        seq = self.log.append(batch(0, sent))
        [found] = self.reader.read(seq - 1)
        self.index.record(found)
        if damaged is not None:
            found = msgspec.structs.replace(found, lines=damaged)
        keeper = Letters(self.letters, self.records, self.reader, KEEP, lambda: self.now)
        with capture_logs():
            keeper.park(consumer, Position(self.journal, seq), found, raised(error("x")), [times.micros(NOW)] * 3)
        return f"{consumer}:{self.journal}:{seq}"

    def close(self):
        self.sequencer.stop()
        for store in (self.log, self.reader, self.index, self.letters, self.records):
            store.close()


def raised(error):
    try:
        raise error
    except Exception as exc:
        return exc


@pytest.fixture
def world(tmp_path):
    world = World(tmp_path)
    yield world
    world.close()


def test_letters_are_grouped_by_what_failed(world):
    ids = [world.park(), world.park(events=5), world.park("speed"), world.park(error=KeyError)]
    found = world.service.list()
    assert [letter.id for letter in found.letters] == ids[:2] + ids[3:] + ids[2:3]
    assert [(group.consumer, group.letters, group.events) for group in found.groups] == [
        ("lake", 2, 8),
        ("lake", 1, 3),
        ("speed", 1, 3),
    ]
    assert (found.total, world.service.counts()) == (4, {"lake": 3, "speed": 1})
    fingerprint = found.groups[0].fingerprint
    assert list(world.service.ids("lake", fingerprint)) == ids[:2]
    assert [letter.id for letter in world.service.list(limit=1).letters] == ids[:1]
    letter = found.letters[0]
    assert (letter.parked_at, letter.expires_at) == ("2026-11-20T10:30:00.000Z", "2026-12-04T10:30:00.000Z")


def test_a_letter_is_shown_with_its_events(world):
    letter_id = world.park(events=2, damaged=codec.pack_lines([lines([event(user_id="u")])[0], b"{torn\xff"]))
    shown = world.service.show(letter_id)
    assert shown.original[0].event["user_id"] == "u"
    assert shown.original[1].text == "{torn\N{REPLACEMENT CHARACTER}"
    assert (shown.truncated, shown.failed_at) == (False, ["2026-11-20T10:30:00.000Z"] * 3)
    assert world.service.show(world.park(damaged=b"damaged")).truncated
    with pytest.raises(NotFound):
        world.service.show("lake:nothing:1")


def test_what_is_shown_is_bounded(world, monkeypatch):
    monkeypatch.setattr(module, "SHOWN_EVENTS", 4)
    shown = world.service.show(world.park(events=5))
    assert (len(shown.original), shown.truncated) == (4, True)
    monkeypatch.setattr(module, "SHOWN_BYTES", 300)
    shown = world.service.show(world.park(events=3, damaged=codec.pack_lines([b'"%s"' % (b"x" * 290)] * 3)))
    assert (len(shown.original), shown.truncated) == (2, True)


def test_a_letter_is_redriven_once(world):
    letter_id = world.park()
    first, second = world.service.redrive(letter_id), world.service.redrive(letter_id)
    assert (first.outcome, first.batch_id, first.is_new) == ("redriven", f"{world.journal}:2", True)
    assert (second.outcome, second.batch_id, second.is_new) == ("redriven", f"{world.journal}:2", False)
    again = world.reader.read(1)
    assert [(one.redrive_of, one.events, one.received_at) for one in again] == [(letter_id, 3, times.micros(NOW))]
    key = codec.unpack_ids(again[0].ids)[0][:16]
    assert world.index.lookup([key], int(NOW.timestamp()))[0].seq == 2
    assert (list(world.service.ids()), world.service.counts()["lake"]) == ([], 0)


def test_many_callers_redrive_a_letter_once(world):
    letter_id = world.park()
    with ThreadPoolExecutor(8) as pool:
        outcomes = list(pool.map(lambda _: world.service.redrive(letter_id), range(16)))
    assert {one.batch_id for one in outcomes} == {f"{world.journal}:2"}
    assert world.reader.state().head == 2


def test_a_dry_run_writes_nothing(world):
    letter_id, damaged = world.park(), world.park(damaged=b"damaged")
    assert world.service.try_out(letter_id).outcome == "would_succeed"
    failed = world.service.try_out(damaged)
    assert (failed.outcome, failed.reason) == ("would_fail", "ZstdError")
    world.broken = True
    assert world.service.try_out(letter_id).reason == "ValueError"
    assert world.service.try_out("lake:nothing:1").outcome == "unknown"
    assert (world.reader.state().head, len(world.service.ids())) == (2, 2)


def test_what_a_letter_became_is_told(world):
    purged, expired = world.park(), world.park()
    world.service.purge(purged)
    world.service.purge(purged)
    assert world.service.redrive(purged).outcome == world.service.try_out(purged).outcome == "purged"
    assert world.service.redrive("lake:nothing:1").outcome == "unknown"
    world.now = NOW + KEEP
    assert world.service.redrive(expired).outcome == "expired"
    assert world.reader.state().head == 2


def test_only_letters_that_wait_are_purged(world):
    redriven = world.park()
    world.service.redrive(redriven)
    for letter_id in (redriven, "lake:nothing:1"):
        with pytest.raises(NotFound):
            world.service.purge(letter_id)


def test_nothing_is_decided_on_a_letter_that_its_consumer_has_not_passed(world):
    """A crash would let the journal deliver its batch again: it would be processed twice."""
    letter_id = world.park()
    world.passed["lake"] = 0
    assert list(world.service.ids()) == []
    assert world.service.redrive(letter_id).outcome == world.service.try_out(letter_id).outcome == "unknown"
    for refused in (world.service.purge, world.service.show):
        with pytest.raises(NotFound):
            refused(letter_id)


def test_a_redrive_waits_for_room(world):
    letter_id = world.park()
    world.gate.refusal = "The disk is full."
    with pytest.raises(Overloaded):
        world.service.redrive(letter_id)
    world.gate.refusal = None
    assert world.service.redrive(letter_id).is_new
