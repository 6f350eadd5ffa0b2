"""Files that a crash left behind: ours by their names, old, and named by nothing."""

import datetime as dt
import re
from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path

from pyiceberg.io import FileIO
from pyiceberg.manifest import ManifestFile
from pyiceberg.table.metadata import TableMetadata

from cloudpulse.errors import StoreError
from cloudpulse.lake import bronze, garbage
from cloudpulse.lake.fileio import local_path
from cloudpulse.lake.summaries import FOLDER as SUMMARIES
from cloudpulse.ports import Records

MIN_AGE = dt.timedelta(days=1)
"""A younger file may belong to a commit that is under way: those take seconds, and jobs hold the lease."""

_UUID = r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
_LAKE = re.compile(
    rf"data/day=\d{{4}}-\d\d-\d\d/event_type=[a-z_]+/{_UUID}\.parquet"
    rf"|metadata/(snap-\d+-\d+-{_UUID}|{_UUID}-m\d+)\.avro"
    rf"|metadata/\d{{5,}}-{_UUID}\.metadata\.json"
)
_BRONZE = re.compile(r"(?P<journal>.+)-(?P<first>\d+)-(?P<last>\d+)(\.[0-9a-f]{8})?\.ndjson\.zst")


def named_locations(metadata: TableMetadata, metadata_location: str, io: FileIO) -> set[str]:
    """All that a version of the table, and the snapshots and versions that it still knows, need."""
    named = {metadata_location, *(entry.metadata_file for entry in metadata.metadata_log)}
    manifests: dict[str, ManifestFile] = {}
    for snapshot in metadata.snapshots:
        named.add(snapshot.manifest_list)
        manifests |= {manifest.manifest_path: manifest for manifest in snapshot.manifests(io)}
    for path, manifest in manifests.items():
        named.add(path)
        named.update(entry.data_file.file_path for entry in manifest.fetch_manifest_entry(io))
    return named


def old_lake_files(table_folder: Path, before: dt.datetime) -> set[str]:
    """Locations of what may be left of commits; list them before you ask what is named."""
    found = _old(table_folder.rglob("*"), before)
    return {f"file://{path}" for path in found if _LAKE.fullmatch(path.relative_to(table_folder).as_posix())}


def without_named(found: set[str], named: set[str], table_folder: Path) -> set[str]:
    """The files that nothing names; raises StoreError when the names are not those of this folder."""
    if any(not Path(local_path(location)).is_relative_to(table_folder) for location in named):
        raise StoreError(f"The lake names files outside of {table_folder}: no file of it is removed.")
    return found - named


def unlisted_objects(data: Path, records: Records, before: dt.datetime) -> Iterator[str]:
    """Locations of bronze objects that are in no list, also in the tier folder."""
    folders = filter(None, (data, bronze.tier_folder(records)))
    found = chain.from_iterable((folder / "bronze").rglob(f"*{bronze.SUFFIX}") for folder in folders)
    for path in _old(found, before):
        match = _BRONZE.fullmatch(path.name)
        if match and not path.name.startswith("."):
            key = bronze.key_of(match["journal"], int(match["first"]), int(match["last"]))
            listed = [records.get(kind, key) for kind in (bronze.PENDING, bronze.KIND)]
            # Another object of the same batches may have taken its place.
            if not any(document and data / document["path"] == path for document in listed):
                yield f"file://{path}"


def temporary_files(data: Path, tail_folder: Path, before: dt.datetime) -> Iterator[str]:
    """Locations of files that never got their names."""
    patterns = [(data / "bronze", ".*.tmp"), (data / SUMMARIES, ".*.tmp"), (tail_folder, "*.tmp")]
    for folder, pattern in patterns:
        yield from (f"file://{path}" for path in _old(folder.rglob(pattern), before))


def hand_over(records: Records, found: Iterable[str], due: dt.datetime) -> list[str]:
    """Have files unlinked at ``due`` but for those that wait for that already; returns them."""
    waiting = {location for _, location in records.list(garbage.KIND)}
    new = sorted(set(found) - waiting)
    garbage.remember(records, new, due)
    return new


def _old(paths: Iterable[Path], before: dt.datetime) -> Iterator[Path]:
    for path in paths:
        try:
            status = path.lstat()
        except FileNotFoundError:
            continue
        if path.is_file() and not path.is_symlink() and status.st_mtime < before.timestamp():
            yield path
