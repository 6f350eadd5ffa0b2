"""Batches as messages, as objects and as records of a stream."""

import base64
import itertools
import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloudpulse.events import codec, message
from cloudpulse.events.message import Message, Pointer, batch_key, decode, encode, encode_pointer, parts
from cloudpulse.events.model import EVENT_TYPES, Batch, Count

KEY = "0123456789abcdef" * 2

entries = st.lists(st.binary(min_size=25, max_size=25), max_size=6)
lines = st.lists(st.binary(max_size=40).map(lambda line: line.replace(b"\n", b" ")), max_size=20)
counts = st.builds(
    Count, st.text(max_size=8), st.integers(0, 2**40), st.sampled_from(EVENT_TYPES), st.booleans(), st.integers(1, 9)
)
batches = st.builds(
    lambda at, digest, ids, lines: Batch(
        received_at=at, events=len(lines), digest=tuple(digest), ids=b"".join(ids), lines=codec.pack_lines(lines)
    ),
    st.integers(0, 2**60),
    st.lists(counts, max_size=4),
    entries,
    lines,
)


@given(batches)
def test_a_batch_comes_back_from_its_message(batch):
    assert decode(encode(KEY, batch)) == Message(KEY, msgspec.structs.replace(batch, seq=1))
    assert decode(encode(KEY, batch).decode()) == decode(encode(KEY, batch))


def test_a_message_has_the_agreed_form():
    batch = Batch(received_at=5, events=1, digest=(Count("shop", 7, "click", True, 1),), ids=b"i" * 25, lines=b"l")
    assert json.loads(encode(KEY, batch)) == {
        "v": 1,
        "batch": KEY,
        "received_at": 5,
        "events": 1,
        "digest": [["shop", 7, "click", True, 1]],
        "ids": base64.b64encode(b"i" * 25).decode(),
        "lines": base64.b64encode(b"l").decode(),
    }
    assert json.loads(encode_pointer(KEY)) == {"v": 1, "batch": KEY, "object": f"overflow/{KEY}.json"}
    assert decode(encode_pointer(KEY)) == Pointer(KEY, f"overflow/{KEY}.json")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"\xff",
        b'{"v":1}',
        b'{"v":2,"batch":"%s","object":"x"}' % KEY.encode(),
        b'{"v":1,"batch":"%s"}' % KEY.encode(),
        b'{"v":1,"batch":"../secrets","object":"x"}',
        b'{"v":1,"batch":"%s","object":"elsewhere"}' % KEY.encode(),
    ],
)
def test_what_is_no_message_of_ours_is_refused(body):
    with pytest.raises(msgspec.MsgspecError):
        decode(body)


@given(st.text(max_size=8), entries, st.randoms())
def test_a_key_is_the_same_for_the_same_entries_in_any_order(origin, found, rng):
    again = found + found[:2]
    rng.shuffle(again)
    assert batch_key(origin, again) == batch_key(origin, found)
    assert msgspec.json.decode(b'"%s"' % batch_key(origin, found).encode(), type=message.Key)


@given(
    st.tuples(st.text(max_size=3), st.frozensets(st.binary(max_size=3), max_size=4)),
    st.tuples(st.text(max_size=3), st.frozensets(st.binary(max_size=3), max_size=4)),
)
def test_other_entries_have_another_key(one, other):
    assert (batch_key(*one) == batch_key(*other)) == (one == other)


@given(lines, st.integers(41, 120))
def test_parts_are_the_lines_cut_at_their_ends(found, limit):
    batch = Batch(received_at=0, events=len(found), digest=(), ids=b"", lines=codec.pack_lines(found))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(message, "MAX_PART_BYTES", limit)
        cut = parts(batch)
        assert cut == parts(batch)
    assert b"".join(cut) == codec.decompress(batch.lines)
    assert all(part.endswith(b"\n") and len(part) <= limit for part in cut)
    assert all(len(one) + other.index(b"\n") + 1 > limit for one, other in itertools.pairwise(cut))


def test_a_batch_of_the_largest_request_fits_its_parts():
    rows = [b'{"n":%07d,"text":"%s"}' % (number, b"x" * 990) for number in range(6_000)]
    batch = Batch(received_at=0, events=len(rows), digest=(), ids=b"", lines=codec.pack_lines(rows))
    assert [len(part) <= 900_000 for part in parts(batch)] == [True] * 7
