"""The order of look-up, journal, index and answer, and what each failure does to those who wait."""

import datetime as dt
import json
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from cloudpulse.engines.local.event_log import SqliteEventLog, SqliteLogReader
from cloudpulse.engines.local.id_index import RocksIdIndex
from cloudpulse.errors import DiskFull, Overloaded, StoreError
from cloudpulse.events import codec, times
from cloudpulse.events.validate import parse_batch
from cloudpulse.ingest import sequencer as module
from cloudpulse.ingest.decide import Receipt
from cloudpulse.ingest.limits import Gate
from cloudpulse.ingest.prepare import Sender, prepare
from cloudpulse.ingest.receive import Receiver
from cloudpulse.ingest.sequencer import Sequencer
from cloudpulse.settings import Settings

NOW = dt.datetime.now(dt.UTC)
WINDOW = 7 * 86_400


def event(event_id: str | None = None, **fields) -> dict:
    return {"event_id": event_id, "event_type": "click", "session_id": "s", "source": "api"} | fields


class Recorded:
    """Passes calls on, notes them, and fails when it is told to."""

    def __init__(self, inner, name: str, calls: list[str]) -> None:
        self._inner = inner
        self._name = name
        self._calls = calls
        self.failures: dict[str, list[Exception | None]] = {}

    def __getattr__(self, method: str):
        def call(*arguments):
            planned = self.failures.get(method, [])
            failure = planned.pop(0) if planned else None
            self._calls.append(f"{self._name}.{method}{' failed' if failure else ''}")
            if failure is not None:
                raise failure
            return getattr(self._inner, method)(*arguments)

        return call


class World:
    """A sequencer over a real journal and a real index."""

    def __init__(self, folder: Path) -> None:
        self.calls: list[str] = []
        self.outcomes: dict[str, Receipt | Exception] = {}
        self.fatal = 0
        self._journal = SqliteEventLog(folder)
        self.reader = SqliteLogReader(folder)
        self._rocks = RocksIdIndex(folder, self.reader.state().journal, WINDOW)
        self.log = Recorded(self._journal, "log", self.calls)
        self.index = Recorded(self._rocks, "index", self.calls)
        self.disk_full = False
        self.gate = Gate(1_000, lambda: self.disk_full)
        self.sequencer = Sequencer(self.log, self.index, self.gate, self._deliver, self._end, time.time)
        self._started = False

    def _deliver(self, outcomes) -> None:
        if outcomes:
            self.calls.append("answer")
        for token, outcome in outcomes:
            assert token not in self.outcomes, "answered twice"
            self.outcomes[token] = outcome

    def _end(self) -> None:
        self.fatal += 1
        self.calls.append("fatal")

    def submit(self, token: str, *events: dict, sender: Sender | None = None) -> None:
        parsed, rejections = parse_batch(json.dumps({"events": events}).encode(), 1_000)
        sender = sender or Sender(client_id="c", app="a")
        self.sequencer.submit(prepare(parsed, rejections, sender, NOW, "keep"), token)

    def one_group(self, **requests: list[dict]) -> dict[str, Receipt | Exception]:
        """Submit requests that wait together, as one group, and take their outcomes."""
        assert not self._started
        for token, events in requests.items():
            self.submit(token, *events)
        return self.run()

    def run(self) -> dict[str, Receipt | Exception]:
        """Let a fresh thread of the sequencer answer all that waits, then end."""
        if not self._started:
            self.sequencer.start()
        self.sequencer.stop()
        # The thread has ended; another one of the same sequencer takes over what it knows.
        self.sequencer._stopping = False
        self.sequencer._thread = module.threading.Thread(target=self.sequencer._run, daemon=True)
        outcomes, self.outcomes = self.outcomes, {}
        return outcomes

    def stored(self) -> list[str]:
        """The ids in the journal, in order."""
        lines = [codec.decompress(batch.lines) for batch in self.reader.read(0)]
        return [one.event_id for line in lines for one in codec.decode_lines(line)]

    def knows(self, event_id: str) -> bool:
        return self._rocks.lookup([uuid.UUID(event_id).bytes], int(time.time())) != [None]

    def close(self) -> None:
        self._rocks.close()
        self._journal.close()
        self.reader.close()


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    world = World(tmp_path)
    yield world
    world.close()


def new() -> str:
    return str(uuid.uuid4())


def counts(outcome: Receipt | Exception) -> tuple[int, int, list[str]]:
    assert isinstance(outcome, Receipt), outcome
    return outcome.accepted, outcome.duplicates, [rejection.code for rejection in outcome.rejections]


def test_the_order_of_one_group(world: World) -> None:
    """Guards mechanism 1: nothing is reserved before the journal holds it, nothing answered before that."""
    outcomes = world.one_group(a=[event()], b=[event(), event()])
    assert world.calls == ["index.lookup", "log.append", "index.record", "answer"]
    assert {token: counts(outcome) for token, outcome in outcomes.items()} == {"a": (1, 0, []), "b": (2, 0, [])}
    (batch,) = world.reader.read(0)
    assert (batch.events, len(world.stored())) == (3, 3)


def test_a_batch_carries_what_its_requests_accepted(world: World) -> None:
    first, second = new(), new()
    world.submit("a", event(first), event("nonsense"), sender=Sender(client_id="c", app="shop"))
    world.submit("b", event(second, event_type="error"), sender=Sender(client_id="c", app="blog"))
    outcomes = world.run()
    assert outcomes["a"].event_ids == [first.encode()]
    (batch,) = world.reader.read(0)
    minute = times.minute_of(NOW)
    assert sorted((row.app, row.minute, row.event_type, row.events) for row in batch.digest) == [
        ("blog", minute, "error", 1),
        ("shop", minute, "click", 1),
    ]
    assert [entry[:16] for entry in codec.unpack_ids(batch.ids)] == [uuid.UUID(first).bytes, uuid.UUID(second).bytes]
    assert batch.received_at == times.micros(NOW)


def test_duplicates_inside_one_request(world: World) -> None:
    one, other = new(), new()
    outcome = world.one_group(a=[event(one), event(other), event(one), event(one)])["a"]
    assert counts(outcome) == (2, 2, [])
    assert outcome.event_ids == [name.encode() for name in (one, other, one, one)]
    assert world.stored() == [one, other]


def test_duplicates_between_two_requests_of_one_group(world: World) -> None:
    """Guards mechanism 1: both are answered after the commit that holds the first copy."""
    one = new()
    outcomes = world.one_group(a=[event(one)], b=[event(one), event()])
    assert (counts(outcomes["a"]), counts(outcomes["b"])) == ((1, 0, []), (1, 1, []))
    assert world.calls.index("log.append") < world.calls.index("answer")
    assert world.stored().count(one) == 1


def test_duplicates_of_an_earlier_group_and_after_a_restart(world: World, tmp_path: Path) -> None:
    one = new()
    world.one_group(a=[event(one)])
    assert counts(world.one_group(b=[event(one)])["b"]) == (0, 1, [])
    world.close()
    world.__init__(tmp_path)
    assert counts(world.one_group(c=[event(one)])["c"]) == (0, 1, [])
    assert "log.append" not in world.calls
    assert world.stored() == [one]


def test_a_changed_event_under_a_known_id_is_a_conflict(world: World) -> None:
    """Guards mechanism 4: in one request, in one group, and against what is stored."""
    one = new()
    outcomes = world.one_group(a=[event(one), event(one, user_id="u")], b=[event(one, user_id="v"), event()])
    assert (counts(outcomes["a"]), counts(outcomes["b"])) == ((1, 0, ["conflict"]), (1, 0, ["conflict"]))
    later = world.one_group(c=[event(one, user_id="w")])["c"]
    assert counts(later) == (0, 0, ["conflict"])
    (rejection,) = later.rejections
    assert (rejection.index, rejection.event_id, rejection.field) == (0, one, "event_id")
    assert world.stored().count(one) == 1


def test_rejections_are_told_in_the_order_of_the_request(world: World) -> None:
    one = new()
    outcome = world.one_group(a=[event(one), {}, event(one, user_id="u"), event(event_type="x")])["a"]
    assert [(found.index, found.code) for found in outcome.rejections] == [
        (1, "missing_field"),
        (2, "conflict"),
        (3, "invalid_enum"),
    ]


def test_what_was_rejected_makes_no_duplicate(world: World) -> None:
    one = new()
    outcomes = world.one_group(a=[event(one, properties={"a": "x" * 11_000})], b=[event(one)])
    assert (counts(outcomes["a"]), counts(outcomes["b"])) == ((0, 0, ["too_large"]), (1, 0, []))


def test_a_group_without_anything_new_writes_nothing(world: World) -> None:
    outcomes = world.one_group(a=[{}], b=[{}])
    assert counts(outcomes["a"]) == (0, 0, ["missing_field"])
    assert world.calls == ["answer"]


@pytest.mark.parametrize(
    ("failure", "fatal"), [(DiskFull("full"), 0), (StoreError("broken"), 1), (OSError(5, "io"), 1)]
)
def test_a_commit_that_fails_keeps_nothing(world: World, failure: Exception, fatal: int) -> None:
    """Guards mechanism 1: all requests of the group, and the duplicates that lean on them, get 503."""
    one = new()
    world.log.failures["append"] = [failure]
    outcomes = world.one_group(a=[event(one)], b=[event(one)], c=[event()])
    assert all(isinstance(outcome, Overloaded) and outcome.status == 503 for outcome in outcomes.values())
    assert set(outcomes) == {"a", "b", "c"}
    assert world.calls[:3] == ["index.lookup", "log.append failed", "answer"]
    assert (world.fatal, world.stored(), world.knows(one)) == (fatal, [], False)


def test_a_full_disk_passes(world: World) -> None:
    """Guards mechanism 6: the same sequencer goes on when there is space again."""
    one = new()
    world.log.failures["append"] = [DiskFull("full")]
    world.one_group(a=[event(one)])
    assert counts(world.one_group(b=[event(one)])["b"]) == (1, 0, [])


def test_after_a_broken_store_nothing_is_tried_again(world: World) -> None:
    """Guards mechanism 1: what the stores hold only a new process can tell; until then all get 503."""
    world.log.failures["append"] = [StoreError("broken")]
    world.one_group(a=[event()])
    world.calls.clear()
    outcomes = world.one_group(b=[event()], c=[event()])
    assert all(isinstance(outcome, Overloaded) for outcome in outcomes.values())
    assert (world.calls, world.fatal) == (["answer"], 1)


def test_an_index_that_cannot_be_written(world: World) -> None:
    """Guards mechanism 6: what the journal holds is answered; the next ones are refused until the index has it."""
    one = new()
    world.disk_full = True
    world.index.failures["record"] = [StoreError("full")] * 3  # at the commit, at the stop, at the next request
    assert counts(world.one_group(a=[event(one)])["a"]) == (1, 0, [])
    assert not world.knows(one)
    assert isinstance(world.one_group(b=[event(one)])["b"], Overloaded)
    assert world.calls.count("log.append") == 1
    assert counts(world.one_group(c=[event(one), event()])["c"]) == (1, 1, [])
    assert world.fatal == 0
    assert (world.stored().count(one), world.knows(one)) == (1, True)


def test_an_index_that_refuses_although_there_is_room(world: World) -> None:
    """Guards mechanism 6: RocksDB stays shut after a full disk, so a new process has to open it again."""
    world.index.failures["record"] = [StoreError("full")] * 2
    assert counts(world.one_group(a=[event()])["a"]) == (1, 0, [])
    assert world.calls[-1] == "fatal"
    assert isinstance(world.one_group(b=[event()])["b"], Overloaded)
    assert world.fatal == 1
    assert len(world.stored()) == 1


def test_all_that_waits_is_answered_on_stop(world: World) -> None:
    """Guards mechanism 1, for many small groups."""
    tokens = [f"request-{number}" for number in range(200)]
    for token in tokens:
        world.submit(token, event())
    assert set(world.run()) == set(tokens)
    world.gate.enter(1_000)  # nobody is counted as waiting any more


def test_groups_are_bounded(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "GROUP_EVENTS", 4)
    outcomes = world.one_group(**{f"r{number}": [event(), event()] for number in range(5)})
    assert len(outcomes) == 5
    assert [batch.events for batch in world.reader.read(0)] == [4, 4, 2]


def test_the_journal_is_trimmed_with_the_commits_and_without(world: World) -> None:
    """Guards mechanism 2: also when nobody sends any more."""
    for _ in range(3):
        world.one_group(a=[event()])
    world.gate.trim_through = 2
    world.one_group(b=[event()])
    assert world.reader.state().trimmed == 2
    world.gate.trim_through = 3
    world.sequencer.nudge()
    assert world.run() == {}
    assert world.reader.state().trimmed == 3


def receiver(world: World, clock: Callable[[], dt.datetime]) -> Receiver:
    return Receiver(Settings(), world.sequencer, world.reader.state().last_received_at, clock)


def receive(world: World, taker: Receiver) -> int:
    parsed = parse_batch(json.dumps({"events": [event()]}).encode(), 10)
    taker.receive(parsed, Sender(client_id="c", app="a"), new())
    world.run()
    return world.reader.read(0)[-1].received_at


def test_received_at_never_runs_backwards(world: World) -> None:
    """Guards mechanism 5: with a clock that is set back, also while the process was not running."""
    moments = [NOW, NOW - dt.timedelta(hours=1), NOW + dt.timedelta(seconds=1)]
    clock = iter(moments)
    taker = receiver(world, lambda: next(clock))
    received = [receive(world, taker) for _ in moments]
    assert received == [times.micros(NOW), times.micros(NOW), times.micros(moments[2])]
    again = receiver(world, lambda: NOW - dt.timedelta(days=1))
    assert receive(world, again) == times.micros(moments[2])
