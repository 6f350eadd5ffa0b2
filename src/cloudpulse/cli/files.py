"""Files to import: inflated, fingerprinted, and read as (line number, encoded event)."""

import gzip
import hashlib
import io
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack
from typing import IO, Literal, cast

import msgspec
import zstandard

from cloudpulse.errors import UserError
from cloudpulse.events import access_log
from cloudpulse.events.codec import encode_event

Format = Literal["ndjson", "combined"]
Events = Iterator[tuple[int, bytes]]

GZIP_MAGIC = b"\x1f\x8b"
ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"
BOM = b"\xef\xbb\xbf"
CHUNK_BYTES = 1 << 20


class Unreadable(UserError):
    """A file cannot be opened or inflated."""

    code = "unreadable_file"


class Fingerprint(msgspec.Struct, frozen=True):
    """What identifies a file: the SHA-256 of its inflated content; ``first_line`` tells its format.

    ``lines`` counts those that are not empty.
    """

    content_hash: str
    first_line: bytes
    lines: int

    @property
    def format(self) -> Format:
        """NDJSON begins with an object."""
        return "ndjson" if self.first_line.startswith(b"{") else "combined"


class Source(AbstractContextManager["Source"]):
    """A file that can be read more than once, whatever it is compressed with; ``-`` is the standard input."""

    def __init__(self, name: str) -> None:
        self.name = "standard input" if name == "-" else name
        self._opened = ExitStack()
        self._spool: IO[bytes] | None = None
        if name == "-":
            self._spool = self._opened.enter_context(tempfile.TemporaryFile())  # noqa: SIM115 - a context is entered
            shutil.copyfileobj(sys.stdin.buffer, self._spool)

    def __exit__(self, *_: object) -> None:
        self._opened.close()

    def lines(self) -> Iterator[bytes]:
        """The lines without their ends, from the first. Raises ``Unreadable``."""
        try:
            stream = self._inflated()
            first = True
            for line in stream:
                text = line.rstrip(b"\r\n")
                yield text.removeprefix(BOM) if first else text
                first = False
        except (OSError, EOFError, zstandard.ZstdError) as exc:
            raise Unreadable(f"cannot read {self.name}: {exc}") from exc

    def fingerprint(self) -> Fingerprint:
        """Read the whole file once. Raises ``Unreadable``."""
        digest = hashlib.sha256()
        first, lines = b"", 0
        for line in self.lines():
            first = first or line.strip()
            lines += bool(line.strip())
            digest.update(line + b"\n")
        return Fingerprint(digest.hexdigest(), first, lines)

    def _inflated(self) -> io.BufferedIOBase:
        raw = self._raw()
        magic = raw.read(4)
        raw.seek(0)
        if magic.startswith(GZIP_MAGIC):
            return cast(io.BufferedIOBase, gzip.GzipFile(fileobj=raw))
        if magic == ZSTD_MAGIC:
            reader = zstandard.ZstdDecompressor().stream_reader(raw, read_across_frames=True)
            return io.BufferedReader(cast(io.RawIOBase, reader), CHUNK_BYTES)
        return cast(io.BufferedIOBase, raw)

    def _raw(self) -> IO[bytes]:
        if self._spool is None:
            return self._opened.enter_context(open(self.name, "rb"))
        self._spool.seek(0)
        return self._spool


def ndjson_events(source: Source, content_hash: str) -> Events:
    """One event a line; an event without an id gets one from its place. What is no object the server will judge."""
    for number, line in enumerate(source.lines(), 1):
        if line.strip():
            yield number, _with_id(line, content_hash, number)


def combined_events(source: Source, content_hash: str, unreadable: Callable[[int], None]) -> Events:
    """Events of an access log in order of time; lines without address and time are told to ``unreadable``."""
    entries = []
    for number, line in enumerate(source.lines(), 1):
        entry = access_log.parse(line.decode(errors="replace"), number)
        if entry is not None:
            entries.append(entry)
        elif line.strip():
            unreadable(number)
    for session_id, entry in access_log.sessions(entries):
        yield entry.line, encode_event(access_log.event(entry, session_id, content_hash))


def _with_id(line: bytes, content_hash: str, number: int) -> bytes:
    try:
        fields = msgspec.json.decode(line, type=dict[str, msgspec.Raw])
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return line
    if bytes(fields.get("event_id", b"null")) != b"null":
        return line
    event_id = msgspec.Raw(b'"%s"' % str(access_log.position_id(content_hash, number)).encode())
    return msgspec.json.encode({"event_id": event_id} | {name: v for name, v in fields.items() if name != "event_id"})
