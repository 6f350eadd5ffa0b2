"""What a query asks and what it answers, and the plan that a valid request becomes."""

import datetime as dt
from collections.abc import Mapping
from typing import Annotated, Any, Literal, get_args

import msgspec

from cloudpulse.errors import InvalidParameter
from cloudpulse.events.model import EVENT_TYPES, EventType
from cloudpulse.serving.buckets import Calendar
from cloudpulse.settings import Settings

QueryType = Literal["event_count", "timeseries", "top_sessions", "errors", "breakdown", "uniques"]
Interval = Literal["minute", "hour", "day"]
Dimension = Literal["page", "country", "browser", "os", "device", "source", "app", "event_name"]
Filter = Literal["app", "source", "country", "browser", "os", "device", "page", "session_id", "user_id"]
QUERY_TYPES: tuple[str, ...] = get_args(QueryType)
DIMENSIONS: tuple[str, ...] = get_args(Dimension)
FILTERS: tuple[str, ...] = get_args(Filter)

_INTERVALS: Mapping[str, tuple[str, ...]] = {"timeseries": ("minute", "hour", "day"), "uniques": ("hour", "day")}
_DEFAULT_INTERVAL = {"timeseries": "hour", "uniques": "day"}
_DEFAULT_LIMIT = {"top_sessions": 10, "errors": 50, "breakdown": 50}


class QueryRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A question; both dates are inclusive, in ``tz``. ``filters`` are exact values by column."""

    query_type: str
    date_from: dt.date
    date_to: dt.date
    event_type: str | None = None
    limit: int | None = None
    tz: str = "UTC"
    interval: str | None = None
    by: str | None = None
    filters: Mapping[str, str] = {}


class EventCount(msgspec.Struct, frozen=True):
    """A row of ``event_count``."""

    event_type: EventType
    event_count: int


class Bucket(msgspec.Struct, frozen=True):
    """A row of ``timeseries``; ``bucket`` is the start of the interval."""

    bucket: str
    event_count: int


class TopSession(msgspec.Struct, frozen=True):
    """A row of ``top_sessions``; first and last seen within the range, the greatest user id where there are several."""

    session_id: str
    event_count: int
    first_seen: str
    last_seen: str
    user_id: str | None


class ErrorEvent(msgspec.Struct, frozen=True):
    """A row of ``errors``."""

    event_id: str
    timestamp: str
    session_id: str
    source: str
    properties: dict[str, Any]
    metadata: dict[str, str]


class Uniques(msgspec.Struct, frozen=True):
    """A row of ``uniques``: distinct sessions and users of one interval."""

    bucket: str
    sessions: int
    users: int


BreakdownRow = Annotated[
    dict[str, Any],
    msgspec.Meta(description="A row of breakdown: the value of `by` under its name, event_count, sessions, users."),
]
ResultRow = EventCount | Bucket | TopSession | ErrorEvent | Uniques | BreakdownRow


class QueryAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """The answer to a query.

    ``scanned_bytes`` is the size of the lake files that were read, ``cached`` says that what the lake adds came from
    memory, and every event acknowledged before ``complete_until`` is in the answer.
    """

    query_type: str
    query_execution_id: str
    rows_returned: int
    scanned_bytes: int
    execution_ms: int
    date_from: dt.date
    date_to: dt.date
    results: list[ResultRow]
    truncated: bool
    cached: bool
    complete_until: str


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """A valid request with its defaults filled in; ``before`` is where the page of a list begins."""

    query_type: str
    calendar: Calendar
    event_type: str | None
    limit: int
    interval: str
    by: str
    filters: tuple[tuple[str, str], ...]
    before: tuple[int, str] | None = None

    @property
    def counts_by_digest(self) -> bool:
        """Whether the digests of batches are enough to count what this plan selects."""
        return all(name == "app" for name, _ in self.filters)


def plan(request: QueryRequest, settings: Settings) -> Plan:
    """Check a request; raises ``InvalidParameter`` with what to do instead."""
    kind = one_of("query_type", request.query_type, QUERY_TYPES)
    event_type = None if request.event_type is None else one_of("event_type", request.event_type, EVENT_TYPES)
    if kind == "errors" and event_type not in (None, "error"):
        raise InvalidParameter("errors lists events of type error; leave event_type out.")
    return Plan(
        query_type=kind,
        calendar=calendar_of(request.tz, request.date_from, request.date_to, settings.query_max_days),
        event_type="error" if kind == "errors" else event_type,
        limit=limit_of(request.limit, _DEFAULT_LIMIT.get(kind, settings.query_max_rows), settings.query_max_rows),
        interval=_interval(kind, request.interval),
        by=_by(kind, request.by),
        filters=tuple(sorted((one_of("filter", name, FILTERS), value) for name, value in request.filters.items())),
    )


def one_of(name: str, value: str, allowed: tuple[str, ...]) -> str:
    """A value that is one of the allowed ones; raises ``InvalidParameter``."""
    if value not in allowed:
        raise InvalidParameter(f"{name} {value!r} is not known; use one of {', '.join(allowed)}.")
    return value


def calendar_of(tz: str, date_from: dt.date, date_to: dt.date, max_days: int) -> Calendar:
    """The days from one date to another; raises ``InvalidParameter``."""
    days = (date_to - date_from).days + 1
    if days < 1:
        raise InvalidParameter("date_to lies before date_from; swap them.")
    if days > max_days:
        raise InvalidParameter(f"The range has {days} days; ask for at most {max_days}.")
    try:
        return Calendar.of(tz, date_from, date_to)
    except LookupError as exc:
        raise InvalidParameter(f"tz {tz!r} is not known; use an IANA name such as Europe/Berlin.") from exc
    except OverflowError as exc:
        raise InvalidParameter("The dates are out of range; use years 1 to 9998.") from exc


def limit_of(limit: int | None, default: int, maximum: int) -> int:
    """How many rows to answer; raises ``InvalidParameter``."""
    if limit is not None and not 1 <= limit <= maximum:
        raise InvalidParameter(f"limit must lie between 1 and {maximum}.")
    return min(default, maximum) if limit is None else limit


def _interval(kind: str, interval: str | None) -> str:
    if kind not in _INTERVALS:
        if interval is not None:
            raise InvalidParameter(f"{kind} has no interval; leave it out.")
        return ""
    return one_of("interval", interval or _DEFAULT_INTERVAL[kind], _INTERVALS[kind])


def _by(kind: str, by: str | None) -> str:
    if kind != "breakdown":
        if by is not None:
            raise InvalidParameter(f"{kind} has no parameter by; use query_type=breakdown.")
        return ""
    if by is None:
        raise InvalidParameter(f"breakdown needs by; use one of {', '.join(DIMENSIONS)}.")
    return one_of("by", by, DIMENSIONS)
