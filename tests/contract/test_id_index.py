"""What every engine's ``IdIndex`` promises; guards mechanism 3."""

import uuid

import pytest

from cloudpulse.events import codec
from cloudpulse.events.model import EVENT_TYPES, Batch
from cloudpulse.ports import IdEntry

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
    assert id_index.through() == 2
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
