"""Sorted files merged into fewer sorted files, in little memory however large they are."""

import datetime as dt
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import Any, cast

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pyiceberg.io import FileIO
from pyiceberg.manifest import DataFile
from pyiceberg.table.metadata import TableMetadata

from cloudpulse.lake import parquet
from cloudpulse.lake.compaction import Merge, overlap
from cloudpulse.lake.tables import SILVER

BUFFER_BYTES = 8 * 1024 * 1024
"""Rows in memory of all files that are read side by side."""
GROUP_ROWS = 122_880
GROUP_BYTES = 32 * 1024 * 1024
"""A row group is full at either; within a file, they are what a query skips by time."""
READ_BYTES = 64 * 1024
MIN_BATCH, MAX_BATCH = 256, 8192
DECODED = 8
"""Columns with dictionaries take about so many times as much in memory."""


def rewrite(metadata: TableMetadata, io: FileIO, merge: Merge) -> list[DataFile]:
    """Write the rows of a merge as ``write_sorted`` does."""
    rows_each = -(-merge.rows // merge.outputs)
    return write_sorted(metadata, io, merge.day, merge.event_type, merged(io, merge.files), rows_each)


def write_sorted(
    metadata: TableMetadata,
    io: FileIO,
    day: dt.date,
    event_type: str,
    rows: Iterator[pa.Table],
    rows_each: int,
    group_bytes: int = GROUP_BYTES,
) -> list[DataFile]:
    """Write sorted rows as files that follow each other in time; they are in no snapshot yet.

    When one cannot be written, none of them stays.
    """
    groups = row_groups(rows, group_bytes)
    files: list[DataFile] = []
    try:
        for first in groups:
            parts = _up_to(rows_each, first, groups)
            files.append(parquet.write_file(metadata, io, day, event_type, parts))
    except BaseException:
        for file in files:
            with suppress(FileNotFoundError):
                io.delete(file.file_path)
        raise
    return files


def merged(io: FileIO, files: Sequence[DataFile], at_once: int = 1) -> Iterator[pa.Table]:
    """All rows of files that are sorted by time, sorted by time, in pieces; a file is open only while its time is.

    Where several merges are read ``at_once``, each takes its part of the memory.
    """
    share = BUFFER_BYTES // at_once // max(1, overlap(files))
    waiting = deque(sorted(files, key=parquet.time_bounds))
    cursors: list[_Cursor] = []
    try:
        while waiting or cursors:
            if not cursors:
                cursors.append(_Cursor(io, waiting.popleft(), share))
            _fill(cursors)
            # Up to here nothing can come that is not in a buffer, but for files that begin before.
            until = min((cursor.last for cursor in cursors), default=None)
            if until is not None and waiting and parquet.time_bounds(waiting[0])[0] <= until:
                cursors.append(_Cursor(io, waiting.popleft(), share))
                continue
            if until is not None:
                yield _sorted([part for cursor in cursors if (part := cursor.take(until)).num_rows])
    finally:
        for cursor in cursors:
            cursor.close()


class _Cursor:
    """A file that is read forward; ``last`` is the time of the last row that is in its buffer."""

    def __init__(self, io: FileIO, file: DataFile, share: int) -> None:
        self._share = share
        self._source = cast(Any, io.new_input(file.file_path).open())
        source = pq.ParquetFile(self._source, buffer_size=READ_BYTES, pre_buffer=False)
        groups = [source.metadata.row_group(number) for number in range(source.metadata.num_row_groups)]
        row_bytes = sum(group.total_byte_size for group in groups) // max(1, file.record_count) + 1
        rows = share // (DECODED * row_bytes)
        self._batches = source.iter_batches(min(max(rows, MIN_BATCH), MAX_BATCH), use_threads=False)
        self._rows = SILVER.empty_table()
        self._times = np.empty(0, np.int64)

    @property
    def last(self) -> int:
        return int(self._times[-1])

    def fill(self) -> bool:
        """Read on when the buffer is empty; False at the end of the file."""
        if not self._times.size:
            batches: list[pa.RecordBatch] = []
            size = 0
            while size < self._share and (batch := next(self._batches, None)) is not None:
                batches.append(batch)
                size += batch.nbytes
            if not batches:
                return False
            self._set(pa.Table.from_batches(batches).cast(SILVER))
        return True

    def take(self, until: int) -> pa.Table:
        """Give the rows up to a moment, which leave the buffer."""
        count = int(np.searchsorted(self._times, until, side="right"))
        rows = self._rows.slice(0, count)
        self._set(self._rows.slice(count) if count < self._rows.num_rows else SILVER.empty_table())
        return rows

    def close(self) -> None:
        self._source.close()

    def _set(self, rows: pa.Table) -> None:
        self._rows = rows
        self._times = rows["timestamp"].cast(pa.int64()).to_numpy()


def _fill(cursors: list[_Cursor]) -> None:
    """Fill empty buffers, and drop the files that have ended."""
    for cursor in list(cursors):
        if not cursor.fill():
            cursor.close()
            cursors.remove(cursor)


def _sorted(parts: list[pa.Table]) -> pa.Table:
    if len(parts) == 1:
        return parts[0]
    rows = pa.concat_tables(parts)
    return rows.take(pc.sort_indices(rows, sort_keys=[("timestamp", "ascending")]))


def row_groups(pieces: Iterator[pa.Table], group_bytes: int = GROUP_BYTES) -> Iterator[pa.Table]:
    """Pieces of rows joined, and cut, to the size of row groups."""
    gathered: list[pa.Table] = []
    rows = size = 0
    for piece in pieces:
        for start in range(0, piece.num_rows, GROUP_ROWS):
            part = piece.slice(start, GROUP_ROWS)
            if gathered and (rows + part.num_rows > GROUP_ROWS or size >= group_bytes):
                yield pa.concat_tables(gathered)
                gathered, rows, size = [], 0, 0
            gathered.append(part)
            rows, size = rows + part.num_rows, size + part.nbytes
    if gathered:
        yield pa.concat_tables(gathered)


def _up_to(rows: int, first: pa.Table, groups: Iterator[pa.Table]) -> Iterator[pa.Table]:
    """Row groups until there are so many rows, or no more."""
    group: pa.Table | None = first
    while group is not None:
        yield group
        rows -= group.num_rows
        group = next(groups, None) if rows > 0 else None
