"""What a reader sees of the lake: the files and the position of one version of the table, from the same metadata."""

import datetime as dt
import threading
from collections.abc import Sequence
from contextlib import suppress
from functools import cached_property
from typing import Protocol

import msgspec
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
import pyarrow.parquet as pq
from pyiceberg.manifest import DataFile
from pyiceberg.serializers import FromInputFile
from pyiceberg.table.metadata import TableMetadata

from cloudpulse.events.model import Position
from cloudpulse.events.times import from_micros
from cloudpulse.lake.catalog import pointer
from cloudpulse.lake.commit import position_of
from cloudpulse.lake.erased import erased_of
from cloudpulse.lake.fileio import local_path
from cloudpulse.lake.manifests import ManifestCache
from cloudpulse.lake.parquet import partition_of, time_bounds
from cloudpulse.lake.retired import Retired, retired_of
from cloudpulse.lake.tables import SILVER
from cloudpulse.settings import Settings

_TRIES = 5


class LakeFile(msgspec.Struct, frozen=True):
    """One silver file; timestamps are microseconds since 1970, both inclusive."""

    path: str
    day: dt.date
    event_type: str
    rows: int
    bytes: int
    min_timestamp: int
    max_timestamp: int


class Snapshot(msgspec.Struct, frozen=True, dict=True):
    """One version of the lake; ``position`` is None while it is new, and on AWS. ``erased`` rows were erased."""

    position: Position | None
    files: tuple[LakeFile, ...]
    retired: Retired = Retired()
    erased: int = 0

    @cached_property
    def rows(self) -> int:
        """Events in the lake."""
        return sum(file.rows for file in self.files)


EMPTY = Snapshot(None, ())


class Snapshots(Protocol):
    """Where the lake's newest snapshot comes from."""

    def current(self) -> Snapshot:
        """Files and position of one moment."""


class SnapshotReader:
    """Gives the newest snapshot to any thread of a process that does not write to the lake."""

    def __init__(self, settings: Settings) -> None:
        self._pointer = pointer(settings)
        self._cache = ManifestCache(_lake_file)
        self._seen: tuple[str | None, Snapshot] = (None, EMPTY)
        self._lock = threading.Lock()

    def current(self) -> Snapshot:
        """The newest snapshot; costs one small read when nothing has changed."""
        with self._lock:
            for _ in range(_TRIES):
                # Without a metadata file twenty commits have passed since its location was read: look again.
                with suppress(FileNotFoundError):
                    return self._refresh()
            return self._seen[1]

    def close(self) -> None:
        """Give the catalog back."""
        with self._lock:
            self._pointer.close()

    def _refresh(self) -> Snapshot:
        location = self._pointer.read()
        if location != self._seen[0]:
            self._seen = (location, self._load(location))
        return self._seen[1]

    def _load(self, location: str | None) -> Snapshot:
        if location is None:
            return EMPTY
        metadata: TableMetadata = FromInputFile.table_metadata(self._pointer.io.new_input(location))
        files = tuple(self._cache.files(metadata, self._pointer.io))
        return Snapshot(position_of(metadata), files, retired_of(metadata), erased_of(metadata).events)


def _lake_file(file: DataFile) -> LakeFile:
    day, event_type = partition_of(file)
    first, last = time_bounds(file)
    return LakeFile(
        path=local_path(file.file_path),
        day=day,
        event_type=event_type,
        rows=file.record_count,
        bytes=file.file_size_in_bytes,
        min_timestamp=first,
        max_timestamp=last,
    )


def read_between(files: Sequence[LakeFile], columns: Sequence[str], first: int, end: int) -> pa.Table:
    """Some columns of the rows from ``first`` to before ``end`` (microseconds), in no order."""
    paths = [file.path for file in files if file.max_timestamp >= first and file.min_timestamp < end]
    time = pc.field("timestamp")
    wanted = (time >= from_micros(first)) & (time < from_micros(end))
    if not paths:
        return SILVER.empty_table().select(columns)
    found = ds.dataset(paths, schema=SILVER, format="parquet").to_table(columns=list(columns), filter=wanted)
    return found.cast(pa.schema([SILVER.field(name) for name in columns]))


def is_whole(file: LakeFile) -> bool:
    """Whether all rows of a file can be read."""
    try:
        with pq.ParquetFile(file.path) as source:
            rows: int = sum(batch.num_rows for batch in source.iter_batches())
    except (OSError, pa.ArrowException):
        return False
    return rows == file.rows
