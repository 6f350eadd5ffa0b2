"""``POST /v1/query/sql`` and the named queries: one SELECT over one consistent view of lake and tail."""

import datetime as dt
import threading
import time
import uuid
from collections.abc import Callable, Mapping
from typing import Any, cast

import msgspec

from cloudpulse import telemetry
from cloudpulse.errors import UserError
from cloudpulse.events.times import from_micros, rfc3339
from cloudpulse.ports import Limits, Records, Rows, Warehouse
from cloudpulse.serving.answers import Column, SqlAnswer, SqlRequest
from cloudpulse.serving.bounds import Bounds
from cloudpulse.serving.cache import LruCache
from cloudpulse.serving.execution import refuse_large_scan, retried
from cloudpulse.serving.named import NAMED, NamedQuery
from cloudpulse.serving.relations import TIME_COLUMNS, Relations, Source
from cloudpulse.serving.request import calendar_of, limit_of, one_of
from cloudpulse.serving.sql import Statement
from cloudpulse.serving.tail import TailReader, View
from cloudpulse.settings import MIB, Settings

CACHED_BYTES = 64 * MIB


class _Kept(msgspec.Struct, frozen=True):
    """What of an answer is kept; rows as JSON."""

    columns: list[Column]
    results: bytes
    rows: int
    truncated: bool


class _Question(msgspec.Struct, frozen=True):
    """A statement, what it may need of each relation, and who waits for the answer."""

    statement: Statement
    bounds: Mapping[str, Bounds]
    limit: int
    cancelled: threading.Event | None


_encode = msgspec.json.Encoder(decimal_format="number", enc_hook=str).encode


class SqlService:
    """Answers statements; one instance serves all threads."""

    def __init__(
        self,
        settings: Settings,
        tail: TailReader,
        records: Records,
        warehouse: Warehouse,
        now: Callable[[], dt.datetime],
    ) -> None:
        self._settings = settings
        self._tail = tail
        self._relations = Relations(settings.data, tail, records)
        self._warehouse = warehouse
        self._now = now
        self._cache: LruCache[tuple[Any, ...], _Kept] = LruCache(CACHED_BYTES, lambda kept: len(kept.results) + 1000)

    def forget(self) -> None:
        """Let go of all that is kept of answers and events."""
        self._cache.clear()
        self._warehouse.forget()

    def run(self, request: SqlRequest, cancelled: threading.Event | None = None) -> SqlAnswer:
        """Answer a user's statement; raises ``UserError`` with what is not allowed, and as ``Warehouse.run``."""
        from cloudpulse.serving import guard  # sqlglot: 20 MB that a server without SQL does not need
        from cloudpulse.serving.pruning import bounds_of

        started = time.perf_counter()
        limit = limit_of(request.limit, self._settings.query_max_rows, self._settings.query_max_rows)
        checked = guard.check(request.sql, TIME_COLUMNS, self._now())
        bounds = {name: bounds_of(checked.tree, name, TIME_COLUMNS[name]) for name in sorted(checked.relations)}
        return self._answer("sql", _Question(Statement(checked.sql), bounds, limit, cancelled), started)

    def run_named(
        self,
        name: str,
        date_from: dt.date,
        date_to: dt.date,
        limit: int | None = None,
        cancelled: threading.Event | None = None,
    ) -> SqlAnswer:
        """Answer a named query for a range of days in UTC, both inclusive."""
        started = time.perf_counter()
        query: NamedQuery = NAMED[one_of("name", name, tuple(NAMED))]
        calendar = calendar_of("UTC", date_from, date_to, self._settings.query_max_days)
        rows = limit_of(limit, self._settings.query_max_rows, self._settings.query_max_rows)
        statement = Statement(query.sql, (from_micros(calendar.start), from_micros(calendar.end)))
        bounds = {"events": Bounds(calendar.start, calendar.end - 1, query.event_types)}
        answer = self._answer(name, _Question(statement, bounds, rows, cancelled), started)
        return msgspec.structs.replace(answer, date_from=date_from, date_to=date_to)

    def _answer(self, kind: str, question: _Question, started: float) -> SqlAnswer:
        view, scanned, kept, cached = retried(lambda: self._try(question))
        return SqlAnswer(
            query_type=kind,
            query_execution_id=str(uuid.uuid4()),
            rows_returned=kept.rows,
            scanned_bytes=scanned,
            execution_ms=round((time.perf_counter() - started) * 1000),
            columns=kept.columns,
            results=cast("list[dict[str, Any]]", msgspec.Raw(kept.results)),
            truncated=kept.truncated,
            cached=cached,
            complete_until=rfc3339(from_micros(view.seen_at)),
        )

    def _try(self, question: _Question) -> tuple[View, int, _Kept, bool]:
        """One try over one view: (view, bytes scanned, answer, whether it is from memory)."""
        view = self._tail.view()
        if view.tail_events > self._settings.tail_max_events:
            view = view.without_tail()
        sources = {name: self._relations.get(name, view, bounds) for name, bounds in question.bounds.items()}
        key = (question.statement, question.limit, tuple((name, source.known_by) for name, source in sources.items()))
        # The tail is another one each time: with it nothing is kept, and nothing is looked up.
        is_settled = not any(source.has_tail for source in sources.values())
        known = self._cache.get(key) if is_settled else None
        if known is not None:
            return view, 0, known, True
        scanned = sum(source.bytes for source in sources.values())
        refuse_large_scan(scanned, self._settings)
        kept = _keep(self._select(question, sources), self._settings.query_max_result_bytes)
        if is_settled:
            self._cache.put(key, kept)
        return view, scanned, kept, False

    def _select(self, question: _Question, sources: Mapping[str, Source]) -> Rows:
        limits = Limits(
            rows=question.limit,
            seconds=self._settings.query_timeout_seconds,
            bytes=self._settings.query_max_result_bytes,
            cancelled=question.cancelled,
        )
        relations = {name: source.relation for name, source in sources.items()}
        with telemetry.running_statements.track_inprogress():
            return self._warehouse.run(question.statement.sql, question.statement.parameters, relations, limits)


def _keep(rows: Rows, max_bytes: int) -> _Kept:
    names = [name for name, _ in rows.columns]
    if len(set(names)) < len(names):
        raise UserError("Two columns have one name; give one of them another with AS.")
    has_maps = any("MAP(" in kind for _, kind in rows.columns)
    try:
        results = _encode([dict(zip(names, map(_named, row) if has_maps else row, strict=True)) for row in rows.rows])
    except (TypeError, ValueError, OverflowError) as exc:
        raise UserError("A value of the answer cannot be told in JSON: cast its column to VARCHAR.") from exc
    if len(results) > max_bytes:
        raise UserError(f"The answer is larger than {max_bytes:,} bytes; ask for fewer rows or columns.")
    return _Kept([Column(*column) for column in rows.columns], results, len(rows.rows), rows.truncated)


def _named(value: Any) -> Any:
    """The value with text for the keys of its maps: msgspec writes some kinds of keys as they are."""
    if isinstance(value, dict):
        return {key if isinstance(key, str) else str(key): _named(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_named(one) for one in value]
    return value
