"""When an event counts: clamping of the future, and the minute and the layer that it moves."""

import datetime as dt

UTC = dt.UTC
FUTURE_LIMIT = dt.timedelta(minutes=5)
LIVE_WINDOW = dt.timedelta(hours=24)
MINUTE_MICROS = 60_000_000


def effective(timestamp: dt.datetime, received_at: dt.datetime) -> dt.datetime:
    """The time that an event counts at: its own, or ``received_at`` when it lies more than 5 minutes ahead."""
    return received_at if timestamp - received_at > FUTURE_LIMIT else timestamp


def is_live(timestamp: dt.datetime, received_at: dt.datetime) -> bool:
    """Whether an event moves the live counters: it was at most 24 hours old when it was received."""
    return received_at - timestamp <= LIVE_WINDOW


def minute_of(moment: dt.datetime) -> int:
    """Minutes since 1970, rounded down."""
    return int(moment.timestamp() // 60)


def from_minute(minute: int) -> dt.datetime:
    """The beginning of a minute since 1970, in UTC."""
    return from_micros(minute * MINUTE_MICROS)


def micros(moment: dt.datetime) -> int:
    """Microseconds since 1970."""
    return (moment - dt.datetime(1970, 1, 1, tzinfo=UTC)) // dt.timedelta(microseconds=1)


def from_micros(value: int) -> dt.datetime:
    """The moment ``value`` microseconds after 1970, in UTC."""
    return dt.datetime(1970, 1, 1, tzinfo=UTC) + dt.timedelta(microseconds=value)


def rfc3339(moment: dt.datetime) -> str:
    """RFC 3339 in UTC with milliseconds: ``2026-03-09T14:22:31.402Z``."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def parse(text: str) -> dt.datetime:
    """The moment that RFC 3339 text in UTC names, as stored lines have it."""
    return dt.datetime.fromisoformat(text)
