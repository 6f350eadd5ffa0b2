"""The second step of the job ``compact``: bronze objects of hours that are over go into few."""

import datetime as dt
import shutil
from collections.abc import Callable
from typing import Any

import structlog

from cloudpulse.events.model import Position
from cloudpulse.lake import bronze, bronze_merge
from cloudpulse.lake.commit import Lake
from cloudpulse.ports import Records
from cloudpulse.settings import Settings

log = structlog.get_logger(__name__)


class BronzeMerger:
    """Merges objects of one data folder.

    ``clock`` tells when objects have been replaced, ``told`` up to where others were told of them.
    """

    def __init__(
        self,
        settings: Settings,
        lake: Lake,
        records: Records,
        clock: Callable[[], dt.datetime],
        told: Callable[[], Position | None],
    ) -> None:
        self._data = settings.data.resolve()
        self._min_free_bytes = settings.min_free_bytes
        self._delay = dt.timedelta(seconds=settings.unlink_delay_seconds)
        self._lake = lake
        self._records = records
        self._clock = clock
        self._told = told

    def run(self, now: dt.datetime) -> dict[str, Any]:
        """Merge what is worth it, one step for each new object: a run that is cut off loses nothing of what is done."""
        done = {"bronze_objects": 0, "bronze_merges": 0, "bronze_faulty": 0}
        with self._lake.lease:
            position = self._lake.position()
            if position is None:
                return done
            for files in bronze_merge.plan(self._records, self._data, position, self._told(), now):
                if not self._has_room(files):
                    log.warning("no room to merge bronze objects", folder=bronze.folder_of(files[0]))
                    break
                if bronze_merge.merge(self._records, self._data, files, self._clock() + self._delay):
                    done["bronze_objects"] += len(files)
                    done["bronze_merges"] += 1
                else:
                    done["bronze_faulty"] += 1
                self._lake.collect_garbage(self._records, self._clock())
        return done

    def _has_room(self, files: list[bronze.BronzeFile]) -> bool:
        """Objects stay a while after they were replaced."""
        paths = [bronze.place(self._data, file) for file in files]
        size = sum(path.stat().st_size for path in paths if path.exists())
        return size < shutil.disk_usage(self._data).free - self._min_free_bytes
