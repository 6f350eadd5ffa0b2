"""How the system was in the last days: what each look saw, as one row a minute; seven days of them."""

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from statistics import fmean, median

import msgspec

from cloudpulse.events.times import from_minute, minute_of, rfc3339
from cloudpulse.ports import Records

KIND = "health"
KEEP_MINUTES = 7 * 24 * 60
MAX_POINTS = 24 * 60

SERIES: dict[str, Callable[[Sequence[float]], float]] = {
    "speed_lag_seconds": max,
    "speed_lag_batches": max,
    "lake_lag_seconds": max,
    "lake_lag_batches": max,
    "waiting_events": max,
    "journal_bytes": max,
    "free_bytes": min,
    "events_per_second": fmean,
    "rejects_per_second": fmean,
    "refused_tokens_per_minute": fmean,
    "refused_sign_ins_per_minute": fmean,
}
"""What is kept, and what stands for many values of it: the worst one, or the mean of a rate."""

Sample = Mapping[str, float]


class HealthSeries(msgspec.Struct, frozen=True, kw_only=True):
    """Series of equal length: value number ``i`` is about the ``step_seconds`` from ``start`` + i · ``step_seconds``.

    None where nothing ran.
    """

    start: str
    step_seconds: int
    series: dict[str, list[float | None]]


class HealthHistory:
    """One thread adds; any may ask."""

    def __init__(self, records: Records) -> None:
        self._records = records
        rows = ((int(key), msgspec.convert(document, dict[str, float])) for key, document in records.list(KIND))
        self._minutes = dict(rows)
        self._now: list[Sample] = []
        self._minute = 0

    def add(self, sample: Sample, now: dt.datetime) -> None:
        """Take a sample in; each minute is written when the next one begins. Raises ``StoreError``."""
        minute = minute_of(now)
        if minute != self._minute:
            self.flush()
            self._minute, self._now = minute, []
        self._now.append(sample)
        self._minutes[minute] = summed_up(self._now)

    def flush(self) -> None:
        """Write the minute under way, and let go what is older than seven days."""
        if not self._now:
            return
        oldest = self._minute - KEEP_MINUTES
        old = [minute for minute in list(self._minutes) if minute < oldest]
        row = {KIND: {f"{self._minute:010d}": self._minutes[self._minute]}}
        self._records.exchange({KIND: [f"{minute:010d}" for minute in old]}, row)
        for minute in old:
            del self._minutes[minute]

    def typical(self, name: str, now: dt.datetime) -> float:
        """The median of a day's minutes; 0 while fewer than an hour of them are known."""
        minutes = range(minute_of(now) - 24 * 60, minute_of(now))
        values = [row[name] for minute in minutes if (row := self._minutes.get(minute)) is not None and name in row]
        return median(values) if len(values) >= 60 else 0.0

    def series(self, hours: int, now: dt.datetime) -> HealthSeries:
        """The last ``hours``, in at most 1,440 steps."""
        step = -(-hours * 60 // MAX_POINTS)
        end = minute_of(now) // step * step + step
        starts = range(end - hours * 60 // step * step, end, step)
        rows = [
            [row for minute in range(start, start + step) if (row := self._minutes.get(minute))] for start in starts
        ]
        return HealthSeries(
            start=rfc3339(from_minute(starts[0])),
            step_seconds=step * 60,
            series={name: [_stands_for(name, group) for group in rows] for name in SERIES},
        )


def summed_up(samples: Sequence[Sample]) -> dict[str, float]:
    """What stands for several samples."""
    return {name: value for name in SERIES if (value := _stands_for(name, samples)) is not None}


def _stands_for(name: str, samples: Sequence[Sample]) -> float | None:
    values = [sample[name] for sample in samples if name in sample]
    return round(SERIES[name](values), 3) if values else None
