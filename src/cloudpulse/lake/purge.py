"""Silver files and bronze objects written again without what tombstones cover; both in pieces, however large."""

import hashlib
import os
import uuid
from collections import Counter
from collections.abc import Iterator, Mapping, Set
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import msgspec
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import zstandard
from pyiceberg.io import FileIO
from pyiceberg.manifest import DataFile
from pyiceberg.table.metadata import TableMetadata

from cloudpulse.events import codec
from cloudpulse.lake import bronze, parquet
from cloudpulse.lake.bronze import BronzeFile
from cloudpulse.lake.fileio import sync_directory, temporary_of
from cloudpulse.lake.rewrite import READ_BYTES, write_sorted
from cloudpulse.lake.tables import SILVER
from cloudpulse.lake.tombstones import COLUMNS, Tombstones

SCAN_ROWS = 65_536
READ_ROWS = 8_192
BLOCK_BYTES = 4 << 20
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
    for lines in _blocks(bronze.place(data, file)):
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
    before = Path(file.path)
    path = before.with_name(f"{before.name.partition('.')[0]}.{uuid.uuid4().hex[:8]}{bronze.SUFFIX}")
    temporary = temporary_of(data / path)
    digest = hashlib.sha256()
    compressor = zstandard.ZstdCompressor(level=bronze.LEVEL).compressobj(size=covered.size)
    with temporary.open("wb") as target:

        def write(part: bytes) -> None:
            digest.update(part)
            target.write(part)

        for lines in _blocks(bronze.place(data, file)):
            places = tombstones.of_lines(lines)
            kept = [line + b"\n" for line, place in zip(lines, places, strict=True) if place is None]
            write(compressor.compress(b"".join(kept)))
        write(compressor.flush())
        target.flush()
        os.fsync(target.fileno())
    os.replace(temporary, data / path)
    sync_directory(temporary.parent)
    return msgspec.structs.replace(file, path=str(path), n=file.n - gone, sha256=digest.hexdigest())


def _blocks(path: Path) -> Iterator[list[bytes]]:
    """Whole lines of an object, without their ends, some at once."""
    rest = b""
    with path.open("rb") as file, zstandard.ZstdDecompressor().stream_reader(file, read_across_frames=True) as stream:
        while block := stream.read(BLOCK_BYTES):
            *lines, rest = (rest + block).split(b"\n")
            if lines:
                yield lines
    if rest:
        yield [rest]


def _pieces(io: FileIO, file: DataFile, rows: int, columns: list[str] | None = None) -> Iterator[pa.Table]:
    schema = SILVER if columns is None else pa.schema([SILVER.field(name) for name in columns])
    with _opened(io, file) as source:
        for batch in source.iter_batches(rows, columns=columns, use_threads=False):
            yield pa.Table.from_batches([batch]).select(schema.names).cast(schema)


@contextmanager
def _opened(io: FileIO, file: DataFile) -> Iterator[pq.ParquetFile]:
    with cast(Any, io.new_input(file.file_path).open()) as stream:
        yield pq.ParquetFile(stream, buffer_size=READ_BYTES, pre_buffer=False)
