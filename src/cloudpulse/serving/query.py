"""``GET /v1/query``: six questions over one consistent view of lake and tail."""

import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

from cloudpulse.events.model import Count
from cloudpulse.events.times import from_micros, rfc3339
from cloudpulse.lake.snapshot import LakeFile
from cloudpulse.serving import sql
from cloudpulse.serving.execution import Execution, Executor
from cloudpulse.serving.newest import newest
from cloudpulse.serving.request import (
    Bucket,
    ErrorEvent,
    EventCount,
    QueryAnswer,
    QueryRequest,
    ResultRow,
    TopSession,
    Uniques,
    plan,
)
from cloudpulse.serving.tail import MINUTE, counts
from cloudpulse.settings import Settings


class QueryService:
    """Answers queries; one instance serves all threads."""

    def __init__(
        self,
        settings: Settings,
        executor: Executor,
    ) -> None:
        self._settings = settings
        self._executor = executor

    def forget(self) -> None:
        """Let go of all that is kept of answers and events."""
        self._executor.forget()

    def run(self, request: QueryRequest, cancelled: threading.Event | None = None) -> QueryAnswer:
        """Answer one query, unless ``cancelled`` is set first.

        Raises ``InvalidParameter``, ``UserError``, ``QueryTimeout`` or ``StoreError``.
        """
        started = time.perf_counter()
        checked = plan(request, self._settings)
        execution, (rows, truncated) = self._executor.run(checked, QUERIES[checked.query_type], cancelled)
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
    key_of_count: Callable[[Count], Any],
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
    # Commits add to the newest day, so that what older days say stays in the cache.
    today = max((file.day for file in to_read), default=None)
    older, newest_day = [f for f in to_read if f.day != today], [f for f in to_read if f.day == today]
    for files, rows in ((older, None), (newest_day, None), ([], tail_rows)):
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
    """The newest errors."""
    found = newest(execution, sql.ERROR_COLUMNS, execution.plan.limit + 1)
    return _cut([_error(row) for row in found], execution.plan.limit)


def _error(row: tuple[Any, ...]) -> ErrorEvent:
    timestamp, event_id, session_id, source, properties, *metadata = row
    return ErrorEvent(
        event_id=event_id,
        timestamp=_moment(timestamp),
        session_id=session_id,
        source=source,
        properties=sql.properties(properties),
        metadata=sql.metadata(metadata),
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
