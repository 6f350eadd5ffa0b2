"""The job ``summarise``: one file for each day that is over, written again only when the day got more events."""

import datetime as dt
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import msgspec

from cloudpulse.errors import LogTrimmed, StoreError
from cloudpulse.events.summary import CountryCount, DailySummary, HourCount, PageCount, Partition
from cloudpulse.events.times import minute_of, rfc3339
from cloudpulse.lake.snapshot import LakeFile, Snapshot, Snapshots
from cloudpulse.lake.summaries import read_summary, write_summary
from cloudpulse.ports import Limits, LogReader, Relation, Warehouse

TOP = 20
PATIENCE_SECONDS = 300.0
PACE_SECONDS = 0.2
_LIMITS = Limits(rows=10_000, seconds=600.0)
_MICROS_AN_HOUR = 3_600_000_000

_COUNTS = """
SELECT event_type, epoch_us(timestamp) // ? AS hour, count(*) AS events FROM events GROUP BY ALL ORDER BY ALL
"""
# One distinct count at a time: each may need all the memory there is.
_SESSIONS = "SELECT count(*) FROM (SELECT DISTINCT session_id FROM events)"
_USERS = "SELECT count(*) FROM (SELECT DISTINCT user_id FROM events WHERE user_id IS NOT NULL)"
_PAGES = """
SELECT page, sum(events)::BIGINT AS views, count(*) AS sessions
FROM (SELECT page, session_id, count(*) AS events FROM events
      WHERE event_type = 'page_view' AND page IS NOT NULL GROUP BY ALL)
GROUP BY page ORDER BY views DESC, page LIMIT ?
"""
_COUNTRIES = """
SELECT country, sum(events)::BIGINT AS total, count(*) AS sessions
FROM (SELECT country, session_id, count(*) AS events FROM events WHERE country IS NOT NULL GROUP BY ALL)
GROUP BY country ORDER BY total DESC, country LIMIT ?
"""


class Summariser:
    """Computes the summaries of a data folder from its lake; ``hurry`` has the lake take in a batch soon."""

    def __init__(
        self,
        data: Path,
        snapshots: Snapshots,
        log: LogReader,
        hurry: Callable[[int], None],
        warehouse: Callable[[], AbstractContextManager[Warehouse]],
    ) -> None:
        self._data = data
        self._snapshots = snapshots
        self._log = log
        self._hurry = hurry
        self._warehouse = warehouse

    def run(self, now: dt.datetime) -> dict[str, Any]:
        """Write the summaries that are missing or out of date; days that have not ended in UTC have none."""
        today = now.astimezone(dt.UTC).date()
        self._await_lake(today)
        snapshot = self._snapshots.current()
        days = {file.day for file in snapshot.files if file.day < today} | {today - dt.timedelta(days=1)}
        written = [day for day in sorted(days) if self._is_wanted(day, partitions(snapshot, day))]
        if written:
            self._write(snapshot, written)
        return {"days": [str(day) for day in written]}

    def _write(self, snapshot: Snapshot, days: Sequence[dt.date]) -> None:
        with self._warehouse() as warehouse:
            for day in days:
                files = [file for file in snapshot.files if file.day == day]
                write_summary(self._data, summarise(day, files, partitions(snapshot, day), warehouse))

    def _is_wanted(self, day: dt.date, found: Mapping[str, Partition]) -> bool:
        """Whether the day has got events since; one whose events have gone by their age keeps its summary."""
        try:
            known = read_summary(self._data, day)
        except msgspec.MsgspecError:
            return True
        if known is None:
            return True
        shrunk = any(kind not in found or found[kind].rows < part.rows for kind, part in known.computed_from.items())
        return not shrunk and found != known.computed_from

    def _await_lake(self, today: dt.date) -> None:
        """Wait until the lake has what was accepted, before this moment, for days that are over."""
        wanted = self._newest_of_past_days(today)
        self._hurry(wanted)
        give_up_at = time.monotonic() + PATIENCE_SECONDS
        while wanted > self._lake_seq():
            if time.monotonic() > give_up_at:
                raise StoreError("The lake is too far behind to summarise the days that are over.")
            time.sleep(PACE_SECONDS)

    def _newest_of_past_days(self, today: dt.date) -> int:
        midnight = minute_of(dt.datetime.combine(today, dt.time(), dt.UTC))
        while True:
            try:
                _, digests = self._log.digests(self._lake_seq(), "lake")
            except LogTrimmed:
                continue  # the lake moved meanwhile
            return max(
                (seq for seq, _, digest in digests if any(count.minute < midnight for count in digest)), default=0
            )

    def _lake_seq(self) -> int:
        position = self._snapshots.current().position
        return position.seq if position is not None and position.journal == self._log.state().journal else 0


def partitions(snapshot: Snapshot, day: dt.date) -> dict[str, Partition]:
    """The partitions of a day, by event type, as far as the lake's metadata tell."""
    found: dict[str, Partition] = {}
    for file in sorted((file for file in snapshot.files if file.day == day), key=lambda file: file.event_type):
        part = found.get(file.event_type, Partition(0, file.min_timestamp, file.max_timestamp))
        found[file.event_type] = Partition(
            part.rows + file.rows, min(part.first, file.min_timestamp), max(part.last, file.max_timestamp)
        )
    return found


def summarise(
    day: dt.date, files: Sequence[LakeFile], computed_from: dict[str, Partition], warehouse: Warehouse
) -> DailySummary:
    """The summary of a day's silver files: the same rows give the same summary, however files divide them."""
    relations = {"events": Relation([file.path for file in files])}

    def ask(sql: str, *parameters: Any) -> list[tuple[Any, ...]]:
        return warehouse.run(sql, parameters, relations, _LIMITS).rows if files else []

    counts = ask(_COUNTS, _MICROS_AN_HOUR)
    by_type: dict[str, int] = {}
    by_hour: dict[int, int] = {}
    for kind, hour, events in counts:
        by_type[kind] = by_type.get(kind, 0) + events
        by_hour[hour] = by_hour.get(hour, 0) + events
    total, errors = sum(by_type.values()), by_type.get("error", 0)
    return DailySummary(
        date=day,
        total_events=total,
        by_event_type=by_type,
        by_hour=_hours(day, by_hour),
        sessions=ask(_SESSIONS)[0][0] if files else 0,
        users=ask(_USERS)[0][0] if files else 0,
        error_count=errors,
        error_rate_pct=round(100 * errors / total, 1) if total else 0.0,
        top_pages=[PageCount(*row) for row in ask(_PAGES, TOP)],
        top_countries=[CountryCount(*row) for row in ask(_COUNTRIES, TOP)],
        computed_from=computed_from,
    )


def _hours(day: dt.date, events: Mapping[int, int]) -> list[HourCount]:
    midnight = dt.datetime.combine(day, dt.time(), dt.UTC)
    first = int(midnight.timestamp()) // 3600
    starts = [midnight + dt.timedelta(hours=hour) for hour in range(24)]
    return [HourCount(rfc3339(start), events.get(first + hour, 0)) for hour, start in enumerate(starts)]
