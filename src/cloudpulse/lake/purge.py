"""Silver files and bronze objects written again without what tombstones cover; both in pieces, however large."""

from collections import Counter
from collections.abc import Iterator, Mapping, Set
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import msgspec
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pyiceberg.io import FileIO
from pyiceberg.manifest import DataFile
from pyiceberg.table.metadata import TableMetadata

from cloudpulse.events import codec
from cloudpulse.lake import bronze, parquet
from cloudpulse.lake.bronze import BronzeFile
from cloudpulse.lake.rewrite import READ_BYTES, write_sorted
from cloudpulse.lake.tables import SILVER
from cloudpulse.lake.tombstones import COLUMNS, Tombstones

SCAN_ROWS = 65_536
READ_ROWS = 8_192
_MINUTE_MICROS = 60_000_000
_SCANNED = ["timestamp", "received_at", *COLUMNS.values()]


class CoveredRows(msgspec.Struct, frozen=True):
    """What is covered in one silver file: rows by erasure, and the live minutes (since 1970) of the covered rows."""

    file: DataFile
    rows: Mapping[str, int]
    minutes: Set[int]


class CoveredLines(msgspec.Struct, frozen=True):
    """What is covered in one bronze object: lines by erasure, and their packed ids; ``size`` is that of the others."""

    file: BronzeFile
    lines: Mapping[str, int]
    ids: bytes
    size: int


def find_rows(io: FileIO, file: DataFile, tombstones: Tombstones, live_since: int) -> CoveredRows | None:
    """What is covered in a file; None when nothing is. Reads the columns alone that tell."""
    rows: Counter[str] = Counter()
    minutes: set[int] = set()
    for piece in _pieces(io, file, SCAN_ROWS, _SCANNED):
        places = tombstones.of_rows(piece)
        if places.null_count < len(places):
            rows.update(tombstones.tombstones[place].id for place in places.drop_null().to_pylist())
            touched = pc.divide(piece["timestamp"].filter(places.is_valid()).cast(pa.int64()), _MINUTE_MICROS)
            minutes.update(minute for minute in touched.unique().to_pylist() if minute >= live_since)
    return CoveredRows(file, rows, minutes) if rows else None


def write_rows(metadata: TableMetadata, io: FileIO, file: DataFile, tombstones: Tombstones) -> list[DataFile]:
    """The file again without what is covered, in the order that it has; none when nothing is left."""
    kept = (piece.filter(tombstones.of_rows(piece).is_null()) for piece in _pieces(io, file, READ_ROWS))
    pieces = (piece for piece in kept if piece.num_rows)
    return write_sorted(metadata, io, *parquet.partition_of(file), pieces, file.record_count)


def find_lines(data: Path, file: BronzeFile, tombstones: Tombstones) -> CoveredLines | None:
    """What is covered in an object; None when nothing is."""
    found: Counter[str] = Counter()
    ids: list[bytes] = []
    size = 0
    for lines in bronze.blocks(data, file):
        for line, place in zip(lines, tombstones.of_lines(lines), strict=True):
            if place is None:
                size += len(line) + 1
            else:
                found[tombstones.tombstones[place].id] += 1
                ids.append(codec.packed_id(line))
    return CoveredLines(file, found, b"".join(ids), size) if found else None


def write_lines(data: Path, covered: CoveredLines, tombstones: Tombstones) -> BronzeFile | None:
    """The object again without what is covered, durably under a new name; None when nothing is left."""
    file, gone = covered.file, sum(covered.lines.values())
    if gone == file.n:
        return None
    kept = (
        b"".join(line + b"\n" for line, place in zip(lines, tombstones.of_lines(lines), strict=True) if place is None)
        for lines in bronze.blocks(data, file)
    )
    path = bronze.another_path(file)
    sha256 = bronze.write_pieces(data / path, kept, covered.size)
    return msgspec.structs.replace(file, path=path, n=file.n - gone, sha256=sha256, size=covered.size)


def _pieces(io: FileIO, file: DataFile, rows: int, columns: list[str] | None = None) -> Iterator[pa.Table]:
    schema = SILVER if columns is None else pa.schema([SILVER.field(name) for name in columns])
    with _opened(io, file) as source:
        for batch in source.iter_batches(rows, columns=columns, use_threads=False):
            yield pa.Table.from_batches([batch]).select(schema.names).cast(schema)


@contextmanager
def _opened(io: FileIO, file: DataFile) -> Iterator[pq.ParquetFile]:
    with cast(Any, io.new_input(file.file_path).open()) as stream:
        yield pq.ParquetFile(stream, buffer_size=READ_BYTES, pre_buffer=False)
