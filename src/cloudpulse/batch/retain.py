"""The job ``retain``: silver partitions go at the age set for their type, bronze objects when all in them is gone."""

import datetime as dt
from collections.abc import Callable
from typing import Any

from cloudpulse.errors import StoreError
from cloudpulse.events.model import EVENT_TYPES
from cloudpulse.events.times import micros
from cloudpulse.lake import bronze
from cloudpulse.lake.commit import Lake
from cloudpulse.ports import Records
from cloudpulse.settings import Settings

TRIES = 10


def oldest_days(settings: Settings, today: dt.date) -> dict[str, dt.date]:
    """The oldest day that is kept, by event type; a type that is kept for ever is left out."""
    ages = dict.fromkeys(EVENT_TYPES, settings.retain_days) | settings.retain_days_by_type
    return {kind: today - dt.timedelta(days=days) for kind, days in ages.items() if days}


class Retention:
    """Applies the ages to the lake of this process; ``clock`` tells when files have gone."""

    def __init__(self, settings: Settings, lake: Lake, records: Records, clock: Callable[[], dt.datetime]) -> None:
        self._settings = settings
        self._lake = lake
        self._records = records
        self._clock = clock

    def run(self, now: dt.datetime) -> dict[str, Any]:
        """Take what is too old; the lake, and then the list of bronze, count it in the step that takes it."""
        before = oldest_days(self._settings, now.astimezone(dt.UTC).date())
        with self._lake.lease:
            events = self._retire_silver(before) if before else 0
            objects = self._retire_bronze(now)
            self._lake.collect_garbage(self._records, self._clock())
        return {"events": events, "bronze_objects": objects}

    def _retire_silver(self, before: dict[str, dt.date]) -> int:
        for _ in range(TRIES):  # the writer may merge some of the files meanwhile
            events = self._lake.retire(before)
            if events is not None:
                return events
        raise StoreError("The writer keeps merging the partitions that are too old; the next run tries again.")

    def _retire_bronze(self, now: dt.datetime) -> int:
        """Objects whose events are all of days that every type has lost; none while ids may be read from them."""
        taken = self._lake.retired().before
        if any(kind not in taken for kind in EVENT_TYPES):
            return 0
        limit = dt.datetime.combine(min(taken.values()), dt.time(), dt.UTC)
        stored_before = min(limit, now - dt.timedelta(days=self._settings.dedup_window_days))
        due = self._clock() + dt.timedelta(seconds=self._settings.unlink_delay_seconds)
        data = self._settings.data.resolve()
        return bronze.retire(self._records, data, micros(limit), micros(stored_before), due)
