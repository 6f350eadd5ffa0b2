"""What every engine's ``IdIndex`` promises; guards mechanism 3."""

import uuid

import msgspec
import pytest
from differences import not_on_aws

from cloudpulse.events import codec
from cloudpulse.events.model import EVENT_TYPES, Batch
from cloudpulse.ports import IdEntry

unordered = not_on_aws("id_index", "batches have no order there that an index could come up to")

NOW = 1_800_000_000
WINDOW = 7 * 86_400


def key(number: int) -> bytes:
    return uuid.UUID(int=number).bytes


def hashed(number: int) -> bytes:
    return number.to_bytes(8, "big")


def batch(seq: int, *numbers: int, at: int = NOW, event_type: str = "click") -> Batch:
    ids = b"".join(codec.pack_id(key(number), hashed(number), event_type) for number in numbers)
    return Batch(seq=seq, received_at=at * 1_000_000 + 999_999, events=len(numbers), digest=(), ids=ids, lines=b"")


def test_a_new_index_knows_nothing(id_index):
    assert id_index.lookup([key(1), key(2)], NOW) == [None, None]
    assert id_index.lookup([], NOW) == []


@unordered
def test_a_new_index_has_not_come_far(id_index):
    assert (id_index.through(), id_index.flush()) == (0, 0)


@pytest.mark.parametrize("event_type", EVENT_TYPES)
def test_recorded_ids_are_found_in_the_order_asked(id_index, event_type):
    id_index.record(batch(1, 1, 2, event_type=event_type))
    id_index.record(batch(2, 3, event_type=event_type))
    assert id_index.lookup([key(3), key(9), key(1), key(3)], NOW) == [
        IdEntry(2, NOW, hashed(3), event_type),
        None,
        IdEntry(1, NOW, hashed(1), event_type),
        IdEntry(2, NOW, hashed(3), event_type),
    ]


@unordered
def test_the_index_tells_how_far_it_has_come(id_index):
    """Guards mechanism 3: a start replays what lies above."""
    for seq in (1, 2, 5):
        id_index.record(batch(seq, seq))
        assert id_index.through() == seq
    assert id_index.flush() == 5


def test_a_batch_may_be_recorded_again(id_index):
    id_index.record(batch(1, 1))
    id_index.record(batch(2, 2))
    id_index.record(batch(1, 1))
    assert [entry.seq for entry in id_index.lookup([key(1), key(2)], NOW)] == [1, 2]


def test_an_id_is_forgotten_when_the_window_ends(id_index):
    """Guards mechanism 3: what is stored stays until a compaction, so expiry is decided on every read."""
    id_index.record(batch(1, 1, at=NOW - WINDOW))
    id_index.record(batch(2, 2, at=NOW - WINDOW - 1))
    found = id_index.lookup([key(1), key(2)], NOW)
    assert [entry and entry.seq for entry in found] == [1, None]
    assert id_index.lookup([key(1)], NOW + 1) == [None]


def test_an_expired_id_begins_anew(id_index):
    id_index.record(batch(1, 1, at=NOW - WINDOW - 1))
    id_index.record(batch(2, 1, at=NOW))
    (entry,) = id_index.lookup([key(1)], NOW)
    assert (entry.seq, entry.received_at) == (2, NOW)


@unordered
def test_another_try_moves_the_ids_that_it_holds(id_index):
    """Guards mechanism 17: with their age; an id that was accepted anew since the letter stays with its new batch."""
    id_index.record(batch(7, 1, 2, at=NOW - WINDOW))
    id_index.record(batch(8, 2, at=NOW))
    redriven = batch(9, 1, 2, 3, at=NOW)
    id_index.record(msgspec.structs.replace(redriven, redrive_of="lake:j:7"))
    found = id_index.lookup([key(1), key(2), key(3)], NOW)
    assert [(entry.seq, entry.received_at) for entry in found] == [(9, NOW - WINDOW), (8, NOW), (9, NOW)]
    assert id_index.through() == 9


@unordered
def test_another_try_for_the_counters_moves_no_ids(id_index):
    """Guards mechanism 17: the lake has them where they were."""
    id_index.record(batch(7, 1))
    id_index.record(msgspec.structs.replace(batch(9, 1), redrive_of="speed:j:7"))
    assert [entry.seq for entry in id_index.lookup([key(1)], NOW)] == [7]
    assert id_index.through() == 9
