"""What a daily summary tells."""

import datetime as dt

import msgspec


class HourCount(msgspec.Struct, frozen=True):
    """Events of one hour, which begins at ``bucket`` (RFC 3339 in UTC)."""

    bucket: str
    event_count: int


class PageCount(msgspec.Struct, frozen=True):
    """A page: how often it was viewed, and in how many sessions."""

    page: str
    views: int
    sessions: int


class CountryCount(msgspec.Struct, frozen=True):
    """A country: its events and sessions."""

    country: str
    event_count: int
    sessions: int


class Partition(msgspec.Struct, frozen=True):
    """Silver rows of one day and type; ``first`` and ``last`` bound their timestamps, microseconds since 1970.

    Compaction changes files, and none of this.
    """

    rows: int
    first: int
    last: int


class DailySummary(msgspec.Struct, frozen=True, kw_only=True):
    """What happened on one day in UTC. ``computed_from`` are its silver partitions, by type, when it was computed."""

    date: dt.date
    total_events: int
    by_event_type: dict[str, int]
    by_hour: list[HourCount]
    sessions: int
    users: int
    error_count: int
    error_rate_pct: float
    top_pages: list[PageCount]
    top_countries: list[CountryCount]
    computed_from: dict[str, Partition]
