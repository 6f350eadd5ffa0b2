"""What every engine's ``EventLog`` and ``LogReader`` promise; guards mechanism 2."""

import uuid

import pytest
from differences import not_on_aws

from cloudpulse.errors import LogTrimmed
from cloudpulse.events.model import Batch, Count

pytestmark = not_on_aws(
    "event_log", "a queue has no order, numbers, readers or trim; port BatchLog promises what it has"
)

MINUTE = 29_500_000


def batch(number: int = 1, events: int = 2, **fields) -> Batch:
    return Batch(
        received_at=fields.pop("received_at", number * 1_000_000),
        events=events,
        digest=(Count("shop", MINUTE + number, "click", True, events),),
        ids=b"%025d" % number * events,
        lines=fields.pop("lines", b"lines of %d" % number),
        **fields,
    )


def fill(event_log, count: int) -> list[int]:
    return [event_log.append(batch(number)) for number in range(1, count + 1)]


def trim_all(event_log, through: int) -> None:
    for _ in range(through // 20 + 1):
        event_log.trim(through)


def test_a_new_log_is_empty(event_log, log_reader):
    state = log_reader.state()
    assert uuid.UUID(state.journal)
    assert (state.head, state.trimmed, state.accepted, state.stored_bytes) == (0, 0, 0, 0)
    assert (state.oldest_received_at, state.last_received_at) == (None, 0)
    assert log_reader.read(0) == []
    assert log_reader.digests(0, "lake") == (0, [])


def test_batches_come_back_as_they_were_in_order(event_log, log_reader):
    assert fill(event_log, 5) == [1, 2, 3, 4, 5]
    found = log_reader.read(0)
    assert [one.seq for one in found] == [1, 2, 3, 4, 5]
    first = found[0]
    assert first == Batch(**{name: getattr(batch(1), name) for name in Batch.__struct_fields__} | {"seq": 1})
    assert [one.seq for one in log_reader.read(3)] == [4, 5]
    assert log_reader.read(5) == []


def test_a_read_is_bounded_and_gives_at_least_one(event_log, log_reader):
    fill(event_log, 6)
    assert [one.seq for one in log_reader.read(1, limit=2)] == [2, 3]
    assert [one.seq for one in log_reader.read(0, max_events=3)] == [1, 2]
    assert [one.seq for one in log_reader.read(4, max_events=1)] == [5]


def test_digests_tell_the_head_of_the_same_moment(event_log, log_reader):
    fill(event_log, 3)
    head, found = log_reader.digests(1, "lake")
    assert head == 3
    assert found == [(number, number * 1_000_000, batch(number).digest) for number in (2, 3)]
    assert log_reader.digests(3, "lake") == (3, [])


def test_the_state_adds_up(event_log, log_reader):
    fill(event_log, 3)
    state = log_reader.state()
    assert (state.head, state.trimmed, state.accepted) == (3, 0, 6)
    assert state.stored_bytes > 3 * len(b"lines of 1")
    assert (state.oldest_received_at, state.last_received_at) == (1_000_000, 3_000_000)


def test_numbers_are_never_used_twice(event_log, log_reader):
    """Guards mechanism 2: a plain rowid begins at 1 again after a full trim, and positions would lie."""
    fill(event_log, 3)
    event_log.trim(3)
    assert log_reader.state().head == 3
    assert log_reader.read(3) == []
    assert log_reader.digests(3, "lake") == (3, [])
    assert event_log.append(batch(4)) == 4
    assert [one.seq for one in log_reader.read(3)] == [4]


def test_a_trim_is_bounded_and_keeps_the_totals(event_log, log_reader):
    """Guards mechanisms 2 and 18: at most 20 batches go in one commit, and their totals stay in the same step."""
    fill(event_log, 50)
    before = log_reader.state()
    event_log.trim(45)
    state = log_reader.state()
    assert (state.trimmed, state.head, state.accepted) == (20, 50, before.accepted)
    assert event_log.append(batch(51), trim_through=45) == 51
    state = log_reader.state()
    assert (state.trimmed, state.head, state.accepted) == (40, 51, before.accepted + 2)
    event_log.trim(45)
    event_log.trim(45)
    state = log_reader.state()
    assert (state.trimmed, state.accepted, state.oldest_received_at) == (45, before.accepted + 2, 46_000_000)
    assert [one.seq for one in log_reader.read(45)] == [46, 47, 48, 49, 50, 51]


def test_totals_stay_when_all_is_trimmed(event_log, log_reader):
    """Guards mechanism 18; and mechanism 5: the newest time outlives its batch."""
    fill(event_log, 30)
    trim_all(event_log, 30)
    state = log_reader.state()
    assert (state.head, state.trimmed, state.accepted, state.stored_bytes) == (30, 30, 60, 0)
    assert (state.oldest_received_at, state.last_received_at) == (None, 30_000_000)


def test_a_trim_beyond_the_head_takes_what_there_is(event_log, log_reader):
    fill(event_log, 2)
    event_log.trim(1_000)
    assert log_reader.state().trimmed == 2
    assert event_log.append(batch(3)) == 3


def test_a_reader_learns_that_it_came_too_late(event_log, log_reader):
    """Guards mechanism 12: silence would look like an empty tail."""
    fill(event_log, 3)
    event_log.trim(2)
    for after in (0, 1):
        with pytest.raises(LogTrimmed):
            log_reader.read(after)
        with pytest.raises(LogTrimmed):
            log_reader.digests(after, "lake")
    assert [one.seq for one in log_reader.read(2)] == [3]


def test_a_dead_letter_is_appended_once(event_log, log_reader):
    """Guards mechanism 17: a redrive that is tried twice, also when its first copy is trimmed, doubles nothing."""
    fill(event_log, 1)
    redriven = batch(2, redrive_of="lake:journal:7")
    assert event_log.append(redriven) == 2
    assert event_log.append(redriven) == 2
    assert event_log.append(batch(3, redrive_of="lake:journal:8")) == 3
    assert [one.redrive_of for one in log_reader.read(0)] == [None, "lake:journal:7", "lake:journal:8"]
    event_log.trim(3)
    assert event_log.append(redriven) == 2
    state = log_reader.state()
    assert state.head == 3
    assert state.accepted == 2, "another try of a batch accepts nothing new"


def test_a_consumer_sees_the_counts_of_its_own_letters_alone(event_log, log_reader):
    """Guards mechanism 17: the other consumer had these events the first time."""
    fill(event_log, 1)
    event_log.append(batch(2, redrive_of="lake:journal:7"))
    event_log.append(batch(3, redrive_of="speed:journal:7"))
    seen = {consumer: log_reader.digests(0, consumer) for consumer in ("lake", "speed", None)}
    assert {consumer: (head, [seq for seq, _, _ in rows]) for consumer, (head, rows) in seen.items()} == {
        "lake": (3, [1, 2]),
        "speed": (3, [1, 3]),
        None: (3, [1]),
    }


def test_a_letter_is_decided_on_once(event_log, log_reader):
    """Guards mechanism 17: what is purged is never appended, and what was appended is not purged."""
    redriven, purged = batch(1, redrive_of="lake:journal:7"), batch(2, redrive_of="lake:journal:8")
    assert event_log.append(redriven) == 1
    assert not event_log.purge("lake:journal:7")
    assert event_log.purge("lake:journal:8")
    assert event_log.purge("lake:journal:8")
    assert event_log.append(purged) == 0
    letters = ["lake:journal:7", "lake:journal:8", "lake:journal:9"]
    assert log_reader.redrives(letters) == {"lake:journal:7": 1, "lake:journal:8": 0}
    assert [one.seq for one in log_reader.read(0)] == [1]


def test_the_newest_time_never_goes_back(event_log, log_reader):
    """Guards mechanism 5: it is what a new process begins with."""
    event_log.append(batch(1, received_at=9_000_000))
    event_log.append(batch(2, received_at=5_000_000))
    assert log_reader.state().last_received_at == 9_000_000


def test_no_byte_is_left_of_what_was_trimmed(event_log, log_reader, tmp_path):
    """Guards mechanism 19: not in free pages, and not in a log."""
    for number in range(1, 200):
        event_log.append(batch(number, lines=b"ada" * (5 if number % 2 else 30_000)))
        log_reader.read(number - 1)
    last = event_log.append(batch(200, lines=b"bob"))
    trim_all(event_log, 199)
    event_log.vacuum()
    assert sum(path.read_bytes().count(b"adaada") for path in tmp_path.iterdir() if path.is_file()) == 0
    assert [found.lines for found in log_reader.read(last - 1)] == [b"bob"]
    assert (log_reader.state().accepted, log_reader.state().trimmed) == (400, 199)
    assert event_log.append(batch(201)) == 201
