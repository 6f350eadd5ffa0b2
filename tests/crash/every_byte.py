"""Looks for a value in every byte of a data folder: as it lies there, and decompressed as far as that goes."""

import sqlite3
import zlib
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import zstandard

ZSTD = b"\x28\xb5\x2f\xfd"
MOST_BYTES = 1 << 24


def find(data: Path, value: str) -> dict[str, int]:
    """How often the value stands in which files; empty when in none."""
    wanted = value.encode()
    counts = {
        str(path.relative_to(data)): sum(piece.count(wanted) for piece in _pieces(path))
        for path in data.rglob("*")
        if path.is_file()
    }
    return {name: count for name, count in counts.items() if count}


def _pieces(path: Path) -> Iterator[bytes]:
    content = path.read_bytes()
    yield content
    yield from _frames(content)
    if path.suffix == ".parquet":
        yield from (repr(column.to_pylist()).encode() for column in pq.read_table(path).columns)
    elif path.suffix == ".arrow":
        with suppress(pa.ArrowException):
            yield repr(pa.ipc.open_file(pa.py_buffer(content[:-8])).read_all().to_pylist()).encode()
    elif path.suffix == ".avro":
        yield from _deflated(content)
    elif path.suffix == ".db":
        yield from _cells(path)


def _frames(content: bytes) -> Iterator[bytes]:
    """What begins like a zstd frame anywhere, as far as it can be decompressed: also in pages that nobody uses."""
    at = content.find(ZSTD)
    while at >= 0:
        with suppress(zstandard.ZstdError):
            stream = zstandard.ZstdDecompressor().stream_reader(content[at:])
            found = bytearray()
            with suppress(zstandard.ZstdError):
                while len(found) < MOST_BYTES and (piece := stream.read(512)):
                    found += piece
            yield bytes(found)
        at = content.find(ZSTD, at + 1)


def _deflated(content: bytes) -> Iterator[bytes]:
    """What may be a deflated block anywhere."""
    for at in range(len(content)):
        with suppress(zlib.error):
            yield zlib.decompressobj(-15).decompress(content[at:], MOST_BYTES)


def _cells(path: Path) -> Iterator[bytes]:
    """All values of all tables, for a large one lies in pieces in the file."""
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
        connection.text_factory = bytes
        tables = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
        for (table,) in tables:
            for row in connection.execute(f'SELECT * FROM "{table.decode()}"'):
                for cell in row:
                    if isinstance(cell, bytes):
                        yield cell
                        yield from _frames(cell)
