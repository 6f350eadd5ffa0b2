"""The job ``compact``: partitions of past days go into few sorted files, while the writer and readers go on."""

import datetime as dt
import shutil
from collections.abc import Callable
from typing import Any

import pyarrow as pa
import structlog

from cloudpulse.lake import compaction
from cloudpulse.lake.commit import Lake
from cloudpulse.lake.compaction import Merge
from cloudpulse.ports import Records
from cloudpulse.settings import Settings

MAX_REFUSALS = 10
"""So often the writer may have merged files of a partition before the next run tries again."""

log = structlog.get_logger(__name__)


class Compactor:
    """Compacts the lake of this process; ``clock`` tells when files have been replaced."""

    def __init__(self, settings: Settings, lake: Lake, records: Records, clock: Callable[[], dt.datetime]) -> None:
        self._settings = settings
        self._lake = lake
        self._records = records
        self._clock = clock

    def run(self, now: dt.datetime) -> dict[str, Any]:
        """Merge what is worth it, one commit for each merge: one that is cut off loses its last merge alone."""
        done = {"merges": 0, "files": 0, "rows": 0, "bytes": 0}
        refusals = 0
        with self._lake.lease:
            while refusals < MAX_REFUSALS and (merge := self._next(now)) is not None:
                if not self._lake.compact(merge):
                    refusals += 1
                    continue
                self._lake.collect_garbage(self._records, self._clock())
                for name, more in (("merges", 1), ("files", len(merge.files)), ("rows", merge.rows)):
                    done[name] += more
                done["bytes"] += merge.bytes
        pa.default_memory_pool().release_unused()
        return done

    def _next(self, now: dt.datetime) -> Merge | None:
        """The next merge for which there is room: files stay a while after they were replaced."""
        free = shutil.disk_usage(self._settings.data).free - self._settings.min_free_bytes
        for merge in compaction.plan(self._lake.live_files(), now):
            if merge.bytes < free:
                return merge
            log.warning("no room to compact a partition", day=str(merge.day), event_type=merge.event_type)
        return None
