"""Events to bytes and back: the canonical line, its hash, the packed ids, and the compressed body of a batch."""

import threading
from uuid import UUID

import msgspec
import xxhash
import zstandard

from cloudpulse.events.model import EVENT_TYPES, Event, Stamp, StoredEvent

ID_BYTES = 25
"""A packed id: 16 bytes of UUID, 8 of payload hash, 1 of event type."""

_TYPE_CODE = {name: bytes([code]) for code, name in enumerate(EVENT_TYPES)}
_ID = slice(len(b'{"event_id":"'), len(b'{"event_id":"') + 36)


class _Sent(Event, omit_defaults=True, forbid_unknown_fields=False, kw_only=True):
    """The client's part of a stored line; the stamp is passed over."""


# "deterministic" sorts the keys of properties, and leaves the struct's fields in order: the line is canonical.
encode_event = msgspec.json.Encoder(order="deterministic").encode
_encode_stamp = msgspec.json.Encoder().encode
_decode_sent = msgspec.json.Decoder(_Sent).decode
_decode_lines = msgspec.json.Decoder(StoredEvent).decode_lines


class _Compressors(threading.local):
    """One for each thread: two threads that use one at once bring the process down."""

    def __init__(self) -> None:
        self.mine = zstandard.ZstdCompressor(level=1)


_compressors = _Compressors()


def payload_hash(canonical: bytes) -> bytes:
    """The 128-bit hash of a canonical event, cut to 8 bytes: enough, for it only tells apart events of one id."""
    return xxhash.xxh3_128_digest(canonical)[:8]


def hash_of(event: Event) -> bytes:
    """The hash of what the client sent; ``ip_address`` is left out, for what is stored of it depends on a setting."""
    if event.metadata is not None and event.metadata.ip_address is not None:
        metadata = msgspec.structs.replace(event.metadata, ip_address=None)
        event = msgspec.structs.replace(event, metadata=metadata)
    return payload_hash(encode_event(event))


def id_text(canonical: bytes) -> bytes:
    """The event id in a canonical event, as 36 characters."""
    return canonical[_ID]


def pack_id(event_id: bytes, hashed: bytes, event_type: str) -> bytes:
    """One entry of ``Batch.ids``."""
    return event_id + hashed + _TYPE_CODE[event_type]


def packed_id(line: bytes) -> bytes:
    """The entry of ``Batch.ids`` for a stored line, computed again from what the client sent."""
    sent = _decode_sent(line)
    event = Event(**{field: getattr(sent, field) for field in Event.__struct_fields__})
    event_id = event.event_id
    assert isinstance(event_id, UUID), "every stored line has an id"
    return pack_id(event_id.bytes, hash_of(event), event.event_type)


def unpack_ids(packed: bytes) -> list[bytes]:
    """The entries of ``Batch.ids``, each as ``pack_id`` made it."""
    return [packed[start : start + ID_BYTES] for start in range(0, len(packed), ID_BYTES)]


def type_of(code: int) -> str:
    """The event type of a type code."""
    return EVENT_TYPES[code]


def stamp_prefix(stamp: Stamp) -> bytes:
    """What stands before the canonical event in a stored line: the stamp as an open JSON object."""
    return _encode_stamp(stamp)[:-1] + b","


def pack_lines(lines: list[bytes]) -> bytes:
    """Stored lines as ``Batch.lines`` holds them: each ended by a newline, compressed together."""
    return _compressors.mine.compress(b"\n".join([*lines, b""]))


def decompress(compressed: bytes) -> bytes:
    """The lines in ``Batch.lines``."""
    return zstandard.ZstdDecompressor().decompress(compressed)


def decode_lines(lines: bytes) -> list[StoredEvent]:
    """Stored events of decompressed lines; raises ``msgspec.MsgspecError`` when they are damaged."""
    return _decode_lines(lines)
