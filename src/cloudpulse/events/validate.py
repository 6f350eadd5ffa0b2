"""Request bodies become events; what is wrong with one event never touches its neighbours."""

import datetime as dt
from collections.abc import Callable, Iterable
from typing import Any, TypeVar
from uuid import UUID

import msgspec

from cloudpulse.errors import TooLarge, UserError
from cloudpulse.events.enrich import normalise_type
from cloudpulse.events.explain import MAX_DEPTH, InvalidEvent, explain
from cloudpulse.events.model import MAX_PROPERTIES_BYTES, Event, Source

MAX_VALUES = 1_000_000
"""So many JSON values may stand in one request. Each takes up to 100 bytes while it is looked at, two in its text."""

T = TypeVar("T")

EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


class Rejection(msgspec.Struct, frozen=True):
    """Why one event was not accepted; ``index`` is its place in the request, from 0."""

    index: int
    event_id: str | None
    code: str
    field: str | None
    message: str


class InvalidBody(UserError):
    """The body as a whole cannot be read; ``code`` is one of the ingest codes."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code


class _Body(msgspec.Struct, forbid_unknown_fields=True):
    events: list[Event]


class _RawBody(msgspec.Struct, forbid_unknown_fields=True):
    events: list[msgspec.Raw]


BATCH_FORM = 'Send {"events": […]}, a single event too; or NDJSON as application/x-ndjson.'
SMALL_FORM = "Known are source, event_type and meta; your own values belong into meta."


class SmallEvent(msgspec.Struct, forbid_unknown_fields=True):
    """The small form: a type in any spelling, and free ``meta``."""

    source: Source
    event_type: str
    meta: dict[str, Any] = {}


Parsed = tuple[list[tuple[int, Event]], list[Rejection]]

_decode_event = msgspec.json.Decoder(Event).decode
_decode_body = msgspec.json.Decoder(_Body).decode
_decode_raw_body = msgspec.json.Decoder(_RawBody).decode
_decode_lines = msgspec.json.Decoder(Event).decode_lines
_decode_small = msgspec.json.Decoder(SmallEvent).decode
_encode = msgspec.json.Encoder().encode


def parse_one(body: bytes) -> Parsed:
    """The event in ``body``; raises ``TooLarge``."""
    check_values(body)
    return _each([body])


def parse_batch(body: bytes, max_events: int) -> Parsed:
    """The events in ``{"events": [...]}``. Raises ``InvalidBody`` or ``TooLarge`` for the body as a whole."""
    check_values(body)
    try:
        events = _decode_body(body).events
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        raws = _read(_decode_raw_body, body, BATCH_FORM).events
        _check_count(len(raws), max_events)
        return _each(raws)
    _check_count(len(events), max_events)
    return list(enumerate(events)), []


def parse_lines(body: bytes, max_events: int) -> Parsed:
    """The events in NDJSON, one a line; empty lines do not count. Raises ``InvalidBody`` or ``TooLarge``."""
    check_values(body)
    try:
        events = _decode_lines(body)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        events = []
    # The decoder takes two events on one line, or one on two: the line is what counts.
    if len(events) != body.count(b"\n") + (not body.endswith(b"\n")):
        lines = [line for line in body.split(b"\n") if line.strip()]
        _check_count(len(lines), max_events)
        return _each(lines)
    _check_count(len(events), max_events)
    return list(enumerate(events)), []


def parse_small(body: bytes) -> SmallEvent:
    """The small form in ``body``; raises ``InvalidBody`` or ``TooLarge``."""
    check_values(body)
    small = _read(_decode_small, body, SMALL_FORM)
    if not small.event_type.strip():
        raise InvalidBody("missing_field", "event_type is empty: name what happened, for example page_view.")
    return small


def from_small(small: SmallEvent, event_id: UUID) -> Event:
    """The event that a small form stands for; the id is its session where ``meta`` names none.

    Raises ``InvalidEvent`` for an over-long value.
    """
    event_type, event_name = normalise_type(small.event_type)
    event = {
        "event_id": event_id,
        "event_type": event_type,
        "event_name": event_name,
        "source": small.source,
        "properties": small.meta,
        "session_id": small.meta.get("session_id") or str(event_id),
        "user_id": small.meta.get("user_id"),
    }
    try:
        return msgspec.convert(event, Event)
    except msgspec.ValidationError as exc:
        raise explain(exc) from exc


def normalise(event: Event) -> None:
    """Bring the timestamp to UTC, in place; raises ``InvalidEvent`` for one that no calendar holds."""
    timestamp = event.timestamp
    if timestamp is None:
        return
    if timestamp.tzinfo is None:
        timestamp = timestamp.replace(tzinfo=dt.UTC)
    elif timestamp.tzinfo is not dt.UTC:
        try:
            timestamp = timestamp.astimezone(dt.UTC)
        except OverflowError as exc:
            raise _bad_timestamp() from exc
    if timestamp < EPOCH:
        raise _bad_timestamp()
    event.timestamp = timestamp


def check_size(event: Event, canonical: bytes) -> None:
    """Bound the size and the depth of properties; ``canonical`` is the event encoded. Raises ``InvalidEvent``."""
    if len(canonical) > MAX_PROPERTIES_BYTES and len(_encode(event.properties)) > MAX_PROPERTIES_BYTES:
        raise InvalidEvent(
            "too_large",
            "properties",
            f"properties are over {MAX_PROPERTIES_BYTES} bytes as JSON: send less in one event.",
        )
    if canonical.count(b"{") + canonical.count(b"[") > MAX_DEPTH and _is_deeper(event.properties, MAX_DEPTH):
        raise InvalidEvent("too_large", "properties", f"properties nest deeper than {MAX_DEPTH} levels: flatten them.")


def reject(index: int, event: Event, invalid: InvalidEvent) -> Rejection:
    """The rejection of an event that could be decoded."""
    event_id = str(event.event_id) if event.event_id is not None else None
    return Rejection(index, event_id, invalid.code, invalid.field, invalid.message)


def _each(raws: Iterable[bytes | msgspec.Raw]) -> Parsed:
    events: list[tuple[int, Event]] = []
    rejections: list[Rejection] = []
    for index, raw in enumerate(raws):
        try:
            events.append((index, _decode_event(raw)))
        except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as exc:
            invalid = explain(exc)
            rejections.append(Rejection(index, _id_in(raw), invalid.code, invalid.field, invalid.message))
    return events, rejections


def _read(decode: Callable[[bytes], T], body: bytes, form: str) -> T:
    """The body, which must have this ``form``: the rules of an event, which ``explain`` knows, are others."""
    try:
        return decode(body)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as exc:
        invalid = explain(exc)
        message = invalid.message
        if invalid.code == "unknown_field":
            message = f"{invalid.field} is not a field here. {form}"
        elif invalid.code == "invalid_type" and invalid.field is None:
            message = f"The body is no JSON object. {form}"
        raise InvalidBody(invalid.code, message) from exc


def check_values(body: bytes) -> None:
    """Bound what decoding may build, before anything is built: a value has a comma, a bracket or a line before it."""
    if len(body) <= MAX_VALUES:
        return
    if len(body) - len(body.translate(None, b",[{\n")) > MAX_VALUES:
        raise TooLarge(f"More than {MAX_VALUES} values in one request: split it.")


def _check_count(events: int, max_events: int) -> None:
    if events == 0:
        raise InvalidBody("missing_field", "The request holds no event: send at least one.")
    if events > max_events:
        raise TooLarge(f"{events} events in one request; the limit is {max_events}. Split the batch.")


def _id_in(raw: bytes | msgspec.Raw) -> str | None:
    if b"event_id" not in bytes(raw):
        return None
    try:
        event_id = msgspec.json.decode(raw).get("event_id")
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError, AttributeError):
        return None
    return event_id if isinstance(event_id, str) and len(event_id) <= 64 else None


def _is_deeper(value: Any, levels: int) -> bool:
    """Whether containers nest beyond ``levels``; goes no deeper than that itself."""
    if not isinstance(value, dict | list):
        return False
    children = value.values() if isinstance(value, dict) else value
    return levels == 0 or any(_is_deeper(child, levels - 1) for child in children)


def _bad_timestamp() -> InvalidEvent:
    return InvalidEvent("invalid_timestamp", "timestamp", "timestamp lies before 1970 or beyond year 9999 in UTC.")
