"""Where the Iceberg table is found: an SQLite catalog and a folder."""

from contextlib import suppress
from pathlib import Path
from typing import Any

from pyiceberg.catalog.sql import SqlCatalog
from pyiceberg.exceptions import NamespaceAlreadyExistsError, TableAlreadyExistsError
from pyiceberg.table import Table
from sqlalchemy import URL, event, text

from cloudpulse.lake import tables
from cloudpulse.lake.fileio import make_directory
from cloudpulse.settings import Settings

CATALOG = "cloudpulse"
_LOCATION = text("SELECT metadata_location FROM iceberg_tables WHERE table_namespace = :space AND table_name = :name")


def lake_folder(settings: Settings) -> Path:
    """The folder of the catalog, the metadata and the silver files."""
    return settings.data.resolve() / "lake"


def open_catalog(settings: Settings) -> SqlCatalog:
    """The catalog, made when there is none."""
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
    """The table ``cloudpulse.events``, made when there is none."""
    catalog = open_catalog(settings)
    with suppress(NamespaceAlreadyExistsError):
        catalog.create_namespace(tables.IDENTIFIER[0])
    if catalog.table_exists(tables.IDENTIFIER):
        return catalog.load_table(tables.IDENTIFIER)
    try:
        return catalog.create_table(
            tables.IDENTIFIER,
            schema=tables.SCHEMA,
            location=f"file://{lake_folder(settings)}/events",
            partition_spec=tables.PARTITIONS,
            sort_order=tables.SORT,
            properties=tables.PROPERTIES,
        )
    except TableAlreadyExistsError:
        return catalog.load_table(tables.IDENTIFIER)


def metadata_location(catalog: SqlCatalog) -> str | None:
    """Where the newest metadata lies; None while there is no table. One small read."""
    with catalog.engine.connect() as connection:
        row = connection.execute(_LOCATION, {"space": tables.IDENTIFIER[0], "name": tables.IDENTIFIER[1]}).first()
    return None if row is None else row[0]
