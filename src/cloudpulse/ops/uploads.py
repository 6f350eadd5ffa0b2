"""Raw copies of what workflows were given: ``ingest/yyyy=…/mm=…/dd=…/<execution id>.<json|ndjson>.zst``."""

import datetime as dt
import io
import os
import shutil
import uuid
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO, cast

import msgspec
import zstandard

from cloudpulse.errors import DiskFull, NotFound, StoreError
from cloudpulse.events.activity import Format
from cloudpulse.lake.fileio import make_directory, sync_directory

FOLDER = "ingest"
READ_BYTES = 1 << 20
_DAY = "yyyy=%Y/mm=%m/dd=%d"


class RawCopy(msgspec.Struct, frozen=True):
    """A raw copy: its path in the data folder, and the size of what it holds."""

    path: str
    bytes: int


class Uploads:
    """The raw copies of one data folder."""

    def __init__(self, data: Path, min_free_bytes: int) -> None:
        self._data = data
        self._min_free_bytes = min_free_bytes

    def keep(self, execution_id: str, kind: Format, chunks: Iterable[bytes], now: dt.datetime) -> RawCopy:
        """Write a raw copy, which is whole and survives a power cut on return. Raises ``DiskFull`` or ``StoreError``.

        Keeping the same one again on the same day replaces it.
        """
        path = Path(FOLDER, now.strftime(_DAY), f"{execution_id}.{kind}.zst")
        temporary = (self._data / path).with_name(f".{uuid.uuid4().hex}.tmp")
        try:
            make_directory(temporary.parent)
            size = self._write(temporary, chunks)
            os.replace(temporary, self._data / path)
            sync_directory(temporary.parent)
        except OSError as exc:
            raise StoreError(f"The upload could not be kept: {exc.strerror}.") from exc
        finally:
            temporary.unlink(missing_ok=True)
        return RawCopy(str(path), size)

    def open(self, path: str) -> BinaryIO:
        """What a raw copy holds, from its beginning; raises ``NotFound`` when it is not there any more."""
        try:
            file = (self._data / path).open("rb")
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

    def _days(self) -> Iterator[tuple[Path, dt.date]]:
        root = self._data / FOLDER
        for folder in root.glob("yyyy=*/mm=*/dd=*"):
            with suppress(ValueError):  # none of ours
                yield folder, dt.datetime.strptime(str(folder.relative_to(root)), _DAY).date()

    def _write(self, path: Path, chunks: Iterable[bytes]) -> int:
        size = 0
        with path.open("wb") as file, zstandard.ZstdCompressor(level=3).stream_writer(file, closefd=False) as writer:
            for chunk in chunks:
                if shutil.disk_usage(self._data).free < self._min_free_bytes:
                    raise DiskFull("The disk of the data folder is too full to keep the upload: free some space.")
                size += writer.write(chunk)
            writer.flush(zstandard.FLUSH_FRAME)
            file.flush()
            os.fsync(file.fileno())
        return size
