"""``GET /v1/events``: the events of a session, a user or a type, newest first, page by page."""

import base64
import datetime as dt
from collections.abc import Callable, Iterator
from typing import Any

import msgspec
import pyarrow as pa

from cloudpulse.errors import InvalidParameter
from cloudpulse.events.model import EVENT_TYPES, EventType, Source
from cloudpulse.events.times import FUTURE_LIMIT, from_micros, rfc3339
from cloudpulse.serving import sql
from cloudpulse.serving.execution import Executor
from cloudpulse.serving.newest import newest
from cloudpulse.serving.request import Plan, calendar_of, limit_of, one_of
from cloudpulse.settings import Settings

DEFAULT_LIMIT = 50
_FIELDS = (
    "event_type",
    "event_name",
    "received_at",
    "app",
    "source",
    "session_id",
    "user_id",
    "properties",
    *sql.METADATA,
)
_COLUMNS = tuple("epoch_us(received_at)" if name == "received_at" else name for name in _FIELDS)
_LISTED = ("timestamp", "event_id", *_FIELDS)
_TIMES = ("timestamp", "received_at")


class EventsRequest(msgspec.Struct, frozen=True, kw_only=True):
    """Which events; without dates all that one query may reach, up to now. Both dates are inclusive, in UTC."""

    session_id: str | None = None
    user_id: str | None = None
    event_type: str | None = None
    date_from: dt.date | None = None
    date_to: dt.date | None = None
    limit: int | None = None
    cursor: str | None = None


class ListedEvent(msgspec.Struct, frozen=True, kw_only=True):
    """One event as it is stored."""

    event_id: str
    event_type: EventType
    event_name: str | None
    timestamp: str
    received_at: str
    app: str
    source: Source
    session_id: str
    user_id: str | None
    properties: dict[str, Any]
    metadata: dict[str, str]


class EventPage(msgspec.Struct, frozen=True, kw_only=True):
    """Events, newest first. ``next_cursor`` asks for the page behind this one, and is null on the last."""

    events: list[ListedEvent]
    next_cursor: str | None
    complete_until: str


class EventListService:
    """Lists events; one instance serves all threads."""

    def __init__(self, settings: Settings, executor: Executor, now: Callable[[], dt.datetime]) -> None:
        self._settings = settings
        self._executor = executor
        self._now = now

    def page(self, request: EventsRequest) -> EventPage:
        """One page; raises ``InvalidParameter``, ``UserError``, ``QueryTimeout`` or ``StoreError``."""
        plan = self._plan(request)
        execution, rows = self._executor.run(plan, lambda execution: newest(execution, _COLUMNS, plan.limit + 1))
        page = rows[: plan.limit]
        return EventPage(
            events=[_event(row) for row in page],
            next_cursor=_cursor(*page[-1][:2]) if len(rows) > plan.limit else None,
            complete_until=rfc3339(from_micros(execution.view.seen_at)),
        )

    def _plan(self, request: EventsRequest) -> Plan:
        max_days = self._settings.query_max_days
        date_to = request.date_to or (self._now() + FUTURE_LIMIT).date()
        date_from = request.date_from or dt.date.fromordinal(max(1, date_to.toordinal() - max_days + 1))
        filters = {"session_id": request.session_id, "user_id": request.user_id}
        return Plan(
            query_type="events",
            calendar=calendar_of("UTC", date_from, date_to, max_days),
            event_type=request.event_type and one_of("event_type", request.event_type, EVENT_TYPES),
            limit=limit_of(request.limit, DEFAULT_LIMIT, self._settings.query_max_rows),
            interval="",
            by="",
            filters=tuple((name, value) for name, value in filters.items() if value is not None),
            before=_position(request.cursor) if request.cursor else None,
        )


def listed_rows(rows: pa.Table) -> Iterator[ListedEvent]:
    """The events of silver rows."""
    columns = [rows[name].cast(pa.int64()) if name in _TIMES else rows[name] for name in _LISTED]
    return map(_event, zip(*(column.to_pylist() for column in columns), strict=True))


def _event(row: tuple[Any, ...]) -> ListedEvent:
    timestamp, event_id, kind, name, received_at, app, source, session_id, user_id, properties, *metadata = row
    return ListedEvent(
        event_id=event_id,
        event_type=kind,
        event_name=name,
        timestamp=rfc3339(from_micros(timestamp)),
        received_at=rfc3339(from_micros(received_at)),
        app=app,
        source=source,
        session_id=session_id,
        user_id=user_id,
        properties=sql.properties(properties),
        metadata=sql.metadata(metadata),
    )


def _cursor(moment: int, event_id: str) -> str:
    return base64.urlsafe_b64encode(f"{moment}:{event_id}".encode()).decode().rstrip("=")


def _position(cursor: str) -> tuple[int, str]:
    try:
        moment, _, event_id = base64.urlsafe_b64decode(cursor + "===").decode().partition(":")
        from_micros(int(moment))
        return int(moment), event_id
    except (ValueError, OverflowError) as exc:
        raise InvalidParameter("cursor is not one that was given out; leave it out to begin with the newest.") from exc
