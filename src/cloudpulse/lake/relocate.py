"""A lake that was moved or restored: the same files and position, under the names that they have now.

Iceberg names files by absolute paths, in the metadata and in every manifest. So a new table version is written, with
one snapshot and without history, and the catalog's pointer moves to it in one step.
"""

import uuid

from pyiceberg.catalog.sql import SqlCatalog
from pyiceberg.io.pyarrow import PyArrowFile
from pyiceberg.manifest import DataFile
from pyiceberg.serializers import FromInputFile, ToOutputFile
from pyiceberg.table.metadata import TableMetadata
from sqlalchemy import text

from cloudpulse.errors import StoreError
from cloudpulse.lake import tables
from cloudpulse.lake.catalog import lake_folder, metadata_location, open_catalog
from cloudpulse.lake.fileio import DurableFileIO
from cloudpulse.lake.manifests import ManifestCache
from cloudpulse.settings import Settings

_SWITCH = text("""
UPDATE iceberg_tables SET metadata_location = :new, previous_metadata_location = NULL
WHERE table_namespace = :space AND table_name = :name AND metadata_location = :old
""")
_PATH = 1
"""The place of ``file_path`` in a ``DataFile``."""


class _MovedFiles(DurableFileIO):
    """Finds files that still bear the names of the folder where they were."""

    def __init__(self, before: str, now: str) -> None:
        super().__init__()
        self._before = before + "/"
        self._now = now + "/"

    def present(self, location: str) -> str:
        """What a file is called now."""
        return self._now + location.removeprefix(self._before) if location.startswith(self._before) else location

    def new_input(self, location: str) -> PyArrowFile:
        """A file to read, by its old name or its new one."""
        return super().new_input(self.present(location))


def follow_move(settings: Settings) -> bool:
    """Rename the files of a lake whose folder was moved; False when it lies where it says, or there is none."""
    location = _location(settings)
    if location is None or location.startswith(f"{_present(settings)}/"):
        return False
    rename(settings)
    return True


def rename(settings: Settings) -> None:
    """Name all live files by the folder in which they lie, and forget the history; safe to repeat after a crash."""
    old = _location(settings)
    if old is None:
        return
    folder = lake_folder(settings) / "events" / "metadata"
    replaced = list(folder.iterdir())
    new = _write_version(old, _present(settings))
    catalog = open_catalog(settings)
    space, name = tables.IDENTIFIER
    with catalog.engine.begin() as connection:
        done = connection.execute(_SWITCH, {"new": new, "old": old, "space": space, "name": name}).rowcount
    catalog.engine.dispose()
    if not done:
        raise StoreError("The lake changed while its files were renamed. Only one process may do that.")
    for path in replaced:
        path.unlink()


def _present(settings: Settings) -> str:
    return f"file://{lake_folder(settings)}/events"


def _location(settings: Settings) -> str | None:
    if not (lake_folder(settings) / "catalog.db").exists():
        return None
    catalog = open_catalog(settings)
    try:
        return metadata_location(catalog)
    finally:
        catalog.engine.dispose()


def _write_version(old: str, present: str) -> str:
    """Write a table version with the live files of ``old`` under their present names; returns where it is."""
    io = _MovedFiles(old.rpartition("/metadata/")[0], present)
    before: TableMetadata = FromInputFile.table_metadata(io.new_input(old))
    files: list[DataFile] = ManifestCache[DataFile](lambda file: file).files(before, io)
    for file in files:
        file[_PATH] = io.present(file.file_path)
    start = f"{present}/metadata/00000-{uuid.uuid4()}.metadata.json"
    ToOutputFile.table_metadata(_without_history(before, present), io.new_output(start))
    # A catalog of its own: the real one never sees the version that has a position and no rows yet.
    catalog = SqlCatalog("move", uri="sqlite:///:memory:", **{"py-io-impl": "cloudpulse.lake.fileio.DurableFileIO"})
    catalog.create_namespace(tables.IDENTIFIER[0])
    table = catalog.register_table(tables.IDENTIFIER, start)
    if files:
        with table.transaction() as transaction, transaction.update_snapshot().fast_append() as append:
            for file in files:
                append.append_data_file(file)
    catalog.engine.dispose()
    return table.metadata_location


def _without_history(metadata: TableMetadata, location: str) -> TableMetadata:
    return metadata.model_copy(
        update={
            "location": location,
            "current_snapshot_id": None,
            "snapshots": [],
            "snapshot_log": [],
            "metadata_log": [],
            "statistics": [],
            "partition_statistics": [],
            "refs": {},
        }
    )


def named_files(settings: Settings) -> list[str]:
    """Locations of all that the current version of the table needs, its metadata first; none while there is none.

    Raises FileNotFoundError when the table has moved on and they are gone.
    """
    location = _location(settings)
    if location is None:
        return []
    io = DurableFileIO()
    metadata: TableMetadata = FromInputFile.table_metadata(io.new_input(location))
    snapshot = metadata.current_snapshot()
    if snapshot is None:
        return [location]
    manifests = [manifest.manifest_path for manifest in snapshot.manifests(io)]
    files = ManifestCache[str](lambda file: file.file_path).files(metadata, io)
    return [location, snapshot.manifest_list, *manifests, *files]
