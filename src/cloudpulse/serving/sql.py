"""The statements behind the queries, over one relation ``events``; values are parameters, names from allow-lists."""

from collections.abc import Sequence
from typing import Any

import msgspec

from cloudpulse.events.times import from_micros
from cloudpulse.serving.buckets import WIDTHS, Calendar
from cloudpulse.serving.request import DIMENSIONS, FILTERS

METADATA = ("ip_address", "user_agent", "country", "region", "referrer")
ERROR_COLUMNS = ("session_id", "source", "properties", *METADATA)


class Statement(msgspec.Struct, frozen=True):
    """Text and the values of its ``?``."""

    sql: str
    parameters: tuple[Any, ...] = ()


class Condition(msgspec.Struct, frozen=True):
    """Which rows of ``events`` a statement takes: ``between`` is a range [start, end) in microseconds, ``before`` the
    time and id of an event that is newer than all of them.
    """

    filters: Sequence[tuple[str, str]] = ()
    between: tuple[int, int] | None = None
    before: tuple[int, str] | None = None

    def where(self) -> Statement:
        """The WHERE clause; empty when every row is taken."""
        terms = [f"{_allowed(name, FILTERS)} = ?" for name, _ in self.filters]
        values: list[Any] = [value for _, value in self.filters]
        if self.between:
            terms += ["timestamp >= ?", "timestamp < ?"]
            values += [from_micros(moment) for moment in self.between]
        if self.before:
            moment, event_id = self.before
            terms.append("(timestamp < ? OR timestamp = ? AND event_id < ?)")
            values += [from_micros(moment), from_micros(moment), event_id]
        return Statement(f" WHERE {' AND '.join(terms)}" if terms else "", tuple(values))


def event_count(condition: Condition) -> Statement:
    """event_type, events."""
    where = condition.where()
    return Statement(f"SELECT event_type, count(*) FROM events{where.sql} GROUP BY 1", where.parameters)


def timeseries(condition: Condition, calendar: Calendar, interval: str) -> Statement:
    """Key of the bucket, events."""
    key, where = bucket_key(calendar, interval), condition.where()
    sql = f"SELECT {key.sql} AS key, count(*) FROM events{where.sql} GROUP BY 1"
    return Statement(sql, key.parameters + where.parameters)


def top_sessions(condition: Condition, limit: int) -> Statement:
    """session_id, events, first and last in microseconds, user_id."""
    where = condition.where()
    return Statement(
        "SELECT session_id, count(*) AS event_count, epoch_us(min(timestamp)), epoch_us(max(timestamp)), max(user_id)"
        f" FROM events{where.sql} GROUP BY 1 ORDER BY event_count DESC, session_id LIMIT ?",
        (*where.parameters, limit),
    )


def newest(condition: Condition, columns: Sequence[str], limit: int) -> Statement:
    """Microseconds, event_id, then ``columns`` (not the caller's); newest first."""
    where = condition.where()
    return Statement(
        f"SELECT epoch_us(timestamp), event_id, {', '.join(columns)} FROM events{where.sql}"
        " ORDER BY timestamp DESC, event_id DESC LIMIT ?",
        (*where.parameters, limit),
    )


def breakdown(condition: Condition, by: str, limit: int) -> Statement:
    """Value, events, sessions, users."""
    where = condition.where()
    return Statement(
        f"SELECT {_allowed(by, DIMENSIONS)} AS value, count(*) AS event_count, count(DISTINCT session_id),"
        f" count(DISTINCT user_id) FROM events{where.sql} GROUP BY 1 ORDER BY event_count DESC, value LIMIT ?",
        (*where.parameters, limit),
    )


def uniques(condition: Condition, calendar: Calendar, interval: str, limit: int) -> Statement:
    """Key of the bucket, sessions, users."""
    key, where = bucket_key(calendar, interval), condition.where()
    return Statement(
        f"SELECT {key.sql} AS key, count(DISTINCT session_id), count(DISTINCT user_id)"
        f" FROM events{where.sql} GROUP BY 1 ORDER BY 1 LIMIT ?",
        (*key.parameters, *where.parameters, limit),
    )


def bucket_key(calendar: Calendar, interval: str) -> Statement:
    """``Calendar.key`` of an event's time."""
    width = WIDTHS[interval]
    offset = _offset(calendar)
    local = f"(epoch_us(timestamp) + {offset.sql} - ?) // ? * ?"
    parameters: tuple[Any, ...] = (*offset.parameters, calendar.base, width, width)
    if interval == "day":
        return Statement(local, parameters)
    return Statement(f"{local} - {offset.sql}", parameters + offset.parameters)


def properties(text: str | None) -> dict[str, Any]:
    """The column ``properties`` as it was sent."""
    sent: dict[str, Any] = msgspec.json.decode(text) if text else {}
    return sent


def metadata(values: Sequence[str | None]) -> dict[str, str]:
    """The columns of ``METADATA`` that have a value."""
    return {name: value for name, value in zip(METADATA, values, strict=True) if value is not None}


def _offset(calendar: Calendar) -> Statement:
    """The zone's offset at an event's time: a CASE over its changes within the range."""
    if len(calendar.changes) == 1:
        return Statement("?", calendar.offsets)
    cases = " ".join("WHEN timestamp < ? THEN ?" for _ in calendar.changes[1:])
    pairs = zip(calendar.changes[1:], calendar.offsets, strict=False)
    values = [value for change, offset in pairs for value in (from_micros(change), offset)]
    return Statement(f"CASE {cases} ELSE ? END", (*values, calendar.offsets[-1]))


def _allowed(name: str, allowed: Sequence[str]) -> str:
    if name not in allowed:
        raise ValueError(f"not a column that may be named: {name!r}")
    return name
