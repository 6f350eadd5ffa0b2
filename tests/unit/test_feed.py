"""What streams of events show, over a real journal."""

import datetime as dt
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest
from lake_samples import NOW, batch, event

from cloudpulse.engines.local.event_log import SqliteEventLog, SqliteLogReader
from cloudpulse.errors import InvalidParameter
from cloudpulse.events.times import micros
from cloudpulse.lake.tombstones import Tombstone, Tombstones, keyed_hash
from cloudpulse.serving import feed
from cloudpulse.serving.feed import Cursor, EventFeed, EventFilter, Step

ALL = EventFilter()
KEY = b"key"


class World:
    """A journal, and the feed on it; ``reads`` counts batches that were read from the journal."""

    def __init__(self, folder: Any) -> None:
        self.log, self.reader = SqliteEventLog(folder), SqliteLogReader(folder)
        self.erased = Tombstones(b"", ())
        self.now = NOW
        self.reads = 0
        log = SimpleNamespace(state=self.reader.state, read=self._read)
        self.feed = EventFeed(log, lambda: self.erased, lambda: self.now)

    def _read(self, after: int, **limits: int) -> Any:
        found = self.reader.read(after, **limits)
        self.reads += len(found)
        return found

    def accept(self, *sessions: str, **fields: Any) -> None:
        """A batch with an event for each of these sessions."""
        self.log.append(batch(0, [event(session_id=session, **fields) for session in sessions]))

    def show(self, cursor: Cursor, wanted: EventFilter = ALL) -> tuple[list[str], Cursor]:
        """The sessions of all that comes from ``cursor`` on, and what is next."""
        shown: list[str] = []
        while (step := self.feed.step(cursor, wanted)).cursor != cursor:
            assert not step.left_out
            shown += sessions(step)
            cursor = step.cursor
        return shown, cursor

    def erase(self, kind: Any, value: str, until: dt.datetime) -> None:
        stone = Tombstone(
            id="1", kind=kind, subject=keyed_hash(KEY, kind, value), journal="j", seq=1, until=micros(until)
        )
        self.erased = Tombstones(KEY, [*self.erased.tombstones, stone])


def sessions(step: Step) -> list[str]:
    return [msgspec.json.decode(one)["session_id"] for _, one in step.events]


@pytest.fixture
def world(tmp_path: Any) -> Iterator[World]:
    world = World(tmp_path)
    yield world
    world.log.close()
    world.reader.close()


@pytest.fixture
def start(world: World) -> Cursor:
    return world.feed.begin(None)[0]


def test_what_is_accepted_comes_in_order_and_once(world: World, start: Cursor) -> None:
    assert world.show(start) == ([], start)
    world.accept("a", "b")
    world.accept("c")
    shown, cursor = world.show(start)
    assert shown == ["a", "b", "c"]
    world.accept("d")
    assert world.show(cursor)[0] == ["d"]


def test_an_event_is_as_in_the_list(world: World, start: Cursor) -> None:
    one = event(NOW, "custom", event_name="signup", user_id="ada", properties={"plan": "free"})
    world.log.append(batch(0, [one]))
    [(_, shown)] = world.feed.step(start, ALL).events
    assert msgspec.json.decode(shown) == {
        "event_id": str(one.event_id),
        "event_type": "custom",
        "event_name": "signup",
        "timestamp": "2026-11-20T10:30:00.000Z",
        "received_at": "2026-11-20T10:30:00.000Z",
        "app": "default",
        "source": "web",
        "session_id": "s-1",
        "user_id": "ada",
        "properties": {"plan": "free"},
        "metadata": {},
    }


@pytest.mark.parametrize(
    ("wanted", "shown"),
    [
        ({"session_id": "a"}, ["a", "a"]),
        ({"user_id": "u"}, ["a", "b"]),
        ({"event_type": "error"}, ["a"]),
        ({"app": "default"}, ["a", "b", "a"]),
        ({"app": "other"}, []),
        ({"session_id": "a", "user_id": "u"}, ["a"]),
        ({"session_id": "a' OR 1=1"}, []),
    ],
)
def test_filters(world: World, start: Cursor, wanted: dict[str, str], shown: list[str]) -> None:
    world.accept("a", "b", user_id="u")
    world.accept("a", event_type="error")
    found, cursor = world.show(start, EventFilter(**wanted))
    assert (found, cursor) == (shown, world.feed.look())


def test_each_event_has_an_id_behind_which_a_stream_resumes(world: World, start: Cursor) -> None:
    world.accept("a", "b", "c")
    world.accept("d")
    step = world.feed.step(start, ALL)
    for place, (behind, _) in enumerate(step.events):
        again, left_out = world.feed.begin(str(behind))
        assert not left_out
        assert world.show(again)[0] == ["a", "b", "c", "d"][place + 1 :]


def test_resuming_works_within_what_a_filter_leaves(world: World, start: Cursor) -> None:
    world.accept("a", "b", "a", "b", "a")
    behind, _ = world.feed.step(start, EventFilter(session_id="a")).events[1]
    assert world.show(behind, EventFilter(session_id="a"))[0] == ["a"]
    assert world.show(behind)[0] == ["b", "a"]


def test_a_batch_is_decoded_once_for_all_streams(world: World, start: Cursor) -> None:
    world.accept("a", "b")
    world.accept("c")
    for wanted in (ALL, EventFilter(session_id="b"), ALL, EventFilter(session_id="nobody")):
        world.show(start, wanted)
    assert world.reads == 2
    world.feed.forget()
    assert world.show(start)[0] == ["a", "b", "c"]
    assert world.reads == 4


def test_another_try_and_a_control_record_show_nothing(world: World, start: Cursor) -> None:
    world.accept("a")
    world.log.append(batch(0, [event(session_id="a")], redrive_of="speed:j:1"))
    world.log.append(batch(0, [event(session_id="a")], redrive_of="lake:j:1"))
    world.log.append(batch(0, [], redrive_of="erase:1"))
    world.accept("b")
    assert world.show(start)[0] == ["a", "b"]


def test_what_is_erased_is_not_shown_to_whoever_resumes(world: World, start: Cursor) -> None:
    world.accept("a", "ada", "b")
    behind_a = world.feed.step(start, ALL).events[0][0]
    behind_b = world.feed.step(start, ALL).events[2][0]
    world.erase("session", "ada", until=NOW + dt.timedelta(seconds=1))
    world.now += dt.timedelta(seconds=2)
    again, _ = world.feed.begin(str(behind_a))
    assert world.show(start)[0] == ["a", "b"]
    assert world.show(again)[0] == ["b"]
    assert world.show(behind_b)[0] == []
    later = NOW + dt.timedelta(seconds=5)
    world.log.append(batch(0, [event(later, session_id="ada")], later))
    assert world.show(start)[0] == ["a", "b", "ada"]


def test_lines_that_cannot_be_decoded_are_passed(world: World, start: Cursor) -> None:
    damaged = msgspec.structs.replace(batch(0, [event()]), lines=b"nothing that was compressed")
    world.log.append(damaged)
    world.accept("b")
    assert world.show(start)[0] == ["b"]


def test_what_was_trimmed_is_told_to_be_left_out(world: World, start: Cursor) -> None:
    for session in ("a", "b", "c"):
        world.accept(session)
    world.log.trim(2)
    step = world.feed.step(start, ALL)
    assert (step.left_out, step.events) == (True, [])
    assert world.show(step.cursor)[0] == ["c"]


def test_whoever_had_all_that_was_trimmed_misses_nothing(world: World, start: Cursor) -> None:
    world.accept("a", "b")
    behind, _ = world.feed.step(start, ALL).events[1]
    world.accept("c")
    world.log.trim(1)
    world.feed.forget()
    assert world.show(world.feed.begin(str(behind))[0])[0] == ["c"]


def test_ids_of_another_journal_or_beyond_the_end_begin_now(world: World, start: Cursor) -> None:
    world.accept("a")
    end = world.feed.look()
    for last in ("other:1:0", f"{start.journal}:{end.seq + 1}:0", f"{start.journal}:{'9' * 40}:0"):
        assert world.feed.begin(last) == (end, True)
    assert world.feed.begin(str(end)) == (end, False)
    assert world.feed.begin("") == (end, False)


@pytest.mark.parametrize("last", ["x", "1:2", ":1:2", "j:1:x", "j:-1:0", "j:1:²", "j:1:", "a:b:c"])
def test_an_id_that_was_never_given_out_is_refused(world: World, last: str) -> None:
    with pytest.raises(InvalidParameter, match="Last-Event-ID"):
        world.feed.begin(last)


def test_a_step_is_bounded_and_goes_on_within_a_batch(
    world: World, start: Cursor, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = [f"s{number}" for number in range(500)]
    world.accept(*names, properties={"text": "x" * 500})
    monkeypatch.setattr(feed, "STEP_BYTES", 10_000)
    step = world.feed.step(start, ALL)
    assert 10 < len(step.events) < 20
    assert world.show(start)[0] == names


def test_what_is_kept_is_bounded(world: World, start: Cursor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feed, "KEPT_BYTES", 200_000)
    world.feed.forget()
    for _ in range(50):
        world.accept(*["s"] * 20)
    assert len(world.show(start)[0]) == 1000
    first, world.reads = world.reads, 0
    assert first == 50
    assert len(world.show(start)[0]) == 1000
    assert world.reads > 30
