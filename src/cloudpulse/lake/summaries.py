"""Daily summaries: one small JSON file a day, ``daily_summaries/YYYY-MM-DD.json``."""

import datetime as dt
from pathlib import Path

import msgspec

from cloudpulse.lake.fileio import write_durably

FOLDER = "daily_summaries"


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


def read_summary(data: Path, day: dt.date) -> DailySummary | None:
    """The summary of a day, or None; raises ``msgspec.MsgspecError`` when the file is damaged."""
    try:
        return msgspec.json.decode(_path(data, day).read_bytes(), type=DailySummary)
    except FileNotFoundError:
        return None


def write_summary(data: Path, summary: DailySummary) -> None:
    """Put a summary in place of the one before; readers see one of them whole."""
    write_durably(_path(data, summary.date), msgspec.json.format(msgspec.json.encode(summary), indent=1) + b"\n")


def forget_summary(data: Path, day: dt.date) -> None:
    """Have the day's summary computed anew by the next run of ``summarise``, for its rows were changed."""
    _path(data, day).unlink(missing_ok=True)


def _path(data: Path, day: dt.date) -> Path:
    return data / FOLDER / f"{day}.json"
