"""Silver rows made again from bronze, sorted by partition and time in files of their own, in little memory."""

import datetime as dt
import hashlib
import shutil
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import IO, Any, BinaryIO, cast

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import zstandard
from pyiceberg.io import FileIO
from pyiceberg.manifest import DataFile
from pyiceberg.table.metadata import TableMetadata

from cloudpulse.errors import StoreError
from cloudpulse.events.model import Position
from cloudpulse.lake import bronze, parquet
from cloudpulse.lake.bronze import BronzeFile
from cloudpulse.lake.compaction import overlap
from cloudpulse.lake.fileio import local_path
from cloudpulse.lake.rewrite import merged, row_groups
from cloudpulse.lake.tables import to_arrow
from cloudpulse.ports import Records

LINES_BYTES = 2 * 1024 * 1024
"""Stored lines that are decoded at once; as objects of Python they take four times as much."""
BUFFER_BYTES = 32 * 1024 * 1024
"""Rows in memory of all partitions."""
GROUP_BYTES = 16 * 1024 * 1024
"""A row group is full at so much; smaller than those of a compaction, for more is in memory beside it."""
FAN_IN = 4
"""So many files of the same hours are read side by side: each costs memory."""

SCRATCH = Path("tmp") / "replay"
"""Where a replay leaves files for a while, in the data folder."""

Partition = tuple[dt.date, str]
"""Day and event type."""
SilverFile = DataFile
"""A file of the lake, or one that may become one."""


def touching(records: Records, position: Position, first: int, last: int) -> Iterator[BronzeFile]:
    """The objects that a lake at ``position`` holds, and that may have events of these times (microseconds)."""

    def is_held(file: BronzeFile) -> bool:
        is_passed = file.journal != position.journal or file.last <= position.seq
        return is_passed and file.min_ts <= last and file.max_ts >= first

    settling = {file.key: file for file in bronze.pending(records)}
    for page in bronze.pages(records):
        yield from filter(is_held, page)
        for file in page:
            settling.pop(file.key, None)
    yield from filter(is_held, settling.values())


def read_rows(path: Path, file: BronzeFile, now: dt.datetime) -> Iterator[pa.Table]:
    """The silver rows of an object, in pieces. Raises ``StoreError`` when it is not what was written."""
    rows = 0
    try:
        with path.open("rb") as stream:
            source = _Hashing(stream)
            for lines in _pieces(source):
                table = to_arrow(lines, now)
                rows += table.num_rows
                yield table
            is_whole = rows == file.n and file.sha256 in ("", source.hexdigest())
    except FileNotFoundError as exc:
        raise StoreError(f"Bronze object {file.path} is gone: restore it from a backup.") from exc
    except (zstandard.ZstdError, ValueError) as exc:  # msgspec's own errors are ValueErrors
        raise StoreError(f"Bronze object {file.path} is damaged: restore it from a backup.") from exc
    if not is_whole:
        raise StoreError(f"Bronze object {file.path} is not what was written: restore it from a backup.")


class _Hashing:
    """A file that is hashed while it is read."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._digest = hashlib.sha256()

    def read(self, size: int) -> bytes:
        content = self._stream.read(size)
        self._digest.update(content)
        return content

    def hexdigest(self) -> str:
        while self.read(LINES_BYTES):
            pass
        return self._digest.hexdigest()


def _pieces(source: _Hashing) -> Iterator[bytes]:
    """Whole lines, decompressed, some at once."""
    rest = b""
    with zstandard.ZstdDecompressor().stream_reader(cast(IO[bytes], source), read_across_frames=True) as reader:
        while block := reader.read(LINES_BYTES):
            cut = block.rfind(b"\n") + 1
            if cut:
                yield rest + block[:cut]
                rest = b""
            rest += block[cut:]
    if rest:
        yield rest


class Scratch:
    """A folder for sorted files of one job; what an earlier one left there is removed."""

    def __init__(self, folder: Path, metadata: TableMetadata, io: FileIO) -> None:
        self._folder = folder
        self._location = f"file://{folder}"
        self._metadata = metadata
        self._io = io

    def __enter__(self) -> "Scratch":
        self._clear()
        return self

    def __exit__(self, *_: object) -> None:
        self._clear()

    def write(self, partition: Partition, rows: Iterator[pa.Table]) -> DataFile:
        """One file of sorted rows."""
        return parquet.write_file(
            self._metadata, self._io, *partition, row_groups(rows, GROUP_BYTES), folder=self._location
        )

    def narrowed(self, partition: Partition, files: Iterable[DataFile]) -> list[DataFile]:
        """Files with the same rows, of which few hold the same moments; those of the lake stay."""
        waiting = sorted(files, key=lambda file: file.file_size_in_bytes)
        while overlap(waiting) > FAN_IN:
            group, waiting = waiting[:FAN_IN], waiting[FAN_IN:]
            waiting = sorted(
                [*waiting, self.write(partition, merged(self._io, group))], key=lambda file: file.file_size_in_bytes
            )
            for file in group:
                if Path(local_path(file.file_path)).is_relative_to(self._folder):
                    self._io.delete(file.file_path)
            pa.default_memory_pool().release_unused()
        return waiting

    def _clear(self) -> None:
        shutil.rmtree(self._folder, ignore_errors=True)


def gather(
    scratch: Scratch, tables: Iterable[pa.Table], is_wanted: Callable[[dt.date, str], bool]
) -> dict[Partition, list[DataFile]]:
    """Rows by partition, as sorted files of bounded size."""
    files: dict[Partition, list[DataFile]] = defaultdict(list)
    buffers: dict[Partition, list[pa.Table]] = defaultdict(list)
    size = 0
    for table in tables:
        for day, event_type, rows in parquet.partitions(table):
            if is_wanted(day, event_type):
                # A copy, for a slice would hold all of its table.
                rows = rows.take(np.arange(rows.num_rows))
                buffers[day, event_type].append(rows)
                size += rows.nbytes
        if size > BUFFER_BYTES:
            size = _spill(scratch, buffers, files, BUFFER_BYTES // 2)
    _spill(scratch, buffers, files, 0)
    return files


def _spill(
    scratch: Scratch, buffers: dict[Partition, list[pa.Table]], files: dict[Partition, list[DataFile]], keep: int
) -> int:
    """Write the largest buffers until no more than ``keep`` bytes are left; returns how many are."""
    sizes = {partition: sum(rows.nbytes for rows in tables) for partition, tables in buffers.items()}
    left: int = sum(sizes.values())
    for partition in sorted(sizes, key=lambda partition: sizes[partition], reverse=True):
        if left <= keep:
            break
        rows = pa.concat_tables(buffers.pop(partition))
        order = pc.sort_indices(rows, sort_keys=[("timestamp", "ascending")])
        files[partition].append(scratch.write(partition, iter([rows.take(order)])))
        left -= sizes[partition]
    pa.default_memory_pool().release_unused()
    return left


def is_readable(io: FileIO, file: DataFile) -> bool:
    """Whether all rows of a silver file can be read."""
    try:
        with cast(Any, io.new_input(file.file_path).open()) as source:
            rows: int = sum(batch.num_rows for batch in pq.ParquetFile(source).iter_batches())
    except (OSError, pa.ArrowException):
        return False
    return rows == file.record_count
