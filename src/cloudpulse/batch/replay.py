"""The job ``replay``: silver of some days rebuilt from bronze beside the live table, and swapped in one commit."""

import datetime as dt
from collections.abc import Callable
from typing import Any

from cloudpulse.lake.commit import Lake
from cloudpulse.ports import Records
from cloudpulse.settings import Settings


class Replay:
    """Rebuilds the lake of this process; ``clock`` tells when files have been replaced. Takes the lake's lease."""

    def __init__(self, settings: Settings, lake: Lake, records: Records, clock: Callable[[], dt.datetime]) -> None:
        self._settings = settings
        self._lake = lake
        self._records = records
        self._clock = clock

    def run(self, first: dt.date, last: dt.date, dry_run: bool, now: dt.datetime) -> dict[str, Any]:
        """Put silver of these days (of the events' own time, both inclusive) right; returns the difference.

        ``{"first", "last", "dry_run", "changed": bool, "rows": {"before", "after", "added", "removed", "doubled",
        "changed"}, "types": {type: rows}, "days": {day: rows}, "columns": {name: differing rows}, "examples":
        {"added": [event ids], …}, "lost_files", "bronze_objects"}``. Nothing is committed where nothing differs.
        """
        raise NotImplementedError
