"""``GET /v1/query``: six questions over one consistent view of lake and tail."""

import datetime as dt
import time
import uuid
from collections import Counter
from collections.abc import Callable, Sequence
from itertools import groupby
from typing import Any

import msgspec
import pyarrow as pa

from cloudpulse.errors import LogTrimmed, StoreError, UserError
from cloudpulse.events.times import from_micros, rfc3339
from cloudpulse.lake.snapshot import LakeFile
from cloudpulse.ports import Limits, LogReader, Relation, Rows, Warehouse
from cloudpulse.serving import sql
from cloudpulse.serving.cache import LruCache
from cloudpulse.serving.request import (
    Bucket,
    ErrorEvent,
    EventCount,
    Plan,
    QueryAnswer,
    QueryRequest,
    ResultRow,
    TopSession,
    Uniques,
    plan,
)
from cloudpulse.serving.tail import MINUTE, Snapshots, TailReader, View, counts
from cloudpulse.settings import Settings

CACHED_ROWS = 200_000
TRIES = 3

LakeCache = LruCache[tuple[Any, ...], Rows]


class QueryService:
    """Answers queries; one instance serves all threads."""

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
        self._tail = TailReader(settings.data / "tail", snapshots, log_reader, now)
        self._cache: LakeCache = LruCache(CACHED_ROWS, lambda rows: len(rows.rows) + 1)

    def run(self, request: QueryRequest) -> QueryAnswer:
        """Answer one query; raises ``InvalidParameter``, ``UserError``, ``QueryTimeout`` or ``StoreError``."""
        started = time.perf_counter()
        checked = plan(request, self._settings)
        execution, rows, truncated = self._answer(checked)
        return QueryAnswer(
            query_type=checked.query_type,
            query_execution_id=str(uuid.uuid4()),
            rows_returned=len(rows),
            scanned_bytes=execution.scanned_bytes,
            execution_ms=round((time.perf_counter() - started) * 1000),
            date_from=request.date_from,
            date_to=request.date_to,
            results=rows,
            truncated=truncated,
            cached=execution.cached,
            complete_until=rfc3339(from_micros(execution.view.seen_at)),
        )

    def _answer(self, checked: Plan) -> tuple["Execution", list[ResultRow], bool]:
        """Files and batches may go while they are read: then the whole answer starts over with a new view."""
        for _ in range(TRIES):
            try:
                execution = Execution(self._settings, self._warehouse, self._tail, self._cache, checked)
                rows, truncated = QUERIES[checked.query_type](execution)
                return execution, rows, truncated
            except (FileNotFoundError, LogTrimmed) as exc:
                gone = exc
        raise StoreError(f"What the query reads has gone: {gone}. Run 'cloudpulse doctor' if this stays.") from gone


class Execution:
    """One try at one plan over one view; adds up what it reads."""

    def __init__(
        self, settings: Settings, warehouse: Warehouse, tail: TailReader, cache: LakeCache, checked: Plan
    ) -> None:
        self._settings = settings
        self._warehouse = warehouse
        self._tail = tail
        self._cache = cache
        self.plan = checked
        self.view: View = tail.view()
        self.scanned_bytes = 0
        self._hits = 0
        self._reads = 0

    @property
    def cached(self) -> bool:
        """Whether something came from the cache and nothing of the lake was read."""
        return self._hits > 0 and self._reads == 0

    def files(self) -> list[LakeFile]:
        """The lake files that may hold rows of the plan: by type, and by first and last time."""
        start, end = self.plan.calendar.start, self.plan.calendar.end
        return [
            file
            for file in self.view.files
            if file.max_timestamp >= start
            and file.min_timestamp < end
            and self.plan.event_type in (None, file.event_type)
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
        return sql.Condition(self.plan.filters, None if within else (start, end))

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
        limits = Limits(rows=self._max_rows, seconds=self._settings.query_timeout_seconds)
        answer = self._warehouse.run(statement.sql, statement.parameters, {"events": Relation(paths, rows)}, limits)
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
        allowed = self._settings.query_max_scanned_bytes
        if self.scanned_bytes > allowed:
            raise UserError(
                f"The query would scan {self.scanned_bytes:,} bytes and {allowed:,} are allowed; "
                "ask for fewer days or for one event_type."
            )


def event_count(execution: Execution) -> tuple[list[ResultRow], bool]:
    """Events per type, most first; files that lie within the range are counted by their metadata."""
    calendar = execution.plan.calendar

    def key_of_file(file: LakeFile) -> str | None:
        within = calendar.start <= file.min_timestamp and file.max_timestamp < calendar.end
        return file.event_type if within else None

    totals = _count(execution, sql.event_count, key_of_file, lambda count: count.event_type)
    rows = [EventCount(kind, events) for kind, events in sorted(totals.items(), key=lambda item: (-item[1], item[0]))]
    return _cut(rows, execution.plan.limit)


def timeseries(execution: Execution) -> tuple[list[ResultRow], bool]:
    """Events per bucket, in order, gaps filled; files that lie within one bucket are counted by their metadata."""
    calendar, interval = execution.plan.calendar, execution.plan.interval

    def key_of_file(file: LakeFile) -> int | None:
        if not (calendar.start <= file.min_timestamp and file.max_timestamp < calendar.end):
            return None
        first, last = (calendar.key(moment, interval) for moment in (file.min_timestamp, file.max_timestamp))
        return first if first == last else None

    totals = _count(
        execution,
        lambda condition: sql.timeseries(condition, calendar, interval),
        key_of_file,
        lambda count: calendar.key(count.minute * MINUTE, interval),
    )
    if not totals:
        return [], False
    found = {calendar.bucket_of_key(key, interval): events for key, events in totals.items()}
    buckets = calendar.buckets(min(found), max(found), interval)
    return _cut([Bucket(_bucket_text(bucket), found.get(bucket, 0)) for bucket in buckets], execution.plan.limit)


def _count(
    execution: Execution,
    statement: Callable[[sql.Condition], sql.Statement],
    key_of_file: Callable[[LakeFile], Any | None],
    key_of_count: Callable[[Any], Any],
) -> Counter[Any]:
    """Events per key, of the lake and of the tail; metadata and digests serve where they say enough."""
    totals: Counter[Any] = Counter()
    to_read = []
    for file in execution.files():
        key = None if execution.plan.filters else key_of_file(file)
        if key is None:
            to_read.append(file)
        else:
            totals[key] += file.rows
    tail_rows = None
    if execution.plan.counts_by_digest:
        for count in counts(execution.view, execution.plan):
            totals[key_of_count(count)] += count.events
    else:
        tail_rows = execution.tail_rows()
    for files, rows in ((to_read, None), ([], tail_rows)):
        for key, events in execution.select(statement(execution.condition(files)), files, rows).rows:
            totals[key] += events
    return totals


def top_sessions(execution: Execution) -> tuple[list[ResultRow], bool]:
    """Sessions with the most events."""
    files, rows = execution.files(), execution.tail_rows()
    statement = sql.top_sessions(execution.condition(files), execution.plan.limit + 1)
    found = execution.select(statement, files, rows).rows
    sessions = [
        TopSession(session, events, _moment(first), _moment(last), user) for session, events, first, last, user in found
    ]
    return _cut(sessions, execution.plan.limit)


def errors(execution: Execution) -> tuple[list[ResultRow], bool]:
    """The newest errors; days are read newest first, one, then two, then four, until there are enough."""
    wanted = execution.plan.limit + 1
    tail_rows = execution.tail_rows()
    found = _newest_errors(execution, [], tail_rows, [], wanted)
    newest_first = sorted(execution.files(), key=lambda file: file.day, reverse=True)
    days = [list(files) for _, files in groupby(newest_first, key=lambda file: file.day)]
    step = 1
    while days:
        files = [file for day in days[:step] for file in day]
        if len(found) >= wanted and found[wanted - 1][1] > max(file.max_timestamp for file in files):
            break
        found = _newest_errors(execution, files, None, found, wanted)
        days, step = days[step:], step * 2
    return _cut([_error(row) for row in found], execution.plan.limit)


def _newest_errors(
    execution: Execution, files: list[LakeFile], rows: pa.Table | None, found: list[tuple[Any, ...]], wanted: int
) -> list[tuple[Any, ...]]:
    statement = sql.errors(execution.condition(files), wanted)
    found = found + execution.select(statement, files, rows).rows
    return sorted(found, key=lambda row: (row[1], row[0]), reverse=True)[:wanted]


def _error(row: tuple[Any, ...]) -> ErrorEvent:
    event_id, timestamp, session_id, source, properties, *metadata = row
    return ErrorEvent(
        event_id=event_id,
        timestamp=_moment(timestamp),
        session_id=session_id,
        source=source,
        properties=msgspec.json.decode(properties) if properties else {},
        metadata={name: value for name, value in zip(sql.METADATA, metadata, strict=True) if value is not None},
    )


def breakdown(execution: Execution) -> tuple[list[ResultRow], bool]:
    """Events, sessions and users per value of one column; null stands for events without a value."""
    files, rows, by = execution.files(), execution.tail_rows(), execution.plan.by
    statement = sql.breakdown(execution.condition(files), by, execution.plan.limit + 1)
    found = execution.select(statement, files, rows).rows
    values: list[ResultRow] = [
        {by: value, "event_count": events, "sessions": sessions, "users": users}
        for value, events, sessions, users in found
    ]
    return _cut(values, execution.plan.limit)


def uniques(execution: Execution) -> tuple[list[ResultRow], bool]:
    """Distinct sessions and users per bucket that has any, counted exactly."""
    calendar, interval = execution.plan.calendar, execution.plan.interval
    files, rows = execution.files(), execution.tail_rows()
    statement = sql.uniques(execution.condition(files), calendar, interval, execution.plan.limit + 1)
    found = execution.select(statement, files, rows).rows
    buckets = [
        Uniques(_bucket_text(calendar.bucket_of_key(key, interval)), sessions, users) for key, sessions, users in found
    ]
    return _cut(buckets, execution.plan.limit)


QUERIES: dict[str, Callable[[Execution], tuple[list[ResultRow], bool]]] = {
    "event_count": event_count,
    "timeseries": timeseries,
    "top_sessions": top_sessions,
    "errors": errors,
    "breakdown": breakdown,
    "uniques": uniques,
}


def _cut(rows: Sequence[ResultRow], limit: int) -> tuple[list[ResultRow], bool]:
    return list(rows[:limit]), len(rows) > limit


def _moment(microseconds: int) -> str:
    return rfc3339(from_micros(microseconds))


def _bucket_text(microseconds: int) -> str:
    return from_micros(microseconds).strftime("%Y-%m-%dT%H:%M:%SZ")
