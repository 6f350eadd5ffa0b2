"""Bad lines are found among good ones (guards mechanism 17)."""

import datetime as dt

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st
from lake_samples import NOW, batch, event, lines

from cloudpulse.events import codec, times
from cloudpulse.lake import sift as module
from cloudpulse.lake.sift import digest, sift
from cloudpulse.lake.tables import to_arrow


@settings(max_examples=40)
@given(st.sets(st.integers(0, 19), max_size=20))
def test_exactly_the_bad_lines_are_found(bad):
    events = [event(NOW - dt.timedelta(minutes=place), user_id=f"u{place}") for place in range(20)]
    whole = batch(1, events)
    damaged = [b"x" + line if place in bad else line for place, line in enumerate(lines(events))]
    good, rest = sift(msgspec.structs.replace(whole, lines=codec.pack_lines(damaged)))
    if not 0 < len(bad) < 20:
        assert (good, rest.events, rest.digest) == (None, 20, whole.digest)
        return
    assert codec.decompress(rest.lines).splitlines() == [damaged[place] for place in sorted(bad)]
    kept = [line for place, line in enumerate(damaged) if place not in bad]
    assert codec.decompress(good.lines).splitlines() == kept
    assert (good.events, rest.events) == (20 - len(bad), len(bad))
    assert sorted(codec.unpack_ids(good.ids) + codec.unpack_ids(rest.ids)) == sorted(codec.unpack_ids(whole.ids))
    assert sorted([*good.digest, *rest.digest], key=str) == sorted(whole.digest, key=str)


def test_a_batch_that_cannot_be_read_is_bad_as_a_whole(monkeypatch):
    events = [event() for _ in range(8)]
    whole = batch(1, events)
    for damaged in (b"damaged", codec.pack_lines(lines(events)[:5])):
        one = msgspec.structs.replace(whole, lines=damaged)
        assert sift(one) == (None, one)
    monkeypatch.setattr(module, "MAX_BAD_LINES", 2)
    many = msgspec.structs.replace(
        whole, lines=codec.pack_lines([b"x" * (place < 3) + line for place, line in enumerate(lines(events))])
    )
    assert sift(many) == (None, many)


@given(st.lists(st.timedeltas(dt.timedelta(hours=-1), dt.timedelta(hours=30)), min_size=1, max_size=10))
def test_rows_have_the_digest_that_their_events_had(ages):
    events = [event(NOW - age) for age in ages]
    counted = digest(to_arrow(b"\n".join([*lines(events), b""]), NOW))
    expected = {}
    for one in events:
        minute = times.minute_of(times.effective(one.timestamp, NOW))
        key = ("default", minute, one.event_type, times.is_live(one.timestamp, NOW))
        expected[key] = expected.get(key, 0) + 1
    assert {(row.app, row.minute, row.event_type, row.live): row.events for row in counted} == expected
