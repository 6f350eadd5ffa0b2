"""Request bodies: read and inflated under a bound, so that no request can fill the memory."""

import zlib
from typing import Any

import zstandard
from litestar import Request

from cloudpulse.errors import TooLarge, UnsupportedMedia, UserError

JSON = ("application/json", "", "text/plain")
"""``navigator.sendBeacon`` may call a body nothing but text."""
NDJSON = ("application/x-ndjson", "application/ndjson")
ZSTD_STEP_BYTES = 512
"""So much is inflated before the size is looked at: at most 16 MiB, for 4 bytes may stand for a block of 128 KiB."""

MAX_FRAMES = 1_000
"""In so many pieces a body may be compressed: each costs a start, and a gzip member a copy of all behind it, so that
10 MB of empty ones would hold up all others for minutes."""

RawHeaders = dict[bytes, bytes]


def raw_headers(request: Request[Any, Any, Any]) -> RawHeaders:
    """The headers as they came, names in lower case: litestar's own view of them costs 8 µs a request."""
    return dict(request.scope["headers"])


async def read_body(request: Request[Any, Any, Any], headers: RawHeaders, limit: int) -> bytes:
    """The inflated body. Raises ``TooLarge``, ``UnsupportedMedia``, or ``UserError`` for a damaged one."""
    length = headers.get(b"content-length", b"0")
    if length.isdigit() and int(length) > limit:
        raise _too_large(limit)
    part, more = await _receive(request)
    start = bytearray()  # not a list: whoever sends single bytes would fill it with millions of objects
    while more and len(start) + len(part) <= limit:
        start += part
        part, more = await _receive(request)
    if len(start) + len(part) > limit:
        raise _too_large(limit)
    body = bytes(start + part) if start else part
    return inflate(body, headers.get(b"content-encoding", b"").decode("latin-1").lower().strip(), limit)


async def _receive(request: Request[Any, Any, Any]) -> tuple[bytes, bool]:
    message: Any = await request.receive()
    if message["type"] == "http.disconnect":
        raise UserError("The connection ended before the body did.")
    return message.get("body", b""), message.get("more_body", False)


def inflate(body: bytes, encoding: str, limit: int) -> bytes:
    """``body`` without its content encoding, at most ``limit`` bytes."""
    if encoding in ("", "identity"):
        return body
    try:
        if encoding == "gzip":
            return _inflate_gzip(body, limit)
        if encoding == "zstd":
            return _inflate_zstd(body, limit)
    except (zlib.error, zstandard.ZstdError, EOFError) as exc:
        raise UserError(f"The body is not valid {encoding}: {exc}.") from exc
    raise UnsupportedMedia(f"Content-Encoding {encoding} is not known here: send gzip, zstd, or none.")


def media_type(headers: RawHeaders) -> str:
    """The content type without parameters, in lower case."""
    return headers.get(b"content-type", b"").partition(b";")[0].strip().lower().decode("latin-1")


def _inflate_gzip(body: bytes, limit: int) -> bytes:
    out = b""
    frames = 0
    while body:
        frames = _one_more(frames)
        inflater = zlib.decompressobj(wbits=31)
        out += inflater.decompress(body, limit + 1 - len(out))
        if len(out) > limit:
            raise _too_large(limit)
        if not inflater.eof:
            raise EOFError("it ends too early")
        body = inflater.unused_data
    return out


def _inflate_zstd(body: bytes, limit: int) -> bytes:
    new_frame = zstandard.ZstdDecompressor(max_window_size=1 << 27).decompressobj
    frame = new_frame()
    frames = 1
    out = bytearray()
    rest = memoryview(body)
    while rest:
        if frame.eof:
            frames = _one_more(frames)
            frame = new_frame()
        step = rest[:ZSTD_STEP_BYTES]
        out += frame.decompress(step)
        if len(out) > limit:
            raise _too_large(limit)
        rest = rest[len(step) - len(frame.unused_data) :]
    if not frame.eof:
        raise EOFError("it ends too early")
    return bytes(out)


def _one_more(frames: int) -> int:
    if frames >= MAX_FRAMES:
        raise TooLarge(f"The body is compressed in more than {MAX_FRAMES} pieces: compress it as one.")
    return frames + 1


def _too_large(limit: int) -> TooLarge:
    return TooLarge(f"The body is larger than {limit} bytes: send fewer events in one request.")
