"""Events of one request, made ready for the journal: ids, canonical lines, hashes, digest cells. Pure, and hot."""

import datetime as dt
import hashlib
import random
import time
from collections import Counter
from collections.abc import Iterable
from functools import lru_cache
from typing import Literal
from uuid import UUID

import msgspec

from cloudpulse.events import codec, times
from cloudpulse.events.enrich import truncate_ip
from cloudpulse.events.explain import MAX_DEPTH, InvalidEvent, explain
from cloudpulse.events.model import MAX_PROPERTIES_BYTES, Count, Event, Remote, Stamp
from cloudpulse.events.validate import EPOCH, Rejection, check_size, normalise, reject

# An encoded event with a timestamp has its minute at a fixed place: {"event_id":"<36>","timestamp":"2026-03-09T14:22
_MINUTE_AT = len('{"event_id":"') + 36 + len('","timestamp":"')
_MINUTE = slice(_MINUTE_AT, _MINUTE_AT + 16)

IpMode = Literal["keep", "truncate", "drop"]

_EMPTY_METADATA = b',"metadata":{}}'
"""How an event ends whose metadata, its last field, says nothing."""

Cell = tuple[bytes, str, bool]
"""Minute as text (``2026-03-09T14:22``), event type, and whether the event moves the live counters."""


class Sender(msgspec.Struct, frozen=True, kw_only=True):
    """Who sent a request, and what the connection tells about it."""

    client_id: str
    app: str
    remote: Remote | None = None
    idempotency_key: str | None = None


class Prepared(msgspec.Struct, kw_only=True):
    """One request before deduplication; the lists run side by side, one entry per valid event."""

    app: str
    received_at: int
    indexes: list[int]
    keys: list[bytes]
    packed: list[bytes]
    stored: list[bytes]
    id_texts: list[bytes]
    cells: list[Cell]
    rejections: list[Rejection]


def prepare(
    events: Iterable[tuple[int, Event]],
    rejections: list[Rejection],
    sender: Sender,
    received_at: dt.datetime,
    ip_mode: IpMode,
) -> Prepared:
    """Give ids and stamps to the events of one request; what breaks a rule joins the rejections."""
    out = Prepared(
        app=sender.app, received_at=times.micros(received_at), indexes=[], keys=[], packed=[], stored=[], id_texts=[],
        cells=[], rejections=rejections,
    )  # fmt: skip
    plain, with_remote = _prefixes(sender, received_at)
    oldest, now_minute, newest = _minutes_around(received_at.replace(second=0, microsecond=0))
    pack, id_text = codec.pack_id, codec.id_text
    for index, event in events:
        if event.event_id is None:
            event.event_id = new_id(sender, index)
        try:
            line, digest = _canonical(event, ip_mode)
        except (InvalidEvent, RecursionError) as exc:
            # What could be decoded may still nest too deeply to be encoded: that happens further up the stack.
            rejections.append(reject(index, event, exc if isinstance(exc, InvalidEvent) else explain(exc)))
            continue
        cell: Cell
        if event.timestamp is None:
            cell = (now_minute, event.event_type, True)
        elif oldest < (minute := line[_MINUTE]) < newest:
            cell = (minute, event.event_type, True)
        else:
            cell = _cell_at_the_edge(event.timestamp, received_at, event.event_type)
        key = event.event_id.bytes
        out.indexes.append(index)
        out.keys.append(key)
        out.packed.append(pack(key, digest, event.event_type))
        out.id_texts.append(id_text(line))
        out.stored.append((with_remote if _wants_remote(event) else plain) + line[1:])
        out.cells.append(cell)
    return out


def _canonical(event: Event, ip_mode: IpMode) -> tuple[bytes, bytes]:
    """The event in canonical form, and its hash; brings time and address into their stored form, in place."""
    if event.properties is not None and not event.properties:
        event.properties = None  # an empty object says no more than an absent one
    timestamp, metadata = event.timestamp, event.metadata
    if timestamp is not None and (timestamp.tzinfo is not times.UTC or timestamp < EPOCH):
        normalise(event)
    if metadata is not None and metadata.ip_address is not None:
        digest = codec.hash_of(event)
        metadata.ip_address = truncate_ip(metadata.ip_address, ip_mode)
        line = codec.encode_event(event)
    else:
        line = codec.encode_event(event)
        if line.endswith(_EMPTY_METADATA):
            event.metadata = None
            line = codec.encode_event(event)
        digest = codec.payload_hash(line)
    if len(line) > MAX_PROPERTIES_BYTES or line.count(b"{") + line.count(b"[") > MAX_DEPTH:
        check_size(event, line)
    return line, digest


def new_id(sender: Sender, index: int) -> UUID:
    """A UUIDv7; with an idempotency key one derived from client, key and index, so that a retry has the same."""
    if sender.idempotency_key is None:
        return uuid7()
    seed = msgspec.json.encode([sender.client_id, sender.idempotency_key, index])
    return _uuid(hashlib.sha256(seed).digest()[:16], version=8)


def uuid7() -> UUID:
    """A random UUID that begins with the time in milliseconds (RFC 9562, section 5.7)."""
    # From the process's own generator: the system's releases the interpreter's lock, and waits to have it back.
    return _uuid((time.time_ns() // 1_000_000).to_bytes(6, "big") + random.randbytes(10), version=7)


def _uuid(value: bytes, version: int) -> UUID:
    # By hand: Python's own constructor knows versions 6 to 8 only from 3.14 on.
    return UUID(int=int.from_bytes(value, "big") & ~(0xF << 76) & ~(0x3 << 62) | (version << 76) | (2 << 62))


def digest(app_cells: Iterable[tuple[str, Iterable[Cell]]]) -> tuple[Count, ...]:
    """The digest of a batch from the cells of its events, by app."""
    totals: Counter[tuple[str, Cell]] = Counter()
    for app, cells in app_cells:
        for cell, events in Counter(cells).items():
            totals[app, cell] += events
    return tuple(
        Count(app, _minute_number(minute), event_type, live, events)
        for (app, (minute, event_type, live)), events in totals.items()
    )


def _prefixes(sender: Sender, received_at: dt.datetime) -> tuple[bytes, bytes]:
    stamp = Stamp(received_at=received_at, client_id=sender.client_id, app=sender.app)
    plain = codec.stamp_prefix(stamp)
    stamp.remote = sender.remote
    return plain, codec.stamp_prefix(stamp)


@lru_cache(maxsize=16)
def _minutes_around(minute: dt.datetime) -> tuple[bytes, bytes, bytes]:
    """The minutes at the edges of what counts as live, as text, and the present one between them."""
    return _text(minute - times.LIVE_WINDOW), _text(minute), _text(minute + times.FUTURE_LIMIT)


def _text(moment: dt.datetime) -> bytes:
    return moment.strftime("%Y-%m-%dT%H:%M").encode()


def _wants_remote(event: Event) -> bool:
    metadata = event.metadata
    return event.source in ("web", "mobile") and (
        metadata is None or metadata.ip_address is None or metadata.user_agent is None or metadata.country is None
    )


def _cell_at_the_edge(timestamp: dt.datetime, received_at: dt.datetime, event_type: str) -> Cell:
    counted = times.effective(timestamp, received_at)
    return _text(counted), event_type, times.is_live(timestamp, received_at)


def _minute_number(text: bytes) -> int:
    return times.minute_of(dt.datetime.fromisoformat(text.decode() + "+00:00"))
