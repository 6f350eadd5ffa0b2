"""What is accepted, and what a client is told of the rest."""

import datetime as dt
import json
import tracemalloc
import uuid

import msgspec
import pytest
from event_strategies import FAULTS, faulty_events, valid_events
from hypothesis import given
from hypothesis import strategies as st

from cloudpulse.errors import TooLarge
from cloudpulse.events.explain import InvalidEvent
from cloudpulse.events.model import EVENT_TYPES, SOURCES, Event
from cloudpulse.events.validate import (
    InvalidBody,
    check_size,
    from_small,
    normalise,
    parse_batch,
    parse_lines,
    parse_one,
    parse_small,
)

BASE = {"event_type": "click", "session_id": "s", "source": "web"}


def one(**fields):
    return parse_one(json.dumps(BASE | fields).encode())


def rejection(**fields):
    events, rejections = one(**fields)
    assert events == []
    (found,) = rejections
    return found


def batch_body(events) -> bytes:
    return json.dumps({"events": events}).encode()


def lines_body(events) -> bytes:
    return "\n".join(json.dumps(event) for event in events).encode()


@pytest.mark.parametrize("event_type", EVENT_TYPES)
@pytest.mark.parametrize("source", SOURCES)
def test_every_type_and_source_is_accepted(event_type, source):
    ((index, event),), rejections = one(event_type=event_type, source=source)
    assert (index, event.event_type, event.source, rejections) == (0, event_type, source, [])


@pytest.mark.parametrize(("name", "value", "code", "field"), FAULTS)
def test_each_fault_has_its_code_and_field(name, value, code, field):
    found = rejection(**{name: value})
    assert (found.index, found.code, found.field) == (0, code, field)
    assert field in found.message
    assert found.message.endswith(".")


@pytest.mark.parametrize("name", ["event_type", "session_id", "source"])
def test_a_required_field_is_missing(name):
    body = json.dumps({key: value for key, value in BASE.items() if key != name}).encode()
    (found,) = parse_one(body)[1]
    assert (found.code, found.field, found.message) == ("missing_field", name, f"{name} is required.")


@pytest.mark.parametrize(("name", "longest"), [("session_id", 128), ("user_id", 128), ("event_name", 128)])
def test_the_longest_values_are_accepted(name, longest):
    assert one(**{name: "ü" * longest})[1] == []
    assert rejection(**{name: "ü" * (longest + 1)}).code == "too_long"


@pytest.mark.parametrize(
    "body", [b"", b"{", b"nothing", b'{"event_type": "click",}', b'{"event_type":"\xff"}', b'{"session_id":"\\ud800"}']
)
def test_what_is_no_json(body):
    (found,) = parse_one(body)[1]
    assert (found.code, found.field, found.event_id) == ("invalid_json", None, None)


@pytest.mark.parametrize("body", [b"[]", b"null", b"1", b'"event"'])
def test_what_is_json_and_no_object(body):
    (found,) = parse_one(body)[1]
    assert (found.code, found.field) == ("invalid_type", None)


def test_a_rejection_tells_the_id_where_there_is_one():
    event_id = str(uuid.uuid4())
    assert rejection(event_id=event_id, user_id=1).event_id == event_id
    assert rejection(event_id="x" * 65).event_id is None
    assert rejection(user_id=1).event_id is None


@pytest.mark.parametrize(
    ("text", "utc"),
    [
        ("2026-03-09T14:22:31.402Z", "2026-03-09T14:22:31.402"),
        ("2026-03-09T14:22:31", "2026-03-09T14:22:31"),
        ("2026-03-09 14:22:31z", "2026-03-09T14:22:31"),
        ("2026-03-09T14:22:31+05:30", "2026-03-09T08:52:31"),
        ("2026-03-09T00:10:00+01:00", "2026-03-08T23:10:00"),
    ],
)
def test_timestamps_become_utc(text, utc):
    ((_, event),), _ = one(timestamp=text)
    normalise(event)
    assert event.timestamp == dt.datetime.fromisoformat(utc).replace(tzinfo=dt.UTC)
    assert event.timestamp.tzinfo is dt.UTC


@pytest.mark.parametrize("text", ["1969-12-31T23:59:59Z", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"])
def test_a_timestamp_beyond_the_calendar(text):
    ((_, event),), _ = one(timestamp=text)
    with pytest.raises(InvalidEvent) as raised:
        normalise(event)
    assert (raised.value.code, raised.value.field) == ("invalid_timestamp", "timestamp")


def sized(properties):
    event = msgspec.convert(BASE | {"properties": properties}, Event)
    check_size(event, msgspec.json.encode(event))


def test_properties_have_10_kib_as_json():
    sized({"a": "x" * (10 * 1024 - len('{"a":""}'))})
    with pytest.raises(InvalidEvent, match="10240 bytes") as raised:
        sized({"a": "x" * (10 * 1024 - len('{"a":""}') + 1)})
    assert (raised.value.code, raised.value.field) == ("too_large", "properties")


def test_other_fields_do_not_count_into_the_size_of_properties():
    event = msgspec.convert(BASE | {"properties": {"a": "x" * 9_000}, "metadata": {"referrer": "r" * 2_000}}, Event)
    check_size(event, msgspec.json.encode(event))


def nested(depth, kind=dict):
    value = 1
    for _ in range(depth):
        value = {"a": value} if kind is dict else [value]
    return value


def test_properties_nest_32_deep():
    sized(nested(32))
    sized({"a": nested(31, list), "b": [{}] * 100})
    for deep in (nested(33), {"a": nested(32, list)}, {"a": {}, "b": nested(32)}):
        with pytest.raises(InvalidEvent, match="32 levels") as raised:
            sized(deep)
        assert (raised.value.code, raised.value.field) == ("too_large", "properties")


@given(st.lists(valid_events | faulty_events, min_size=1, max_size=8))
def test_a_batch_is_judged_event_by_event(events):
    """The fast path decodes all at once, the slow one each alone: they agree, whatever the neighbours are."""
    expected_events, expected_rejections = [], []
    for index, event in enumerate(events):
        accepted, rejections = parse_one(json.dumps(event).encode())
        expected_events += [(index, found) for _, found in accepted]
        expected_rejections += [msgspec.structs.replace(found, index=index) for found in rejections]
    expected = (expected_events, expected_rejections)
    assert parse_batch(batch_body(events), 100) == expected
    assert parse_lines(lines_body(events), 100) == expected


@given(st.lists(valid_events, min_size=1, max_size=8), st.sampled_from([b"\n", b"\r\n", b"\n\n", b"\n \n"]))
def test_line_ends_and_empty_lines_do_not_matter(events, end):
    lines = [json.dumps(event).encode() for event in events]
    for body in (end.join(lines), end.join(lines) + end, end + end.join(lines)):
        accepted, rejections = parse_lines(body, 100)
        assert ([index for index, _ in accepted], rejections) == (list(range(len(events))), [])
        broken, (found,) = parse_lines(body + b"\n{", 100)
        assert ([index for index, _ in broken], found.index) == (list(range(len(events))), len(events))


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "invalid_json"),
        (b'{"events": [', "invalid_json"),
        (b'{"events": [{}', "invalid_json"),
        (b"{}", "missing_field"),
        (b'{"events": []}', "missing_field"),
        (b'{"events": {}}', "invalid_type"),
        (b"[]", "invalid_type"),
        (b'{"events": [{}], "more": 1}', "unknown_field"),
    ],
)
def test_a_body_that_is_no_batch(body, code):
    with pytest.raises(InvalidBody) as raised:
        parse_batch(body, 100)
    assert (raised.value.code, raised.value.status) == (code, 400)


@pytest.mark.parametrize("body", [BASE, [BASE]])
def test_a_body_that_is_an_event_or_an_array_is_told_the_form_of_a_batch(body):
    with pytest.raises(InvalidBody) as raised:
        parse_batch(json.dumps(body).encode(), 100)
    assert '{"events": […]}' in raised.value.detail
    assert "known are" not in raised.value.detail


@pytest.mark.parametrize("body", [b"", b"\n\n", b" \n"])
def test_lines_without_an_event(body):
    with pytest.raises(InvalidBody) as raised:
        parse_lines(body, 100)
    assert raised.value.code == "missing_field"


@pytest.mark.parametrize(("parse", "make"), [(parse_batch, batch_body), (parse_lines, lines_body)])
@pytest.mark.parametrize("last", [BASE, {}])
def test_more_events_than_allowed(parse, make, last):
    parse(make([BASE, last]), 2)
    with pytest.raises(TooLarge, match="3 events"):
        parse(make([BASE, BASE, last]), 2)


@pytest.mark.parametrize(
    ("spelling", "event_type", "event_name"),
    [
        ("page_view", "page_view", None),
        ("Page View", "page_view", None),
        ("PAGE-VIEW", "page_view", None),
        ("pageview", "page_view", None),
        ("signup", "custom", "signup"),
        ("Order Completed", "custom", "Order Completed"),
    ],
)
def test_the_small_form_takes_any_spelling(spelling, event_type, event_name):
    event_id = uuid.uuid4()
    event = from_small(parse_small(json.dumps({"source": "api", "event_type": spelling}).encode()), event_id)
    assert (event.event_type, event.event_name, event.event_id) == (event_type, event_name, event_id)


def test_the_session_of_a_small_form():
    event_id = uuid.uuid4()

    def session(**meta):
        body = json.dumps({"source": "api", "event_type": "click", "meta": meta}).encode()
        return from_small(parse_small(body), event_id).session_id

    assert session() == str(event_id)
    assert session(session_id="mine") == "mine"


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"event_type": " "}, "missing_field"),
        ({"source": "desk"}, "invalid_enum"),
        ({"meta": []}, "invalid_type"),
        ({"session_id": "s"}, "unknown_field"),
    ],
)
def test_a_small_form_with_a_fault(fields, code):
    with pytest.raises(InvalidBody) as raised:
        parse_small(json.dumps({"source": "api", "event_type": "click"} | fields).encode())
    assert raised.value.code == code


@pytest.mark.parametrize("body", [{"source": "api", "event_type": "click", "session_id": "s"}, []])
def test_the_small_form_is_told_to_whom_sends_another(body):
    with pytest.raises(InvalidBody, match="belong into meta"):
        parse_small(json.dumps(body).encode())


TEN_MB = 10 << 20
SMALL_HEAD = b'{"source":"web","event_type":"x","meta":{"a":['
EVENT_HEAD = b'{"event_type":"click","session_id":"s","source":"web","properties":{"a":['


def filled(head: bytes, unit: bytes, tail: bytes) -> bytes:
    return head + b",".join([unit] * (TEN_MB // (len(unit) + 1) - 100)) + tail


@pytest.mark.parametrize(
    ("parse", "body"),
    [
        (parse_one, filled(EVENT_HEAD, b"{}", b"]}}")),
        (parse_small, filled(SMALL_HEAD, b"[]", b"]}}")),
        (lambda body: parse_batch(body, 10_000), filled(b'{"events":[', b"1", b"]}")),
        (lambda body: parse_batch(body, 10_000), filled(b'{"events":[', b"{}", b"]}")),
        (lambda body: parse_batch(body, 10_000), b'{"events":[' + filled(EVENT_HEAD, b'{"":{}}', b"]}}") + b"]}"),
        (lambda body: parse_batch(body, 10_000), b"[" * TEN_MB),
        (lambda body: parse_lines(body, 10_000), b"\n" * TEN_MB),
        (lambda body: parse_lines(body, 10_000), b"1\n" * (TEN_MB // 2)),
    ],
)
def test_millions_of_values_are_refused_before_they_are_built(parse, body):
    tracemalloc.start()
    try:
        with pytest.raises(TooLarge, match="values"):
            parse(body)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 2 * TEN_MB


def test_what_a_client_has_sent_does_not_come_back_at_length():
    long = "x" * 1_000_000
    for body in (f'{{"{long}":1}}', f'{{"event_type":"{long}"}}', f'{{"{long}":'):
        (rejection,) = parse_one(body.encode())[1]
        assert len(rejection.message) < 500
        assert len(rejection.field or "") < 200
