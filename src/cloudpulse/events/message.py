"""A batch as a queue's message, as the object that stands in for one, and as the records of a stream. Pure.

A batch is named by its key, 32 hexadecimal characters. Every batch is a journal of its own with one number: what is
decoded has ``seq`` 1.
"""

import hashlib
from collections.abc import Iterable
from typing import Annotated, Literal

import msgspec

from cloudpulse.events import codec
from cloudpulse.events.model import Batch, Count

MAX_MESSAGE_BYTES = 250_000
"""What one message holds, and a sending of several messages together: 256 KiB less some room."""

MAX_PART_BYTES = 900_000
"""What one record of the stream holds, less some room."""

Key = Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{32}$")]


class Message(msgspec.Struct, frozen=True):
    """A batch and its key."""

    key: str
    batch: Batch


class Pointer(msgspec.Struct, frozen=True):
    """Where the message of a batch is that is too large for a queue: the name of an object that holds it."""

    key: str
    object: str


class _Envelope(msgspec.Struct, kw_only=True):
    v: Literal[1] = 1
    batch: Key
    object: str | None = None


class _Whole(msgspec.Struct, kw_only=True):
    v: Literal[1] = 1
    batch: Key
    received_at: int
    events: int
    digest: tuple[Count, ...]
    ids: bytes
    lines: bytes


_encode = msgspec.json.Encoder().encode
_decode_envelope = msgspec.json.Decoder(_Envelope).decode
_decode_whole = msgspec.json.Decoder(_Whole).decode


def batch_key(origin: str, entries: Iterable[bytes]) -> str:
    """The key of a batch: the same for the same origin and entries, in any order and however often they come."""
    parts = [origin.encode(), *sorted(set(entries))]
    return hashlib.sha256(b"".join([len(part).to_bytes(4, "big") + part for part in parts])).hexdigest()[:32]


def encode(key: str, batch: Batch) -> bytes:
    """A batch as JSON: the body of a message, or of the object that a pointer names."""
    return _encode(
        _Whole(
            batch=key,
            received_at=batch.received_at,
            events=batch.events,
            digest=batch.digest,
            ids=batch.ids,
            lines=batch.lines,
        )
    )


def encode_pointer(key: str) -> bytes:
    """The body of a message whose batch is in an object."""
    return _encode(_Envelope(batch=key, object=object_name(key)))


def object_name(key: str) -> str:
    """The object that holds a batch which is too large for a message."""
    return f"overflow/{key}.json"


def decode(body: bytes | str) -> Message | Pointer:
    """What a message says; raises ``msgspec.MsgspecError`` when it is none of ours."""
    envelope = _decode_envelope(body)
    if envelope.object is not None:
        if envelope.object != object_name(envelope.batch):
            raise msgspec.ValidationError("a message points at an object that is not its batch's")
        return Pointer(envelope.batch, envelope.object)
    whole = _decode_whole(body)
    batch = Batch(
        seq=1,
        received_at=whole.received_at,
        events=whole.events,
        digest=whole.digest,
        ids=whole.ids,
        lines=whole.lines,
    )
    return Message(whole.batch, batch)


def parts(batch: Batch) -> list[bytes]:
    """The stored lines of a batch as records of a stream: NDJSON, cut at ends of lines, the same cuts every time."""
    lines = codec.decompress(batch.lines)
    found, start = [], 0
    while start < len(lines):
        end = _cut(lines, start)
        found.append(lines[start:end])
        start = end
    return found


def part_name(key: str, number: int) -> str:
    """The partition key of a batch's part, and the journal of its position: a part is applied once."""
    return f"{key}.{number}"


def _cut(lines: bytes, start: int) -> int:
    """Where a part ends that begins at ``start``; a line is never longer than a part."""
    if len(lines) - start <= MAX_PART_BYTES:
        return len(lines)
    return lines.rindex(b"\n", start, start + MAX_PART_BYTES) + 1
