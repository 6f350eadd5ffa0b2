"""The job ``replay``: silver of some days rebuilt from bronze beside the live table, and swapped in one commit.

Everything that it needs more than once lies in files meanwhile, so that memory does not grow with the lake.
"""

import datetime as dt
import math
import shutil
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import msgspec
import pyarrow as pa

from cloudpulse.errors import StoreError
from cloudpulse.events.times import micros
from cloudpulse.lake import bronze, parquet
from cloudpulse.lake.bronze import BronzeFile
from cloudpulse.lake.commit import Base, Lake, position_of
from cloudpulse.lake.compaction import MAX_FILES, TARGET_BYTES
from cloudpulse.lake.rebuild import (
    GROUP_BYTES,
    SCRATCH,
    Partition,
    Scratch,
    SilverFile,
    gather,
    is_readable,
    read_rows,
    touching,
)
from cloudpulse.lake.retired import retired_of
from cloudpulse.lake.rewrite import merged, write_sorted
from cloudpulse.lake.row_diff import Diffed, RowDiff, diff_rows
from cloudpulse.lake.summaries import forget_summary
from cloudpulse.lake.tombstones import Tombstones
from cloudpulse.ports import Records
from cloudpulse.settings import Settings

A_DAY = dt.timedelta(days=1)
TRIES = 3
"""A merge of the writer that began before it was asked to leave these days alone may still take files away."""
ROOM = 2
"""What was read stays on the disk beside what takes its place, and both beside the files between."""


class Part(msgspec.Struct):
    """One partition: its live files, those of them that cannot be read, and its rows as they are and should be."""

    partition: Partition
    live: Sequence[SilverFile]
    lost: Sequence[SilverFile]
    stored: Sequence[SilverFile]
    rebuilt: Sequence[SilverFile]
    diff: RowDiff = msgspec.field(default_factory=RowDiff)

    @property
    def is_changed(self) -> bool:
        """Whether other files must take the place of the live ones."""
        return bool(self.lost) or not self.diff.is_empty


class Task(NamedTuple):
    """One try at some days, on one version of the table."""

    first: dt.date
    last: dt.date
    now: dt.datetime
    base: Base
    scratch: Scratch
    tombstones: Tombstones

    def holds(self, day: dt.date) -> bool:
        """Whether it is about this day."""
        return self.first <= day <= self.last


class Replay:
    """Rebuilds the lake of this process. Takes the lake's lease.

    ``clock`` tells when files have been replaced, ``tombstones`` what was erased until then.
    """

    def __init__(
        self,
        settings: Settings,
        lake: Lake,
        records: Records,
        clock: Callable[[], dt.datetime],
        tombstones: Callable[[], Tombstones],
    ) -> None:
        self._data = settings.data.resolve()
        self._min_free_bytes = settings.min_free_bytes
        self._same_within = dt.timedelta(days=settings.dedup_window_days)
        self._lake = lake
        self._records = records
        self._clock = clock
        self._tombstones = tombstones

    def run(self, first: dt.date, last: dt.date, dry_run: bool, now: dt.datetime) -> dict[str, Any]:
        """Put silver of these days (of the events' own time, both inclusive) right; returns the difference.

        ``{"date_from", "date_to", "dry_run", "changed": bool, "rows": {"before", "after", "added", "removed",
        "doubled", "changed"}, "types": {type: rows}, "days": {day: rows}, "columns": {name: differing rows},
        "examples": {"added": [event ids], …}, "lost_files"}``. Nothing is committed where nothing differs.
        Raises ``StoreError``, and changes nothing, when bronze is not whole.
        """
        days = [first + number * A_DAY for number in range((last - first).days + 1)]
        with self._lake.lease, self._lake.undisturbed(days):
            for _ in range(TRIES):
                base = self._lake.base()
                with Scratch(self._data / SCRATCH, base.metadata, base.io) as scratch:
                    task = Task(first, last, now, base, scratch, self._tombstones())
                    parts = self._examine(task)
                    changed = [part for part in parts if part.is_changed]
                    if dry_run or not changed or self._put_right(task, changed):
                        pa.default_memory_pool().release_unused()
                        return _report(task, dry_run, parts)
        raise StoreError("The writer keeps merging files of these days; try again.")

    def _examine(self, task: Task) -> list[Part]:
        """Rebuild all partitions of these days, and compare them with what is stored."""
        retired = retired_of(task.base.metadata)

        def is_wanted(day: dt.date, event_type: str) -> bool:
            return task.holds(day) and not retired.covers(day, event_type)

        live: dict[Partition, list[SilverFile]] = defaultdict(list)
        for file in task.base.files:
            if is_wanted(*parquet.partition_of(file)):
                live[parquet.partition_of(file)].append(file)
        rebuilt = gather(task.scratch, self._rebuilt(task), is_wanted)
        parts = []
        for partition in sorted(live.keys() | rebuilt.keys()):
            part = _part(task, partition, live[partition], rebuilt.get(partition, []))
            for diffed in self._diff(task, part):
                part.diff.add(diffed.diff)
            parts.append(part)
            pa.default_memory_pool().release_unused()
        _check(parts)
        return parts

    def _rebuilt(self, task: Task) -> Iterator[pa.Table]:
        """All rows of the bronze objects that reach into these days, and that the base holds."""
        position = position_of(task.base.metadata)
        if position is None:
            return
        start, end = (dt.datetime.combine(day, dt.time(), dt.UTC) for day in (task.first, task.last + A_DAY))
        objects = list(touching(self._records, position, micros(start), micros(end) - 1))
        self._check_room(task, objects)
        for file in objects:
            yield from read_rows(bronze.place(self._data, file), file, task.now)

    def _check_room(self, task: Task, objects: Sequence[BronzeFile]) -> None:
        silver = [file for file in task.base.files if task.holds(parquet.partition_of(file)[0])]
        paths = [bronze.place(self._data, file) for file in objects]
        size = sum(file.file_size_in_bytes for file in silver)
        size += sum(path.stat().st_size for path in paths if path.exists())
        free = shutil.disk_usage(self._data).free - self._min_free_bytes
        if free < ROOM * size:
            raise StoreError(f"A replay of these days needs {ROOM * size:,} bytes of the disk, and {free:,} are free.")

    def _diff(self, task: Task, part: Part) -> Iterator[Diffed]:
        stored, rebuilt = (merged(task.base.io, files, at_once=2) for files in (part.stored, part.rebuilt))
        return diff_rows(stored, rebuilt, self._same_within, task.tombstones, task.now)

    def _put_right(self, task: Task, changed: Sequence[Part]) -> bool:
        """Write what takes the place of the partitions that differ, and swap all of it at once; False when refused."""
        base = task.base
        added: list[SilverFile] = []
        try:
            for part in changed:
                rows = (diffed.rows for diffed in self._diff(task, part) if diffed.rows.num_rows)
                added += write_sorted(base.metadata, base.io, *part.partition, rows, _rows_each(part), GROUP_BYTES)
        except BaseException:
            for file in added:
                base.io.delete(file.file_path)
            raise
        # Before the swap: a summary of rows that are no more would stay if the process ended in between.
        for day in {part.partition[0] for part in changed}:
            forget_summary(self._data, day)
        if not self._lake.swap([file for part in changed for file in part.live], added):
            return False
        self._lake.collect_garbage(self._records, self._clock())
        return True


def _part(task: Task, partition: Partition, live: Sequence[SilverFile], rebuilt: Sequence[SilverFile]) -> Part:
    lost = [file for file in live if not is_readable(task.base.io, file)]
    stored = task.scratch.narrowed(partition, [file for file in live if file not in lost])
    return Part(partition, live, lost, stored, task.scratch.narrowed(partition, rebuilt))


def _rows_each(part: Part) -> int:
    """Rows of each new file; as after a compaction, one place stays free for late events."""
    size = sum(file.file_size_in_bytes for file in part.rebuilt)
    files = min(math.ceil(size / TARGET_BYTES), MAX_FILES - 1)
    return math.ceil(part.diff.after / max(1, files))


def _check(parts: Sequence[Part]) -> None:
    """Raise ``StoreError`` when events would be lost: then bronze is not whole, and silver must stay as it is.

    Rows whose time has changed go from one partition and come in another.
    """
    missing = sum(part.diff.removed - part.diff.added for part in parts)
    if missing > 0:
        raise StoreError(
            f"Silver of these days holds {missing} events that bronze does not hold for them. Nothing was changed."
        )


def _report(task: Task, dry_run: bool, parts: Sequence[Part]) -> dict[str, Any]:
    types: dict[str, RowDiff] = defaultdict(RowDiff)
    days: dict[str, RowDiff] = defaultdict(RowDiff)
    total = RowDiff()
    for part in parts:
        day, event_type = part.partition
        for sum_of in (total, types[event_type], days[str(day)]):
            sum_of.add(part.diff)
    return {
        "date_from": str(task.first),
        "date_to": str(task.last),
        "dry_run": dry_run,
        "changed": any(part.is_changed for part in parts),
        "rows": total.rows(),
        "types": {name: diff.rows() for name, diff in sorted(types.items())},
        "days": {name: diff.rows() for name, diff in sorted(days.items())},
        "columns": dict(total.columns.most_common()),
        "examples": total.examples,
        "lost_files": sum(len(part.lost) for part in parts),
    }
