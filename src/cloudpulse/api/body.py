"""Request bodies: read and inflated under a bound, so that no request can fill the memory."""

import zlib
from typing import Any

import zstandard
from litestar import Request

from cloudpulse.errors import TooLarge, UnsupportedMedia, UserError

JSON = ("application/json", "")
NDJSON = ("application/x-ndjson", "application/ndjson")


async def read_body(request: Request[Any, Any, Any], limit: int) -> bytes:
    """The inflated body. Raises ``TooLarge``, ``UnsupportedMedia``, or ``UserError`` for a damaged one."""
    headers = request.headers
    if int(headers.get("content-length") or 0) > limit:
        raise _too_large(limit)
    size = 0
    parts: list[bytes] = []
    async for part in request.stream():
        size += len(part)
        if size > limit:
            raise _too_large(limit)
        parts.append(part)
    body = parts[0] if len(parts) == 1 else b"".join(parts)
    return inflate(body, headers.get("content-encoding", "identity").lower().strip(), limit)


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


def media_type(request: Request[Any, Any, Any]) -> str:
    """The content type without parameters, in lower case."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


def _inflate_gzip(body: bytes, limit: int) -> bytes:
    out = b""
    while body:
        inflater = zlib.decompressobj(wbits=31)
        out += inflater.decompress(body, limit + 1 - len(out))
        if len(out) > limit:
            raise _too_large(limit)
        if not inflater.eof:
            raise EOFError("it ends too early")
        body = inflater.unused_data
    return out


def _inflate_zstd(body: bytes, limit: int) -> bytes:
    reader = zstandard.ZstdDecompressor(max_window_size=1 << 27).stream_reader(body, read_across_frames=True)
    out = b"".join(iter(lambda: reader.read(1 << 20) if reader.tell() <= limit else b"", b""))
    if len(out) > limit:
        raise _too_large(limit)
    return out


def _too_large(limit: int) -> TooLarge:
    return TooLarge(f"The body is larger than {limit} bytes: send fewer events in one request.")
