"""All events of some days as one file, from one consistent view of lake and tail, in bounded memory."""

import datetime as dt
from collections.abc import Iterator
from pathlib import Path
from typing import IO, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from cloudpulse.errors import LogTrimmed, StoreError
from cloudpulse.events.model import EventType
from cloudpulse.lake.tables import SILVER
from cloudpulse.serving.formats import WRITERS, Format
from cloudpulse.serving.tail import TailReader, View

TRIES = 3
READ_ROWS = 8_192
READ_BYTES = 1 << 20


class _Range(NamedTuple):
    """Which events."""

    first: dt.date
    last: dt.date
    event_type: EventType | None = None


class Exporter:
    """Writes the events of a range; what it reads may be rewritten meanwhile, and then it begins again."""

    def __init__(self, tail: TailReader) -> None:
        self._tail = tail

    def write(self, first: dt.date, last: dt.date, event_type: EventType | None, kind: Format, file: IO[bytes]) -> int:
        """Write to a file that can be cut; returns the number of events, which are in no particular order.

        Both days are inclusive, in UTC, of the time at which an event counts.
        """
        wanted = _Range(first, last, event_type)
        for _ in range(TRIES):
            file.seek(0)
            file.truncate()
            try:
                return self._attempt(wanted, kind, file)
            except (FileNotFoundError, LogTrimmed) as exc:
                gone = exc
        raise StoreError("What is to be exported was rewritten again and again meanwhile: try again.") from gone

    def _attempt(self, wanted: _Range, kind: Format, file: IO[bytes]) -> int:
        writer = WRITERS[kind](file)
        events = 0
        for rows in self._rows(self._tail.view(), wanted):
            writer.write(rows)
            events += rows.num_rows
        writer.close()
        return events

    def _rows(self, view: View, wanted: _Range) -> Iterator[pa.Table]:
        """The tail first, for it is what goes first."""
        for rows in self._tail.stream(view):
            yield from _small(_select(rows, wanted))
        for file in sorted(view.files, key=lambda file: (file.day, file.min_timestamp)):
            if wanted.first <= file.day <= wanted.last and wanted.event_type in (None, file.event_type):
                yield from _read(Path(file.path))


def _read(path: Path) -> Iterator[pa.Table]:
    """A file holds one day and type; its columns are read side by side in small pieces."""
    with pq.ParquetFile(path, pre_buffer=False, buffer_size=READ_BYTES) as file:
        for batch in file.iter_batches(READ_ROWS):
            yield pa.Table.from_batches([batch]).cast(SILVER)


def _small(rows: pa.Table) -> Iterator[pa.Table]:
    for start in range(0, rows.num_rows, READ_ROWS):
        yield rows.slice(start, READ_ROWS)


def _select(rows: pa.Table, wanted: _Range) -> pa.Table:
    days = rows["timestamp"].cast(pa.date32(), safe=False)
    mask = pc.and_(pc.greater_equal(days, wanted.first), pc.less_equal(days, wanted.last))
    if wanted.event_type is not None:
        mask = pc.and_(mask, pc.equal(rows["event_type"], wanted.event_type))
    return rows.filter(mask)
