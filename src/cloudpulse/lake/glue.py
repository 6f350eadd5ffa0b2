"""The Iceberg table's place on AWS: a Glue catalog and a bucket."""

import os
from typing import TYPE_CHECKING

from pyiceberg.io import FileIO

from cloudpulse.lake import tables
from cloudpulse.lake.fileio import DurableFileIO, Objects
from cloudpulse.settings import Settings

if TYPE_CHECKING:
    from pyiceberg.catalog.glue import GlueCatalog

CATALOG = "cloudpulse"


def open_catalog() -> "GlueCatalog":
    """The catalog. It sends nothing twice: a commit that had landed looked refused then, and lost its manifests."""
    # The SDK takes half a second to import: the local engine never pays for it.
    from botocore.config import Config
    from botocore.session import Session
    from pyiceberg.catalog.glue import GlueCatalog

    session = Session()
    session.set_default_client_config(Config(connect_timeout=2, read_timeout=10))
    return GlueCatalog(CATALOG, **{"botocore_session": session, "glue.max-retries": 0, **file_properties()})


def file_properties() -> dict[str, str]:
    """What the file system of the table needs to know."""
    environ = os.environ
    known = {
        "py-io-impl": "cloudpulse.lake.fileio.DurableFileIO",
        "s3.endpoint": environ.get("AWS_ENDPOINT_URL_S3") or environ.get("AWS_ENDPOINT_URL"),
        "s3.region": environ.get("AWS_REGION") or environ.get("AWS_DEFAULT_REGION"),
    }
    return {name: value for name, value in known.items() if value}


def objects(settings: Settings) -> Objects:
    """What lies in the bucket beside the table: bronze, and batches too large for a message."""
    return Objects(settings.aws_bucket, file_properties())


def table_name(settings: Settings) -> tuple[str, str]:
    """Database and table."""
    return settings.aws_database, tables.IDENTIFIER[1]


def table_location(settings: Settings) -> str:
    """Where the table's files lie, in the bucket as in the data folder."""
    return f"s3://{settings.aws_bucket}/lake/events"


class GluePointer:
    """Tells where the newest metadata lies, to somebody who only reads (see ``catalog.Pointer``)."""

    def __init__(self, settings: Settings) -> None:
        self.io: FileIO = DurableFileIO(file_properties())
        self._database, self._table = table_name(settings)
        self._glue = open_catalog().glue

    def read(self) -> str | None:
        """The location of the metadata; None while there is no table. One request."""
        try:
            found = self._glue.get_table(DatabaseName=self._database, Name=self._table)
        except self._glue.exceptions.EntityNotFoundException:
            return None
        return str(found["Table"]["Parameters"]["metadata_location"])

    def close(self) -> None:
        """Give the connections back."""
        self._glue.close()
