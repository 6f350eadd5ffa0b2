"""One plan over one consistent view: which files it needs, what it read, and starting over when they have gone."""

import datetime as dt
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import pyarrow as pa

from cloudpulse import telemetry
from cloudpulse.errors import LogTrimmed, StoreError, UserError
from cloudpulse.lake.snapshot import LakeFile, Snapshots
from cloudpulse.ports import Limits, LogReader, Relation, Rows, Warehouse
from cloudpulse.serving import sql
from cloudpulse.serving.cache import LruCache
from cloudpulse.serving.request import Plan
from cloudpulse.serving.tail import MINUTE, TailReader, View
from cloudpulse.settings import Settings

CACHED_ROWS = 200_000
TRIES = 3

LakeCache = LruCache[tuple[Any, ...], Rows]
Result = TypeVar("Result")


class Executor:
    """Runs plans; one instance serves all threads."""

    def __init__(
        self,
        settings: Settings,
        snapshots: Snapshots,
        log_reader: LogReader,
        warehouse: Warehouse,
        now: Callable[[], dt.datetime],
    ) -> None:
        self._settings = settings
        self._warehouse = warehouse
        self.tail = TailReader(settings.data / "tail", snapshots, log_reader, now)
        self._cache: LakeCache = LruCache(CACHED_ROWS, lambda rows: len(rows.rows) + 1)

    def forget(self) -> None:
        """Let go of all that is kept of answers and events."""
        self._cache.clear()
        self.tail.forget()
        self._warehouse.forget()

    def run(
        self, plan: Plan, question: Callable[["Execution"], Result], cancelled: threading.Event | None = None
    ) -> tuple["Execution", Result]:
        """Ask over one view; when its files or batches go meanwhile, the whole question starts over with a new one."""

        def attempt() -> tuple[Execution, Result]:
            execution = Execution(self._settings, self._warehouse, self.tail, self._cache, plan, cancelled)
            return execution, question(execution)

        return retried(attempt)


def retried(attempt: Callable[[], Result]) -> Result:
    """What ``attempt`` returns, which opens a view of its own: files and batches may go while they are read."""
    for _ in range(TRIES):
        try:
            return attempt()
        except (FileNotFoundError, LogTrimmed) as exc:
            gone = exc
    raise StoreError("What the query reads has gone. Run 'cloudpulse verify' if this stays.") from gone


def refuse_large_scan(scanned_bytes: int, settings: Settings) -> None:
    """Raise ``UserError`` when a question would read more than it may."""
    allowed = settings.query_max_scanned_bytes
    if scanned_bytes > allowed:
        raise UserError(
            f"The query would scan {scanned_bytes:,} bytes and {allowed:,} are allowed; "
            "ask for fewer days or for one event_type."
        )


class Execution:
    """One try at one plan over one view; adds up what it reads."""

    def __init__(
        self,
        settings: Settings,
        warehouse: Warehouse,
        tail: TailReader,
        cache: LakeCache,
        plan: Plan,
        cancelled: threading.Event | None,
    ) -> None:
        self._settings = settings
        self._warehouse = warehouse
        self._tail = tail
        self._cache = cache
        self._cancelled = cancelled
        self.plan = plan
        self.view: View = tail.view()
        self.scanned_bytes = 0
        self._hits = 0
        self._reads = 0
        self._deadline = time.monotonic() + settings.query_timeout_seconds

    @property
    def cached(self) -> bool:
        """Whether something came from the cache and nothing of the lake was read."""
        return self._hits > 0 and self._reads == 0

    def files(self) -> list[LakeFile]:
        """The lake files that may hold rows of the plan: by type, and by first and last time."""
        start, end, before = self.plan.calendar.start, self.plan.calendar.end, self.plan.before
        return [
            file
            for file in self.view.files
            if file.max_timestamp >= start
            and file.min_timestamp < end
            and self.plan.event_type in (None, file.event_type)
            and (before is None or file.min_timestamp <= before[0])
        ]

    def tail_rows(self) -> pa.Table | None:
        """The rows of the tail; a tail beyond ``tail_max_events`` is left out, and the view says so."""
        if self.view.tail_events > self._settings.tail_max_events:
            self.view = self.view.without_tail()
        return self._tail.rows(self.view, self.plan)

    def condition(self, files: Sequence[LakeFile]) -> sql.Condition:
        """The plan's condition; without the range where the files, and always the tail, lie within it."""
        start, end = self.plan.calendar.start, self.plan.calendar.end
        within = all(start <= file.min_timestamp and file.max_timestamp < end for file in files)
        return sql.Condition(self.plan.filters, None if within else (start, end), self.plan.before)

    def select(self, statement: sql.Statement, files: Sequence[LakeFile], rows: pa.Table | None = None) -> Rows:
        """Run a statement over files and rows; what needs files alone comes from the cache when it was asked before."""
        if not files and rows is None:
            return Rows(columns=[], rows=[])
        paths = tuple(sorted(file.path for file in files))
        key = (statement.sql, statement.parameters, paths)
        known = self._cache.get(key) if rows is None else None
        if known is not None:
            self._hits += 1
            return known
        self._account(files)
        seconds = max(self._deadline - time.monotonic(), 0.001)
        limits = Limits(rows=self._max_rows, seconds=seconds, cancelled=self._cancelled)
        relations = {"events": Relation(paths, rows)}
        with telemetry.running_statements.track_inprogress():
            answer = self._warehouse.run(statement.sql, statement.parameters, relations, limits)
        if rows is None:
            self._cache.put(key, answer)
        return answer

    @property
    def _max_rows(self) -> int:
        """Statements limit themselves; a time series is as long as its range has minutes."""
        return (self.plan.calendar.end - self.plan.calendar.start) // MINUTE + self._settings.query_max_rows

    def _account(self, files: Sequence[LakeFile]) -> None:
        """Add the files' sizes: whole files, though only the columns and row groups needed are read."""
        if not files:
            return
        self._reads += 1
        self.scanned_bytes += sum(file.bytes for file in files)
        refuse_large_scan(self.scanned_bytes, self._settings)
