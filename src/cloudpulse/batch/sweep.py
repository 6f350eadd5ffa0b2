"""The job ``sweep``: files that a crash left behind, and that nothing names, go."""

import datetime as dt
import shutil
from pathlib import Path
from typing import Any

from cloudpulse.lake import orphans
from cloudpulse.lake.commit import Lake
from cloudpulse.lake.rebuild import SCRATCH
from cloudpulse.ports import Records
from cloudpulse.settings import Settings


def sweep(settings: Settings, lake: Lake, records: Records, tail_folder: Path, now: dt.datetime) -> dict[str, Any]:
    """Hand orphans over to the lake's garbage, which unlinks them ``unlink_delay_seconds`` later.

    A file that has just left the lake may be as old as one that a crash left: queries may still read it.
    """
    data = settings.data.resolve()
    with lake.lease:
        shutil.rmtree(data / SCRATCH, ignore_errors=True)
        due = now + dt.timedelta(seconds=settings.unlink_delay_seconds)
        done = {}
        for name, found in (
            ("lake_files", lake.orphans(now)),
            ("bronze_objects", orphans.unlisted_objects(data, records, now)),
            ("temporary_files", orphans.temporary_files(data, tail_folder.resolve(), now)),
        ):
            done[name] = len(orphans.hand_over(records, found, due))
        done["unlinked"] = lake.collect_garbage(records, now)
    return done
