"""Uploads of the workflow ``activity``: an event, an array of events or NDJSON, normalised and enriched; pure."""

import datetime as dt
import re
from collections.abc import Iterator
from typing import Any, BinaryIO, Literal

import msgspec

from cloudpulse.errors import TooLarge, UserError
from cloudpulse.events.access_log import position_id
from cloudpulse.events.codec import encode_event
from cloudpulse.events.enrich import normalise_type
from cloudpulse.events.explain import InvalidEvent, explain
from cloudpulse.events.model import Event, Metadata
from cloudpulse.events.validate import check_size, check_values, normalise

Format = Literal["json", "ndjson"]

MAX_LINE_BYTES = 1 << 20
"""An event takes some 30 kB at most."""
BOM = b"\xef\xbb\xbf"
MAX_SHOWN = 100
"""So many refused events are told one by one."""

FIELDS = frozenset(Event.__struct_fields__) | {f"metadata.{name}" for name in Metadata.__struct_fields__}
_NAME = re.compile(r"(?P<format>.+\.(json|ndjson|jsonl))(\.(?P<encoding>gz|zst))?", re.IGNORECASE)

Item = tuple[int, bytes | InvalidEvent]
Entry = tuple[int, Event | InvalidEvent]


class Refusal(msgspec.Struct, frozen=True):
    """An event that was set aside: its place, the rule that it breaks, and the field. Quotes nothing that was sent."""

    index: int
    code: str
    field: str | None


class Refusals:
    """All refused events, counted; the first of them one by one."""

    def __init__(self) -> None:
        self.total = 0
        self.shown: list[Refusal] = []
        self._kinds: dict[str, int] = {}

    def add(self, index: int, code: str, field: str | None) -> None:
        """Count one; the name of a field that is none of ours is not kept: it may be anything."""
        refusal = Refusal(index, code, field if field in FIELDS else None)
        kind = f"{code} in {refusal.field}" if refusal.field else code
        self._kinds[kind] = self._kinds.get(kind, 0) + 1
        self.total += 1
        if len(self.shown) < MAX_SHOWN:
            self.shown.append(refusal)

    def __str__(self) -> str:
        return ", ".join(f"{count} × {kind}" for kind, count in self._kinds.items())  # noqa: RUF001 - a times sign


def format_of(name: str) -> tuple[Format, str] | None:
    """(format, content encoding or nothing) that the name of a file tells; None for a name that tells none."""
    match = _NAME.fullmatch(name)
    if match is None or name.startswith("."):
        return None
    encoding = {"gz": "gzip", "zst": "zstd"}.get((match["encoding"] or "").lower(), "")
    return ("json" if match["format"].lower().endswith(".json") else "ndjson"), encoding


def entries(stream: BinaryIO, kind: Format, seed: str, at: dt.datetime, max_bytes: int) -> Iterator[Entry]:
    """(index, event, or why it is none) of an upload; the index counts the lines of NDJSON, blank ones too, from 0.

    The same upload always gives the same events: ids that are missing follow from ``seed`` and index, times are
    ``at``. Raises ``UserError`` for JSON that cannot be read as a whole, which may have ``max_bytes``.
    """
    for index, item in items(stream, kind, max_bytes):
        if isinstance(item, InvalidEvent):
            yield index, item
            continue
        try:
            yield index, _event(item, seed, index, at)
        except InvalidEvent as invalid:
            yield index, invalid
        except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as exc:
            yield index, explain(exc)


def items(stream: BinaryIO, kind: Format, max_bytes: int) -> Iterator[Item]:
    """(index, JSON as it was sent) of an upload; raises ``UserError`` as ``entries`` does."""
    return _lines(stream) if kind == "ndjson" else _elements(stream, max_bytes)


def _lines(stream: BinaryIO) -> Iterator[Item]:
    index = 0
    while line := stream.readline(MAX_LINE_BYTES):
        is_whole = line.endswith(b"\n") or len(line) < MAX_LINE_BYTES
        rest = line
        while rest and not rest.endswith(b"\n"):
            rest = stream.readline(MAX_LINE_BYTES)
        line = line if index else line.removeprefix(BOM)
        if not is_whole:
            yield index, InvalidEvent("too_large", None, f"The line is longer than {MAX_LINE_BYTES} bytes.")
        elif line.strip():
            yield index, line
        index += 1


def _elements(stream: BinaryIO, max_bytes: int) -> Iterator[Item]:
    body = stream.read(max_bytes + 1).removeprefix(BOM)
    if len(body) > max_bytes:
        raise TooLarge(f"The JSON is larger than {max_bytes} bytes (max_body_bytes): write it as NDJSON.")
    check_values(body)
    try:
        found = msgspec.json.decode(body, type=list[msgspec.Raw] | dict[str, msgspec.Raw])
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as exc:
        raise UserError(
            "The upload is neither a JSON object nor an array. Send NDJSON as application/x-ndjson, or name its file "
            "*.ndjson."
        ) from exc
    yield from enumerate(map(bytes, found)) if isinstance(found, list) else [(0, body)]


def _event(item: bytes, seed: str, index: int, at: dt.datetime) -> Event:
    """The event, complete; raises ``InvalidEvent``, or what a decoder does."""
    value: Any = msgspec.json.decode(item)
    if isinstance(value, dict) and isinstance(text := value.get("event_type"), str):
        if not text.strip():
            raise InvalidEvent("missing_field", "event_type", "event_type is empty.")
        value["event_type"], name = normalise_type(text)
        if value.get("event_name") is None:
            value["event_name"] = name
    event = msgspec.convert(value, Event)
    event.event_id = event.event_id or position_id(seed, index)
    event.timestamp = event.timestamp or at
    normalise(event)
    check_size(event, encode_event(event))
    return event
