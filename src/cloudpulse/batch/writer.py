"""The batch layer's consumer: gathers chunks and commits them to bronze and silver."""

import datetime as dt

import pyarrow as pa
import pyarrow.compute as pc
import structlog

from cloudpulse.errors import StoreError
from cloudpulse.events.model import Position
from cloudpulse.events.times import micros
from cloudpulse.lake import bronze, digests
from cloudpulse.lake.chunk import Chunk
from cloudpulse.lake.commit import Lake
from cloudpulse.ports import Records
from cloudpulse.settings import Settings
from cloudpulse.telemetry import told

log = structlog.get_logger(__name__)

BACKFILL_FACTOR = 3
BACKFILL_SECONDS = 60
_OPEN_DAYS = 1


class LakeWriter:
    """Holds chunks in memory until a commit is due; not for several threads at once."""

    def __init__(self, settings: Settings, lake: Lake, records: Records) -> None:
        self._settings = settings
        self._data = settings.data.resolve()
        self._lake = lake
        self._records = records
        self._chunks: list[Chunk] = []
        self._old_events = 0
        self._hurried = 0
        self._position = lake.position()

    def position(self) -> Position | None:
        """What the lake holds; gathered chunks lie above it."""
        return self._position

    def recover(self) -> None:
        """Forget what is gathered, and remove what an interrupted commit left above the lake's position."""
        self._forget()
        self._position = self._lake.position()
        bronze.recover(self._records, self._data, self._position)

    def add(self, chunk: Chunk) -> None:
        """Gather a chunk; it must follow the one before."""
        self._chunks.append(chunk)
        self._old_events += _old_events(chunk)

    def hurry(self, seq: int) -> None:
        """Have a batch committed as soon as it is gathered; any thread may ask."""
        self._hurried = seq

    def due(self, now: dt.datetime) -> bool:
        """Whether what is gathered is enough, or old enough, for a commit.

        Rows of days long past (a backfill) make many small files, so they gather for longer.
        """
        if not self._chunks:
            return False
        if self._chunks[0].first <= self._hurried <= self._chunks[-1].last:
            return True
        events = sum(chunk.events for chunk in self._chunks)
        backfill = self._old_events * 2 > events
        factor = BACKFILL_FACTOR if backfill else 1
        seconds = BACKFILL_SECONDS if backfill else self._settings.lake_commit_seconds
        return (
            events >= self._settings.lake_commit_events * factor
            or self._compressed_bytes() >= self._settings.lake_commit_bytes * factor
            or now - self._chunks[0].processed_at >= dt.timedelta(seconds=seconds)
        )

    def commit(self, now: dt.datetime) -> Position | None:
        """Write out what is gathered; returns where the lake stands then.

        On an error, call ``recover`` and begin again above ``position``: the lake alone tells what is in it.
        """
        if self._chunks:
            self._write(now)
            self._tidy(now)
        return self._position

    def _tidy(self, now: dt.datetime) -> None:
        """Merge small files and unlink old ones; a failure is no reason to stop, for the rows are safe."""
        try:
            self._lake.merge_small_files()
            self._lake.collect_garbage(self._records, now)
        except Exception as exc:
            log.error("small files of the lake could not be merged or removed", **told(exc))

    def _write(self, now: dt.datetime) -> None:
        """Bronze, then silver with the position, then the list of bronze objects."""
        position = self._chunks[-1].position
        batches = [batch for chunk in self._chunks for batch in chunk.batches]
        objects = bronze.plan(position.journal, batches, micros(now))
        digests.remember(self._records, objects)
        bronze.announce(self._records, [file for file, _ in objects])
        written = [bronze.write(self._data, file, group) for file, group in objects]
        table = pa.concat_tables([chunk.table for chunk in self._chunks])
        if not self._lake.append(table, self._position, position):
            raise StoreError(f"The lake no longer stands at {self._position}: another process has written to it.")
        self._position = position
        self._forget()
        bronze.settle(self._records, written)

    def _forget(self) -> None:
        self._chunks = []
        self._old_events = 0

    def _compressed_bytes(self) -> int:
        return sum(len(batch.lines) for chunk in self._chunks for batch in chunk.batches)


def _old_events(chunk: Chunk) -> int:
    """Events of days before yesterday."""
    today = chunk.processed_at.replace(hour=0, minute=0, second=0, microsecond=0)
    limit = pa.scalar(today - dt.timedelta(days=_OPEN_DAYS), chunk.table.schema.field("timestamp").type)
    return pc.sum(pc.less(chunk.table["timestamp"], limit)).as_py() or 0
