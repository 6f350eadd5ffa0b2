"""Silver rows to sorted Parquet files, one per partition, with the statistics that Iceberg wants.

pyiceberg's own ``append`` filters the table once per partition; here it is sorted once and sliced.
"""

import datetime as dt
import uuid
from collections.abc import Iterable, Iterator
from concurrent.futures import wait
from contextlib import suppress
from functools import lru_cache
from typing import Any, cast

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pyiceberg.io import FileIO
from pyiceberg.io.pyarrow import (
    compute_statistics_plan,
    data_file_statistics_from_parquet_metadata,
    parquet_path_to_id_mapping,
)
from pyiceberg.manifest import DataFile, DataFileContent, FileFormat
from pyiceberg.table.metadata import TableMetadata
from pyiceberg.typedef import Record
from pyiceberg.utils.concurrent import ExecutorFactory

from cloudpulse.lake import tables

_EPOCH = dt.date(1970, 1, 1)
_DISTINCT = {"event_id", "properties"}
_DELTAS = {"timestamp": "DELTA_BINARY_PACKED"}
_OPTIONS: dict[str, Any] = {
    "compression": "zstd",
    "compression_level": 3,
    "use_dictionary": [name for name in tables.SILVER.names if name not in _DISTINCT | _DELTAS.keys()],
    "column_encoding": _DELTAS,
    "write_statistics": ["timestamp"],
    "store_schema": False,
}


def write_partitions(metadata: TableMetadata, io: FileIO, table: pa.Table) -> list[DataFile]:
    """Write rows as one sorted, synced file per day and type; the files are in no snapshot yet.

    When one cannot be written, none of them stays: a full disk is tried again and again.
    """
    folder = _data_folder(metadata)
    tasks = [(_location(folder, day, kind), day, kind, [rows]) for day, kind, rows in partitions(table)]
    pool = ExecutorFactory.get_or_create()
    running = [pool.submit(_write, metadata, io, *task) for task in tasks]
    try:
        return [one.result() for one in running]
    except Exception:
        wait([one for one in running if not one.cancel()])
        for location, *_ in tasks:
            with suppress(FileNotFoundError):
                io.delete(location)
        raise


def try_out(table: pa.Table) -> None:
    """Sort, cut and encode rows as for a commit, in memory alone."""
    for _, _, rows in partitions(table):
        with pq.ParquetWriter(pa.BufferOutputStream(), tables.SILVER, **_OPTIONS) as writer:
            writer.write_table(rows)


def partitions(table: pa.Table) -> Iterator[tuple[dt.date, str, pa.Table]]:
    """(day, event type, rows by time) of each partition."""
    table = table.combine_chunks()
    types = pc.dictionary_encode(table["event_type"].combine_chunks())
    order = pc.sort_indices(
        pa.table({"type": types.indices, "timestamp": table["timestamp"]}),
        sort_keys=[("type", "ascending"), ("timestamp", "ascending")],
    )
    table = table.take(order)
    keys = pa.table({"type": types.indices.take(order), "day": table["timestamp"].cast(pa.date32(), safe=False)})
    # The groups come in no order of their own; in that of the rows, their sizes cut the table.
    runs = keys.group_by(["type", "day"]).aggregate([([], "count_all")])
    runs = runs.sort_by([("type", "ascending"), ("day", "ascending")])
    start = 0
    for code, day, rows in zip(*(runs[name].to_pylist() for name in ("type", "day", "count_all")), strict=True):
        yield day, types.dictionary[code].as_py(), table.slice(start, rows)
        start += rows


def _data_folder(metadata: TableMetadata) -> str:
    return f"{metadata.location}/data"


def _location(folder: str, day: dt.date, event_type: str) -> str:
    return f"{folder}/day={day}/event_type={event_type}/{uuid.uuid4()}.parquet"


def write_file(
    metadata: TableMetadata,
    io: FileIO,
    day: dt.date,
    event_type: str,
    parts: Iterable[pa.Table],
    folder: str | None = None,
) -> DataFile:
    """Write sorted rows of one partition as one synced file, a row group for each part; none stays when it fails.

    It lies with the table's files, or in another ``folder``.
    """
    location = _location(folder or _data_folder(metadata), day, event_type)
    try:
        return _write(metadata, io, location, day, event_type, parts)
    except BaseException:
        with suppress(FileNotFoundError):
            io.delete(location)
        raise


def _write(
    metadata: TableMetadata, io: FileIO, location: str, day: dt.date, event_type: str, parts: Iterable[pa.Table]
) -> DataFile:
    with cast(Any, io.new_output(location).create()) as file:
        with pq.ParquetWriter(file, tables.SILVER, **_OPTIONS) as writer:
            for rows in parts:
                writer.write_table(rows)
        size = file.tell()
        statistics = data_file_statistics_from_parquet_metadata(writer.writer.metadata, *_statistics_plan())
    return DataFile.from_args(
        content=DataFileContent.DATA,
        file_path=location,
        file_format=FileFormat.PARQUET,
        partition=Record((day - _EPOCH).days, event_type),
        file_size_in_bytes=size,
        sort_order_id=metadata.default_sort_order_id,
        spec_id=metadata.default_spec_id,
        equality_ids=None,
        key_metadata=None,
        **statistics.to_serialized_dict(),
    )


@lru_cache(maxsize=1)
def _statistics_plan() -> tuple[dict[int, Any], dict[str, int]]:
    return compute_statistics_plan(tables.SCHEMA, tables.PROPERTIES), parquet_path_to_id_mapping(tables.SCHEMA)


def time_bounds(file: DataFile) -> tuple[int, int]:
    """The times of the first and the last row, microseconds since 1970."""
    lower, upper = file.lower_bounds[tables.TIMESTAMP_ID], file.upper_bounds[tables.TIMESTAMP_ID]
    return int.from_bytes(lower, "little", signed=True), int.from_bytes(upper, "little", signed=True)


def partition_of(file: DataFile) -> tuple[dt.date, str]:
    """The day and the event type of its rows."""
    return _EPOCH + dt.timedelta(days=file.partition[0]), file.partition[1]


def read(io: FileIO, file: DataFile) -> pa.Table:
    """All rows of a silver file."""
    with cast(Any, io.new_input(file.file_path).open()) as source:
        return pq.ParquetFile(source).read().cast(tables.SILVER)
