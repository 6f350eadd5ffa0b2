"""The job ``sweep``: files that a crash left behind, and that nothing names, go."""

import datetime as dt
import shutil
from pathlib import Path
from typing import Any

from cloudpulse.lake import erased_ids, orphans
from cloudpulse.lake.commit import Lake
from cloudpulse.lake.rebuild import SCRATCH
from cloudpulse.ports import Records
from cloudpulse.settings import Settings


def sweep(settings: Settings, lake: Lake, records: Records, tail_folder: Path, now: dt.datetime) -> dict[str, Any]:
    """Hand orphans over to the lake's garbage, which unlinks them ``unlink_delay_seconds`` later.

    A file that has just left the lake may be as old as one that a crash left: queries may still read it.
    """
    with lake.lease:
        before, due = now - orphans.MIN_AGE, now + dt.timedelta(seconds=settings.unlink_delay_seconds)
        done = hand_over_leftovers(settings.data.resolve(), lake, records, tail_folder, before, due)
        done["unlinked"] = lake.collect_garbage(records, now)
        erased_ids.expire(records, now - dt.timedelta(days=settings.dedup_window_days))
    return done


def hand_over_leftovers(
    data: Path, lake: Lake, records: Records, tail_folder: Path, before: dt.datetime, due: dt.datetime
) -> dict[str, int]:
    """Have what was last written before a moment, and that nothing names, unlinked at ``due``; the lease must be held.

    Returns how many files of each kind there were.
    """
    shutil.rmtree(data / SCRATCH, ignore_errors=True)
    leftovers = {
        "lake_files": lake.orphans(before),
        "bronze_objects": orphans.unlisted_objects(data, records, before),
        "temporary_files": orphans.temporary_files(data, tail_folder.resolve(), before),
    }
    return {name: len(orphans.hand_over(records, found, due)) for name, found in leftovers.items()}
