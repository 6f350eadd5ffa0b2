"""Raw copies of what workflows were given: ``ingest/yyyy=…/mm=…/dd=…/<execution id>.<json|ndjson>.zst``."""

import datetime as dt
import io
import math
import os
import shutil
import uuid
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO, cast

import msgspec
import zstandard

from cloudpulse.errors import DiskFull, NotFound, StoreError, TooLarge, UserError
from cloudpulse.events.activity import Format, Item, items
from cloudpulse.lake.fileio import make_directory, sync_directory
from cloudpulse.settings import Settings

FOLDER = "ingest"
READ_BYTES = 1 << 20
LEFT_SECONDS = 600
BLANK = b"null"
"""What stands in an array for an event that was erased."""
_DAY = "yyyy=%Y/mm=%m/dd=%d"


class RawCopy(msgspec.Struct, frozen=True):
    """A raw copy: its path in the data folder, and the size of what it holds."""

    path: str
    bytes: int


class _Current(io.FileIO):
    """A file, as long as no other has taken its place: an old one would bring back who was erased."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self._path = path

    def read(self, size: int | None = -1, /) -> bytes:
        """Read on; raises ``StoreError``."""
        try:
            is_current = os.path.samestat(os.fstat(self.fileno()), self._path.stat())
        except FileNotFoundError:
            is_current = False
        if not is_current:
            raise StoreError("The raw copy has changed while it was read.")
        return super().read(-1 if size is None else size)


class Uploads:
    """The raw copies of one data folder."""

    def __init__(self, settings: Settings) -> None:
        self._data = settings.data
        self._min_free_bytes = settings.min_free_bytes
        self._max_json_bytes = settings.max_body_bytes

    def keep(self, execution_id: str, kind: Format, chunks: Iterable[bytes], now: dt.datetime) -> RawCopy:
        """Write a raw copy, which is whole and survives a power cut on return. Keeping the same one again on the same
        day replaces it.

        Raises ``DiskFull``, ``StoreError``, or ``TooLarge`` for JSON that nobody could read as a whole.
        """
        return self._keep(Path(FOLDER, now.strftime(_DAY), f"{execution_id}.{kind}.zst"), kind, chunks)

    def _keep(self, path: Path, kind: Format, chunks: Iterable[bytes], kept_at: int | None = None) -> RawCopy:
        temporary = (self._data / path).with_name(f".{uuid.uuid4().hex}.tmp")
        try:
            make_directory(temporary.parent)
            size = self._write(temporary, kind, chunks)
            if kept_at is not None:
                os.utime(temporary, ns=(kept_at, kept_at))
            os.replace(temporary, self._data / path)
            sync_directory(temporary.parent)
        except OSError as exc:
            raise StoreError(f"The upload could not be kept: {exc.strerror}.") from exc
        finally:
            temporary.unlink(missing_ok=True)
        return RawCopy(str(path), size)

    def open(self, path: str) -> BinaryIO:
        """What a raw copy holds, from its beginning; raises ``NotFound`` when it is not there any more.

        Reading on raises ``StoreError`` when somebody was erased from it, or it has expired, since.
        """
        try:
            file = _Current(self._data / path)
        except FileNotFoundError as exc:
            raise NotFound("The raw copy of the upload is not there any more.") from exc
        stream = zstandard.ZstdDecompressor().stream_reader(file, closefd=True)
        return cast(BinaryIO, io.BufferedReader(cast(io.RawIOBase, stream), READ_BYTES))

    def paths(self) -> list[str]:
        """All raw copies, oldest days first."""
        return sorted(str(path.relative_to(self._data)) for path in self._data.glob(f"{FOLDER}/*/*/*/*.zst"))

    def expire(self, before: dt.date) -> int:
        """Remove the raw copies of days before this one; returns how many went."""
        removed = 0
        for folder, day in list(self._days()):
            if day < before:
                removed += sum(1 for _ in folder.glob("*.zst"))
                shutil.rmtree(folder)
        return removed

    def erase(self, is_theirs: Callable[[bytes], bool], now: dt.datetime, before: dt.datetime | None = None) -> int:
        """Blank every event that is somebody's, in all raw copies or those kept ``before`` a moment; returns how many
        those were. All others stay, with the index that they have. ``is_theirs`` gets JSON as it was sent, or no JSON.
        """
        for path in self._data.glob(f"{FOLDER}/*/*/*/.*.tmp"):  # left by a crash, unless somebody writes there
            if now.timestamp() - path.stat().st_mtime > LEFT_SECONDS:
                path.unlink()
        until = math.inf if before is None else before.timestamp()
        paths = [path for path in self.paths() if (self._data / path).stat().st_mtime < until]
        return sum(self._erase_in(path, is_theirs) for path in paths)

    def _erase_in(self, path: str, is_theirs: Callable[[bytes], bool]) -> int:
        kind: Format = "ndjson" if path.endswith(".ndjson.zst") else "json"
        found = [
            index
            for index, item in self._items(path, kind)
            if not isinstance(item, bytes) or (item != BLANK and is_theirs(item))
        ]
        if found:
            # The next erasure, too, must see that it was kept before.
            kept_at = (self._data / path).stat().st_mtime_ns
            self._keep(Path(path), kind, self._blanked(path, kind, frozenset(found)), kept_at)
        return len(found)

    def _items(self, path: str, kind: Format) -> Iterator[Item]:
        """What a raw copy holds, piece by piece; what cannot be told apart is one piece."""
        try:
            with self.open(path) as stream:
                yield from items(stream, kind, self._max_json_bytes)
        except UserError:
            with self.open(path) as stream:
                yield 0, stream.read()

    def _blanked(self, path: str, kind: Format, gone: frozenset[int]) -> Iterator[bytes]:
        kept = ((index, item) for index, item in self._items(path, kind) if isinstance(item, bytes))
        if kind == "json":
            yield b"[%s]" % b",".join(BLANK if index in gone else item for index, item in kept)
            return
        line = 0
        for index, item in kept:
            yield b"\n" * (index - line)
            line = index
            if index not in gone:
                yield item.rstrip(b"\n")

    def _days(self) -> Iterator[tuple[Path, dt.date]]:
        root = self._data / FOLDER
        for folder in root.glob("yyyy=*/mm=*/dd=*"):
            with suppress(ValueError):  # none of ours
                yield folder, dt.datetime.strptime(str(folder.relative_to(root)), _DAY).date()

    def _write(self, path: Path, kind: Format, chunks: Iterable[bytes]) -> int:
        size = 0
        with path.open("wb") as file, zstandard.ZstdCompressor(level=3).stream_writer(file, closefd=False) as writer:
            for chunk in chunks:
                if shutil.disk_usage(self._data).free < self._min_free_bytes:
                    raise DiskFull("The disk of the data folder is too full to keep the upload: free some space.")
                size += writer.write(chunk)
                if kind == "json" and size > self._max_json_bytes:
                    raise TooLarge(f"JSON may have {self._max_json_bytes} bytes (max_body_bytes): write it as NDJSON.")
            writer.flush(zstandard.FLUSH_FRAME)
            file.flush()
            os.fsync(file.fileno())
        return size
