"""The windows of the last weeks: seen by the live layer while they last, judged on the batch layer afterwards."""

import datetime as dt
from collections.abc import Callable
from typing import Any

import msgspec

from cloudpulse.events import sketch
from cloudpulse.events.times import MINUTE_MICROS, from_minute, minute_of
from cloudpulse.lake.snapshot import Snapshots
from cloudpulse.ops.alarms import rules
from cloudpulse.ops.alarms.anomalies import KEEP_WINDOWS, MINUTES, Window, judge, start_of
from cloudpulse.ops.alarms.rules import Reading, Readings
from cloudpulse.ops.alarms.table import find
from cloudpulse.ports import Counters, Limits, Records, Relation, Warehouse
from cloudpulse.settings import AlarmName, Settings

KIND = "windows"
SETTLE = 1
"""Minutes after its end in which the live layer waits for events of a window that are on their way."""
SETTLE_LAKE = dt.timedelta(minutes=2)
REMEMBERED = 3 * MINUTES
GIVE_UP = 24 * 60
LIMITS = Limits(rows=1, seconds=20.0)

_COUNT = """
SELECT count(*), count(*) FILTER (event_type = 'error'), count(DISTINCT session_id)
FROM events WHERE timestamp >= ? AND timestamp < ?
"""

Count = Callable[[int], Window]
"""Start → what the window holds."""


class WindowBook:
    """Not for several threads at once. ``live`` and ``batch`` count the events of a window in either layer."""

    def __init__(self, records: Records, settings: Settings, live: Count, batch: Count, now: dt.datetime) -> None:
        self._records = records
        self._settings = settings
        self._live = live
        self._batch = batch
        windows = (msgspec.convert(document, Window) for _, document in records.list(KIND))
        self._windows = {window.start: window for window in windows}
        # What was under way when this process began, it has not seen from its beginning.
        self._next = start_of(minute_of(now)) + MINUTES

    def look(self, now: dt.datetime, is_live_fresh: bool) -> Readings:
        """What the live layer says of the last whole window and of the one under way; nothing while it lags."""
        if not is_live_fresh:
            return {}
        while self._next + MINUTES + SETTLE <= minute_of(now):
            self._close(self._next)
            self._next += MINUTES
        open_start = start_of(minute_of(now))
        readings = self._judge(self._live(open_start), is_whole=False)
        # After a restart the newest whole window may be one before the last.
        last = max((start for start in self._windows if start >= open_start - REMEMBERED), default=None)
        if last is None:
            return readings
        whole = self._judge(self._windows[last])
        return {name: max(found, readings.get(name, found), key=_value) for name, found in whole.items()}

    def judge(self, now: dt.datetime, lake_lacks_since: dt.datetime) -> Readings:
        """What the batch layer says of the oldest window that it has not judged; nothing while there is none.

        ``lake_lacks_since`` is when the oldest event was received that the lake may lack.
        """
        start = min((one.start for one in self._windows.values() if not one.is_judged), default=None)
        if start is None or lake_lacks_since < from_minute(start + MINUTES) + SETTLE_LAKE:
            return {}
        seen = self._windows[start]
        if start < minute_of(now) - GIVE_UP:
            self._keep(msgspec.structs.replace(seen, is_judged=True))
            return {}
        counted = msgspec.structs.replace(self._batch(start), is_judged=True)
        readings = self._judge(counted)
        self._keep(msgspec.structs.replace(counted, odd=self._odd(readings)))
        return readings

    def _close(self, start: int) -> None:
        window = self._live(start)
        self._keep(msgspec.structs.replace(window, odd=self._odd(self._judge(window))))

    def _judge(self, window: Window, is_whole: bool = True) -> Readings:
        return judge(window, self._windows, self._settings.anomaly_min_events, is_whole)

    def _odd(self, readings: Readings) -> tuple[AlarmName, ...]:
        known = ((find(name), found) for name, found in readings.items())
        return tuple(
            alarm.name
            for alarm, found in known
            if rules.is_over(alarm, rules.threshold_of(alarm, self._settings), found.value)
        )

    def _keep(self, window: Window) -> None:
        self._windows[window.start] = window
        oldest = window.start - KEEP_WINDOWS * MINUTES
        old = [start for start in self._windows if start < oldest]
        document = {KIND: {f"{window.start:010d}": msgspec.to_builtins(window)}}
        self._records.exchange({KIND: [f"{start:010d}" for start in old]}, document)
        for start in old:
            del self._windows[start]


def count_live(counters: Counters, start: int) -> Window:
    """What the live counters say of a window."""
    seen = counters.range(start, start + MINUTES - 1)
    return Window(
        start=start,
        events=sum(count.events for count in seen.counts),
        errors=sum(count.events for count in seen.counts if count.event_type == "error"),
        sessions=sketch.estimate(stored for _, _, stored in seen.sessions),
    )


def count_batch(snapshots: Snapshots, warehouse: Warehouse, start: int) -> Window:
    """What the lake says of a window; reads the files that may hold a part of it."""
    end = start + MINUTES
    files = [
        one
        for one in snapshots.current().files
        if one.min_timestamp < end * MINUTE_MICROS and one.max_timestamp >= start * MINUTE_MICROS
    ]
    row: tuple[Any, ...] = (0, 0, 0)
    if files:
        relations = {"events": Relation([file.path for file in files])}
        row = warehouse.run(_COUNT, [from_minute(start), from_minute(end)], relations, LIMITS).rows[0]
    return Window(start=start, events=row[0], errors=row[1], sessions=row[2])


def _value(found: Reading) -> float:
    return found.value
