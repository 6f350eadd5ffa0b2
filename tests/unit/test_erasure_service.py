"""Erasures in the api process: where the line is drawn, and what must not pass it later (guards mechanism 19)."""

import datetime as dt
from types import SimpleNamespace

import jwt
import msgspec
import pytest
from lake_samples import NOW, batch, event

from cloudpulse.auth.record_signing import RecordSigner
from cloudpulse.engines.local.event_log import SqliteEventLog, SqliteLogReader
from cloudpulse.engines.local.id_index import RocksIdIndex
from cloudpulse.engines.local.jobs import SqliteJobs
from cloudpulse.engines.local.records import SqliteRecords
from cloudpulse.errors import NotFound, Overloaded
from cloudpulse.events import times
from cloudpulse.ingest.limits import Gate
from cloudpulse.ingest.prepare import Sender
from cloudpulse.ingest.receive import Receiver
from cloudpulse.ingest.sequencer import Sequencer
from cloudpulse.lake import erasure_state
from cloudpulse.lake.erasure_state import ErasureState
from cloudpulse.lake.tombstones import Tombstone, keyed_hash
from cloudpulse.ops.erasures import ErasureService, is_about, put_ripe_in_line
from cloudpulse.ops.jobs import JobService
from cloudpulse.settings import Settings

SENDER = Sender(client_id="client", app="shop")


class World:
    """A sequencer that takes events, and the service beside it."""

    def __init__(self, folder, secrets) -> None:
        self.now = NOW
        self.secrets = secrets
        self.log, self.reader = SqliteEventLog(folder), SqliteLogReader(folder)
        self.records, self.runs = SqliteRecords(folder / "records.db"), SqliteJobs(folder)
        self.index = RocksIdIndex(folder, self.reader.state().journal, 86_400)
        self.outcomes = {}
        gate = Gate(1_000, lambda: False)
        self.sequencer = Sequencer(self.log, self.index, gate, self.outcomes.update, lambda: None)
        self.receiver = Receiver(Settings(data=folder), self.sequencer, 0, lambda: self.now)
        self.service = self.another()

    def another(self) -> ErasureService:
        """The service of a process that has just begun."""
        signer = RecordSigner(self.secrets, lambda: self.now.timestamp())
        line = JobService(self.runs, lambda: self.now, {})
        journal = self.sequencer
        return ErasureService(
            self.secrets, signer.prepare, journal, self.reader, self.runs, self.records, line.start, lambda: self.now
        )

    def close(self) -> None:
        self.sequencer.stop()
        for store in (self.log, self.reader, self.records, self.runs, self.index):
            store.close()

    def end(self, erasure_id) -> None:
        """As the pipeline does."""
        stone = msgspec.convert(self.runs.history("erase")[0].arguments, Tombstone)
        done = ErasureState(tombstone=stone, started_at=self.now, record={"erasure": erasure_id}, signature="jws")
        erasure_state.close(self.records, done)


@pytest.fixture
def world(tmp_path, secrets):
    world = World(tmp_path, secrets)
    yield world
    world.close()


def test_the_line_lies_between_what_has_come_and_what_will(world):
    """Whatever the clock does: also guards mechanism 5."""
    for n, step in enumerate((0, 0, -3600, 1)):
        world.now = NOW + dt.timedelta(seconds=step)
        world.receiver.receive(([(0, event(None))], []), SENDER, n)
        if n == 1:
            line = world.receiver.draw_line("line")
    world.sequencer.start()
    world.sequencer.append_once(batch(0, []))
    assert world.outcomes["line"].accepted == 0
    received = [world.outcomes[n].received_at for n in range(4)]
    assert max(received[:2]) < line <= min(received[2:])
    assert received == sorted(received)


def test_an_erasure_begins_with_its_record_in_the_log(world):
    world.sequencer.start()
    begun = world.service.request("user", "ada", times.micros(NOW))
    [record] = world.reader.read(0)
    assert (record.events, record.redrive_of, record.received_at) == (0, f"erase:{begun.id}", times.micros(NOW))
    assert not record.is_for("lake")
    assert not record.is_for("speed")
    assert world.reader.state().accepted == 0
    [run] = world.runs.history("erase")
    assert run.arguments == {
        "id": begun.id,
        "kind": "user",
        "subject": begun.subject,
        "journal": world.reader.state().journal,
        "seq": record.seq,
        "until": times.micros(NOW),
    }
    key = bytes.fromhex(world.secrets.versions("erasure_key", 0)[0].value)
    assert begun.subject == keyed_hash(key, "user", "ada") != world.service.request("session", "ada", 1).subject
    assert world.service.request("user", "ada", 1).subject == begun.subject


def test_what_became_of_it(world):
    world.sequencer.start()
    begun = world.service.request("user", "ada", 1)
    assert (begun.status, world.service.show(begun.id).status) == ("waiting", "waiting")
    run = world.runs.history("erase")[0]
    world.runs.begin(run.id, NOW)
    assert world.service.show(begun.id).status == "running"
    stone = msgspec.convert(run.arguments, Tombstone)
    world.records.put(erasure_state.OPEN, erasure_state.documents([ErasureState(tombstone=stone, started_at=NOW)]))
    world.runs.finish(run.id, NOW, result={})
    assert world.service.show(begun.id).status == "running"
    world.end(begun.id)
    done = world.service.show(begun.id)
    assert (done.status, done.record, done.signature) == ("done", {"erasure": begun.id}, "jws")
    world.runs.prune(NOW + dt.timedelta(days=1), 0)
    assert world.service.show(begun.id).status == "done"
    with pytest.raises(NotFound):
        world.service.show("nobody")


def test_what_is_just_being_erased_does_not_come_back(world):
    """Neither from a dead letter nor from an upload; a new process knows it too."""
    world.sequencer.start()
    hers, others = batch(0, [event(user_id="ada")]), batch(0, [event(user_id="bob")])
    begun = world.service.request("user", "ada", times.micros(NOW) + 1)
    for service in (world.service, world.another()):
        service.check(others)
        service.check_relayed([(0, event(user_id="bob"))])
        with pytest.raises(Overloaded, match="just being erased"):
            service.check(hers)
        with pytest.raises(Overloaded, match="just being erased"):
            service.check_relayed([(0, event(user_id="bob")), (1, event(user_id="ada"))])
    later = batch(0, [event(user_id="ada")], NOW + dt.timedelta(seconds=1))
    world.service.check(later)
    with pytest.raises(Overloaded):
        world.sequencer.append_once(hers, world.service.check)
    assert world.reader.state().head == 1
    world.end(begun.id)
    world.service.check(hers)


def test_one_that_could_not_begin_holds_up_nothing(world, monkeypatch):
    world.sequencer.start()

    def refuse(record):
        raise Overloaded("The disk is full.")

    monkeypatch.setattr(world.sequencer, "append_once", refuse)
    with pytest.raises(Overloaded, match="disk"):
        world.service.request("user", "ada", times.micros(NOW) + 1)
    world.service.check(batch(0, [event(user_id="ada")]))


def test_it_is_put_in_line_again_when_old_files_may_go(world):
    world.sequencer.start()
    begun = world.service.request("user", "ada", 1)
    run = world.runs.history("erase")[0]
    due = NOW + dt.timedelta(minutes=10)
    stone = msgspec.convert(run.arguments, Tombstone)
    opened = ErasureState(tombstone=stone, started_at=NOW, removed_at=NOW, due=due)
    world.records.put(erasure_state.OPEN, erasure_state.documents([opened]))

    def look(at) -> int:
        put_ripe_in_line(world.runs, world.records, at)
        return len(world.runs.history("erase"))

    assert look(due) == 1  # its first run has not ended
    world.runs.begin(run.id, NOW)
    world.runs.finish(run.id, NOW, result={})
    assert look(due - dt.timedelta(seconds=1)) == 1
    assert (look(due), look(due)) == (2, 2)
    again = world.runs.history("erase")[0]
    world.runs.begin(again.id, due)
    world.runs.finish(again.id, due, error="The disk is full.")
    assert world.service.show(begun.id).status == "failed"
    assert look(due + dt.timedelta(minutes=59)) == 2
    assert look(due + dt.timedelta(hours=1)) == 3


def test_an_upload_is_judged_as_it_was_sent(world):
    world.sequencer.start()
    world.service.request("user", "ada", 1)
    found = world.service._stones()
    assert is_about(found, b'{"user_id": "ada", "event_type": 7}')
    assert is_about(found, b"{damaged")
    assert not is_about(found, b'{"user_id": "bob", "session_id": "ada"}')
    assert not is_about(found, b'{"user_id": ["ada"]}')


def test_a_record_is_signed_for_ever(secrets):
    clock = SimpleNamespace(now=1_800_000_000)
    signer = RecordSigner(secrets, lambda: clock.now)
    assert signer.jwks() == ()
    signed = signer.sign({"erasure": "one"})
    clock.now += 10 * 365 * 86_400
    secrets.expire(clock.now)
    [key] = RecordSigner(secrets, lambda: clock.now).jwks()
    assert jwt.get_unverified_header(signed) == {"alg": "RS256", "kid": key.kid, "typ": "cloudpulse-record"}
    assert jwt.decode(signed, jwt.PyJWK(msgspec.to_builtins(key)), ["RS256"]) == {"erasure": "one"}
