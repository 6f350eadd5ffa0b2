"""Speed, batch and ledger compared up to one position (mechanism 16).

What was accepted is told by the counts of the bronze objects up to the lake's position, and above it by the log's
digests. Silver must hold the same, and the live counters what is live of it; both less what was set aside.
"""

import datetime as dt
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, suppress
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from cloudpulse.errors import LogTrimmed, StoreError
from cloudpulse.events import sketch
from cloudpulse.events.model import LAKE, SPEED, Count, Position
from cloudpulse.events.times import LIVE_WINDOW, MINUTE_MICROS, from_micros, from_minute, minute_of
from cloudpulse.lake import digests
from cloudpulse.lake.snapshot import LakeFile, Snapshot, Snapshots, is_whole
from cloudpulse.ops.reconciliation import set_aside
from cloudpulse.ops.reconciliation.cells import CELLS, Row, Tally, add_up, compare
from cloudpulse.ops.reconciliation.findings import Findings
from cloudpulse.ops.reconciliation.scrub import silver_fault, silver_faults
from cloudpulse.ops.reconciliation.set_aside import SetAside
from cloudpulse.ports import Counters, DeadLetters, Limits, LiveCounts, LogReader, Records, Relation, Warehouse

FOREVER = 1 << 40
HOUR = 60
PATIENCE_SECONDS = 60.0
PACE_SECONDS = 0.05
TRIES = 5

_MINUTES = """
SELECT app, epoch_us(timestamp) // 60000000, event_type, count(*) FROM events WHERE timestamp >= ? GROUP BY ALL
"""
_HOURS = """
SELECT NULL, epoch_us(timestamp) // 3600000000 * 60, event_type, count(*) FROM events WHERE timestamp < ? GROUP BY ALL
"""
_LIMITS = Limits(rows=50_000_000, seconds=600.0)


class Stores(NamedTuple):
    """What is compared; ``warehouse`` opens one for a while."""

    data: Path
    log: LogReader
    snapshots: Snapshots
    counters: Counters
    records: Records
    letters: DeadLetters
    warehouse: Callable[[], AbstractContextManager[Warehouse]]


class Comparison(NamedTuple):
    """What one comparison has found. ``right`` is what the live counters are at ``speed``, from minute ``first`` on.

    ``silver`` are the files that can be read. Where bronze objects are ``uncounted``, less is known to be accepted than
    was.
    """

    lake: Position
    speed: Position
    first: int
    right: pa.Table
    silver: Sequence[LakeFile]
    findings: Findings
    uncounted: int


class _Evidence(NamedTuple):
    """What the stores say of one position."""

    snapshot: Snapshot
    lake: Position
    speed: Position
    first: int
    live: LiveCounts
    tail: Sequence[Count]
    aside: Mapping[str, SetAside]


class _Cells:
    """Cells by minute from the first live one on, by hour before."""

    def __init__(self, first: int, counts: Iterable[Count] = ()) -> None:
        self._first = first
        self._minutes, self._hours = Tally(), Tally()
        self.add(counts)

    def add(self, counts: Iterable[Count]) -> None:
        for count in counts:
            if count.minute >= self._first:
                self._minutes.add((count.app, count.minute, count.event_type, count.events))
            else:
                self._hours.add((None, count.minute // HOUR * HOUR, count.event_type, count.events))

    @property
    def minutes(self) -> pa.Table:
        return self._minutes.cells()

    @property
    def hours(self) -> pa.Table:
        return self._hours.cells()


class Comparer:
    """Compares the stores of a data folder, which may be in use."""

    def __init__(self, stores: Stores) -> None:
        self._stores = stores

    def unreadable(self) -> frozenset[LakeFile]:
        """Files of silver of which not all can be read; reads all of it."""
        return frozenset(file for file in self._stores.snapshots.current().files if not is_whole(file))

    def compare(self, now: dt.datetime, unreadable: frozenset[LakeFile] = frozenset()) -> Comparison:
        """Compare now; when files or batches go meanwhile, once more."""
        for _ in range(TRIES - 1):
            with suppress(FileNotFoundError, LogTrimmed):
                return self._compare(now, unreadable)
        return self._compare(now, unreadable)

    def _compare(self, now: dt.datetime, unreadable: frozenset[LakeFile]) -> Comparison:
        said = self._gather(now)
        bronze, uncounted = self._bronze(said)
        findings = Findings(said.snapshot.retired)
        files = self._readable(said.snapshot, unreadable, findings)
        minutes, hours = self._silver(said, files, findings)
        parked = _Cells(said.first, set_aside.lacked(said.aside, self._stores.log, LAKE, said.lake))
        lacked = _Cells(said.first, _live(set_aside.lacked(said.aside, self._stores.log, SPEED, said.speed)))
        accepted = add_up(bronze.minutes, parked.minutes)
        counted = add_up(accepted, _Cells(said.first, said.tail).minutes)
        live = Tally().extend(
            (one.app, one.minute, one.event_type, one.events) for one in said.live.counts if one.minute >= said.first
        )
        findings.add("speed", "minute", *compare(counted, lacked.minutes, live.cells()))
        findings.add("batch", "minute", *compare(accepted, parked.minutes, minutes))
        findings.add("batch", "hour", *compare(add_up(bronze.hours, parked.hours), parked.hours, hours))
        findings.add_sketches(self._lost_sketches(said.first))
        right = add_up(counted, _negative(lacked.minutes))
        good = [file for file in files if file.path not in findings.files]
        return Comparison(said.lake, said.speed, said.first, right, good, findings, uncounted)

    def _gather(self, now: dt.datetime) -> _Evidence:
        """The lake first, the counters when they have come as far, then the log above the lake."""
        stores = self._stores
        # Asked before and after: a letter that goes meanwhile is known from the first time.
        aside = set_aside.read(stores.letters, stores.records)
        snapshot, journal = stores.snapshots.current(), stores.log.state().journal
        reached = snapshot.position
        lake = Position(journal, reached.seq if reached is not None and reached.journal == journal else 0)
        speed, live = self._await_speed(lake, minute_of(now - LIVE_WINDOW))
        _, rows = stores.log.digests(lake.seq, None)
        tail = [count for seq, _, digest in rows if seq <= speed.seq for count in _live(digest)]
        aside |= set_aside.read(stores.letters, stores.records)
        # What has come meanwhile may be younger than ``now``.
        newest = max(now, from_micros(stores.log.state().last_received_at))
        return _Evidence(snapshot, lake, speed, minute_of(newest - LIVE_WINDOW) + 1, live, tail, aside)

    def _await_speed(self, lake: Position, first: int) -> tuple[Position, LiveCounts]:
        counters = self._stores.counters
        give_up_at = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < give_up_at:
            at = counters.position()
            if at is not None and at.journal == lake.journal and at.seq >= lake.seq:
                live = counters.range(first, FOREVER, with_sessions=False)
                return live.position or at, live
            time.sleep(PACE_SECONDS)
        raise StoreError(
            "The live counters are too far behind the lake to be compared with it; try again when `cloudpulse status` "
            "shows that they have caught up."
        )

    def _bronze(self, said: _Evidence) -> tuple[_Cells, int]:
        """What the objects hold that the lake has, and how many of them nobody can count."""
        cells, uncounted = _Cells(said.first), 0
        for file, counts in digests.read(self._stores.records, self._stores.data):
            if file.journal != said.lake.journal or file.last <= said.lake.seq:
                cells.add(counts or ())
                uncounted += counts is None
        return cells, uncounted

    def _readable(self, snapshot: Snapshot, unreadable: frozenset[LakeFile], findings: Findings) -> list[LakeFile]:
        """The files that are there; one that is not is a fault when the lake still names it."""
        for file in unreadable.intersection(snapshot.files):
            findings.add_file(file, silver_fault(self._stores.data, file, "altered"))
        for file, fault in silver_faults(self._stores.data, snapshot.files):
            if file not in self._stores.snapshots.current().files:
                raise FileNotFoundError(file.path)
            findings.add_file(file, fault)
        findings.compared["silver_files"] = len(snapshot.files)
        return [file for file in snapshot.files if file.path not in findings.files]

    def _silver(self, said: _Evidence, files: Sequence[LakeFile], findings: Findings) -> tuple[pa.Table, pa.Table]:
        """Minutes of the files that reach into them, hours of those that lie before."""
        start = said.first * MINUTE_MICROS
        young = [file for file in files if file.max_timestamp >= start]
        old = [file for file in files if file.min_timestamp < start]
        with self._stores.warehouse() as warehouse:
            minutes = self._count(warehouse, _MINUTES, from_minute(said.first), young, findings)
            hours = self._count(warehouse, _HOURS, from_minute(said.first), old, findings)
            return Tally().extend(minutes).cells(), Tally().extend(hours).cells()

    def _count(
        self, warehouse: Warehouse, sql: str, start: dt.datetime, files: Sequence[LakeFile], findings: Findings
    ) -> Iterator[Row]:
        """Cells of files, type by type, without those that cannot be read."""
        for event_type in sorted({file.event_type for file in files}):
            group = [file for file in files if file.event_type == event_type and file.path not in findings.files]
            try:
                yield from _rows(warehouse, sql, start, group)
            except StoreError:
                self._find_altered(group, findings)
                yield from _rows(warehouse, sql, start, [file for file in group if file.path not in findings.files])

    def _find_altered(self, files: Iterable[LakeFile], findings: Findings) -> None:
        for file in files:
            if file.path not in findings.files and not is_whole(file):
                findings.add_file(file, silver_fault(self._stores.data, file, "altered"))

    def _lost_sketches(self, first: int) -> Iterator[tuple[str, int]]:
        """(app, minute) of counters without a whole sketch of their sessions; an hour at a time, for they are large."""
        last = max((one.minute for one in self._stores.counters.range(first, FOREVER, False).counts), default=first)
        for start in range(first, last + 1, HOUR):
            live = self._stores.counters.range(start, start + HOUR - 1)
            whole = {(app, minute) for app, minute, body in live.sessions if sketch.is_readable(body)}
            yield from sorted({(one.app, one.minute) for one in live.counts if one.events > 0} - whole)


def _rows(warehouse: Warehouse, sql: str, start: dt.datetime, files: Sequence[LakeFile]) -> Sequence[Row]:
    relations = {"events": Relation([file.path for file in files])}
    rows: Sequence[Any] = warehouse.run(sql, [start], relations, _LIMITS).rows if files else ()
    return rows


def _live(counts: Iterable[Count]) -> Iterator[Count]:
    return (count for count in counts if count.live)


def _negative(cells: pa.Table) -> pa.Table:
    return cells.set_column(cells.schema.get_field_index("events"), CELLS.field("events"), pc.negate(cells["events"]))
