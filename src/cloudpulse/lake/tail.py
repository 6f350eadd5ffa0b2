"""Rows that the lake does not have yet, as Arrow files that the api process maps into memory.

They are a cache: not synced, checked by a hash on first use, and whoever misses one decodes the journal instead.
"""

import os
import re
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa
import xxhash

from cloudpulse.events.model import Position
from cloudpulse.lake.chunk import Chunk
from cloudpulse.lake.tables import SILVER

_NAME = re.compile(r"(?P<journal>.+)-(?P<first>\d{20})-(?P<last>\d{20})\.arrow")
_HASH_BYTES = 8


class TailFile(NamedTuple):
    """One file: batches ``first`` to ``last`` of a journal."""

    path: Path
    journal: str
    first: int
    last: int


def write_tail(folder: Path, chunk: Chunk) -> None:
    """Leave the rows of a chunk for readers; they see the whole file or none."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{chunk.journal}-{chunk.first:020d}-{chunk.last:020d}.arrow"
    sink = pa.BufferOutputStream()
    with pa.ipc.new_file(sink, chunk.table.schema) as writer:
        writer.write_table(chunk.table)
    content = sink.getvalue()
    temporary = path.with_suffix(".tmp")
    with open(temporary, "wb") as file:
        file.write(content)
        file.write(xxhash.xxh3_64_digest(content))
    os.replace(temporary, path)


def prune(folder: Path, position: Position | None) -> None:
    """Remove files that the lake's position covers, and those of other journals; all files for None."""
    for file in _list(folder):
        if position is None or file.journal != position.journal or file.last <= position.seq:
            file.path.unlink(missing_ok=True)


def holds(folder: Path, through: int) -> bool:
    """Whether a file reaches back to a batch, or to one before it."""
    return any(file.first <= through for file in _list(folder))


def forget() -> None:
    """Let go of all files that are mapped into memory."""
    _load.cache_clear()


def read_tail(folder: Path, journal: str, after: int, upto: int) -> tuple[list[pa.Table], int]:
    """Rows of the batches above ``after``, gapless, and the batch up to which they reach (``after`` for none).

    No batch above ``upto`` is among them.
    """
    tables: list[pa.Table] = []
    through = after
    for file in sorted(_list(folder), key=lambda file: file.first):
        if file.journal == journal and file.first == through + 1 and file.last <= upto:
            table = _open(file.path)
            if table is None:
                break
            tables.append(table)
            through = file.last
    return tables, through


def _list(folder: Path) -> Iterable[TailFile]:
    try:
        names = os.listdir(folder)
    except FileNotFoundError:
        return
    for name in names:
        if match := _NAME.fullmatch(name):
            yield TailFile(folder / name, match["journal"], int(match["first"]), int(match["last"]))


def _open(path: Path) -> pa.Table | None:
    try:
        status = path.stat()
        return _load(str(path), status.st_mtime_ns, status.st_size)
    except (OSError, ValueError, pa.ArrowException):
        return None


@lru_cache(maxsize=64)  # a mapped file keeps its place on the disk after it was removed
def _load(path: str, _modified: int, size: int) -> pa.Table:
    """Map a file; raises ValueError when it is damaged. Its age and size are part of the key."""
    with pa.memory_map(path) as source:
        content = source.read_buffer(size)
    rows = content.slice(0, size - _HASH_BYTES)
    if xxhash.xxh3_64_digest(rows) != content.slice(size - _HASH_BYTES).to_pybytes():
        raise ValueError(f"{path} is damaged")
    return pa.ipc.open_file(rows).read_all().cast(SILVER)
