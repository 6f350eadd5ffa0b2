"""Where the Iceberg table is found: an SQLite catalog and a folder, or Glue and a bucket."""

from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol

from pyiceberg.catalog import Catalog
from pyiceberg.catalog.sql import SqlCatalog
from pyiceberg.exceptions import NamespaceAlreadyExistsError, NoSuchTableError, TableAlreadyExistsError
from pyiceberg.io import FileIO
from pyiceberg.table import Table
from sqlalchemy import URL, event, text

from cloudpulse.lake import glue, tables
from cloudpulse.lake.fileio import DurableFileIO, make_directory
from cloudpulse.settings import Settings

CATALOG = "cloudpulse"
_LOCATION = text("SELECT metadata_location FROM iceberg_tables WHERE table_namespace = :space AND table_name = :name")


def lake_folder(settings: Settings) -> Path:
    """The folder of the catalog, the metadata and the silver files."""
    return settings.data.resolve() / "lake"


def open_catalog(settings: Settings) -> SqlCatalog:
    """The SQLite catalog, made when there is none."""
    folder = lake_folder(settings)
    make_directory(folder)
    catalog = SqlCatalog(
        CATALOG,
        uri=URL.create("sqlite", database=str(folder / "catalog.db")).render_as_string(),
        warehouse=f"file://{folder}",
        **{"py-io-impl": "cloudpulse.lake.fileio.DurableFileIO"},
    )
    event.listen(catalog.engine, "connect", _make_durable)
    catalog.engine.dispose()  # the connection that the constructor used is not durable yet
    return catalog


def _make_durable(connection: Any, _: Any) -> None:
    # With a rollback journal a commit is the removal of a file, which FULL does not sync; with a WAL, a synced write.
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")


def open_table(settings: Settings) -> Table:
    """The table of all events, made when there is none."""
    on_glue = settings.engine == "aws"
    catalog: Catalog = glue.open_catalog() if on_glue else open_catalog(settings)
    name = glue.table_name(settings) if on_glue else tables.IDENTIFIER
    with suppress(NoSuchTableError):
        return catalog.load_table(name)
    with suppress(NamespaceAlreadyExistsError):
        catalog.create_namespace(name[0])
    try:
        return catalog.create_table(
            name,
            schema=tables.SCHEMA,
            location=glue.table_location(settings) if on_glue else f"file://{lake_folder(settings)}/events",
            partition_spec=tables.PARTITIONS,
            sort_order=tables.SORT,
            properties=tables.PROPERTIES,
        )
    except TableAlreadyExistsError:
        return catalog.load_table(name)


def metadata_location(catalog: SqlCatalog) -> str | None:
    """Where the newest metadata lies; None while there is no table. One small read."""
    with catalog.engine.connect() as connection:
        row = connection.execute(_LOCATION, {"space": tables.IDENTIFIER[0], "name": tables.IDENTIFIER[1]}).first()
    return None if row is None else row[0]


class Pointer(Protocol):
    """Tells where the newest metadata lies, to somebody who only reads. Not for several threads at once."""

    io: FileIO

    def read(self) -> str | None:
        """The location of the metadata; None while there is no table. One small read."""

    def close(self) -> None:
        """Give the catalog back."""


class SqlPointer:
    """The pointer in an SQLite catalog, which it never makes."""

    def __init__(self, settings: Settings) -> None:
        self.io: FileIO = DurableFileIO()
        self._settings = settings
        self._catalog: SqlCatalog | None = None

    def read(self) -> str | None:
        """The location of the metadata."""
        if self._catalog is None:
            if not (lake_folder(self._settings) / "catalog.db").exists():
                return None
            self._catalog = open_catalog(self._settings)
        return metadata_location(self._catalog)

    def close(self) -> None:
        """Give the catalog back."""
        if self._catalog is not None:
            self._catalog.close()
            self._catalog = None


def pointer(settings: Settings) -> Pointer:
    """The pointer of the catalog that the settings choose."""
    return glue.GluePointer(settings) if settings.engine == "aws" else SqlPointer(settings)
