"""What is wrong with one event, told to its sender: decoding errors become code, field and sentence."""

import re
from collections.abc import Callable

import msgspec

from cloudpulse.events.model import EVENT_TYPES, SOURCES, Event, Metadata

MAX_DEPTH = 32
"""How deep properties may nest: every reader of the lake must be able to follow."""
MAX_QUOTED_CHARS = 100


class InvalidEvent(ValueError):
    """One event breaks a rule."""

    def __init__(self, code: str, field: str | None, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.field = field
        self.message = message


def explain(exc: Exception) -> InvalidEvent:
    """Translate a decoding error of one event into code, field and sentence."""
    if isinstance(exc, RecursionError):
        return InvalidEvent("too_large", None, f"The event nests too deeply: at most {MAX_DEPTH} levels.")
    text = str(exc)
    if not isinstance(exc, msgspec.ValidationError):
        return InvalidEvent("invalid_json", None, f"This is not valid JSON: {text}.")
    reason, _, path = text.partition(" - at `$")
    field = _quoted(path.rstrip("`").lstrip(".")) or None
    for pattern, build in _RULES:
        if match := pattern.match(reason):
            return build(match, field)
    return InvalidEvent("invalid_type", field, f"{_name(field)}: {_quoted(reason)}.")


def _quoted(text: str) -> str:
    """What a client has sent, as far as it may come back in an answer."""
    return text if len(text) <= MAX_QUOTED_CHARS else text[:MAX_QUOTED_CHARS] + "…"


def _name(field: str | None) -> str:
    return field or "the event"


def _inside(field: str | None, name: str) -> str:
    return f"{field}.{name}" if field else name


_ALLOWED = {"event_type": EVENT_TYPES, "source": SOURCES}
_FIELDS = {None: Event.__struct_fields__, "metadata": Metadata.__struct_fields__}

_RULES: list[tuple[re.Pattern[str], Callable[[re.Match[str], str | None], InvalidEvent]]] = [
    (
        re.compile(r"Object missing required field `(.+)`"),
        lambda m, f: InvalidEvent("missing_field", _inside(f, m[1]), f"{_inside(f, m[1])} is required."),
    ),
    (
        re.compile(r"Object contains unknown field `(.+)`"),
        lambda m, f: InvalidEvent(
            "unknown_field",
            _inside(f, _quoted(m[1])),
            f"{_inside(f, _quoted(m[1]))} is not a field here; known are {', '.join(_FIELDS.get(f, ()))}. "
            "Your own values belong into properties.",
        ),
    ),
    (
        re.compile(r"Invalid enum value (.+)"),
        lambda m, f: InvalidEvent(
            "invalid_enum", f, f"{_name(f)} is {_quoted(m[1])}; allowed are {', '.join(_ALLOWED.get(f or '', ()))}."
        ),
    ),
    (
        re.compile(r"Expected `str` of length <= (\d+)"),
        lambda m, f: InvalidEvent("too_long", f, f"{_name(f)} is longer than {m[1]} characters."),
    ),
    (
        re.compile(r"Expected `str` of length >= (\d+)"),
        lambda m, f: InvalidEvent("missing_field", f, f"{_name(f)} is empty: it needs at least {m[1]} character."),
    ),
    (
        re.compile(r"Invalid UUID"),
        lambda m, f: InvalidEvent(
            "invalid_uuid", f, f"{_name(f)} is not a UUID such as {'0' * 8}-0000-7000-8000-{'0' * 12}."
        ),
    ),
    (
        re.compile(r"(Invalid RFC3339|Expected `datetime)"),
        lambda m, f: InvalidEvent(
            "invalid_timestamp", f, f"{_name(f)} must be RFC 3339 text such as 2026-03-09T14:22:31.402Z."
        ),
    ),
]
