"""Files that no kept snapshot names: remembered, and unlinked once no reader can still be using them."""

import datetime as dt
import hashlib
from collections.abc import Iterable

from pyiceberg.io import FileIO
from pyiceberg.table.metadata import TableMetadata
from pyiceberg.table.snapshots import Snapshot

from cloudpulse.events.times import micros
from cloudpulse.ports import Records

KIND = "lake_garbage"


def metadata_files(before: TableMetadata, after: TableMetadata, written: Iterable[str], io: FileIO) -> list[str]:
    """Manifests and manifest lists that ``before`` names and ``after`` does not.

    ``written`` are the manifests of the commit between them: one that was merged at once is in no snapshot.
    """
    head = after.current_snapshot()
    spare = set(written) - (_manifests([head], io) if head else set())
    kept_ids = {snapshot.snapshot_id for snapshot in after.snapshots}
    expired = [snapshot for snapshot in before.snapshots if snapshot.snapshot_id not in kept_ids]
    if expired:
        spare |= _manifests(expired, io) - _manifests(after.snapshots, io)
    return sorted(spare.union(snapshot.manifest_list for snapshot in expired))


def _manifests(snapshots: Iterable[Snapshot], io: FileIO) -> set[str]:
    return {manifest.manifest_path for snapshot in snapshots for manifest in snapshot.manifests(io)}


def remember(records: Records, locations: Iterable[str], due: dt.datetime) -> None:
    """Have files unlinked at ``due`` or later."""
    if found := documents(locations, due):
        records.put(KIND, found)


def documents(locations: Iterable[str], due: dt.datetime) -> dict[str, str]:
    """The records of kind ``lake_garbage`` that have files unlinked at ``due`` or later."""
    return {f"{micros(due):020d}:{hashlib.sha256(name.encode()).hexdigest()[:16]}": name for name in locations}


def unlink_due(records: Records, io: FileIO, now: dt.datetime) -> int:
    """Unlink the files that are due; returns how many."""
    due = records.list(KIND, end=f"{micros(now) + 1:020d}")
    for _, location in due:
        try:
            io.delete(location)
        except FileNotFoundError:
            continue
    records.delete(KIND, [key for key, _ in due])
    return len(due)
