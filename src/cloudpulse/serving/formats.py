"""Silver rows written as Parquet, NDJSON or CSV, a few thousand at a time."""

from collections.abc import Callable, Iterator
from typing import IO, Any, Literal, Protocol, cast

import msgspec
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from cloudpulse.events.times import from_micros, rfc3339
from cloudpulse.lake.tables import SILVER
from cloudpulse.serving import sql

Format = Literal["parquet", "ndjson", "csv"]
GROUP_ROWS = 200_000
GROUP_BYTES = 16 << 20
_DISTINCT = ("event_id", "properties")
_PLAIN = ("event_id", "event_type", "event_name", "app", "source", "session_id", "user_id", "properties", *sql.METADATA)
_NO_PROPERTIES = msgspec.Raw(b"{}")
_FORMULA = r"^([=+\-@\t\r\n'])"
_JOIN = cast(Any, pc).binary_join_element_wise


class RowWriter(Protocol):
    """Writes rows to a file."""

    def write(self, rows: pa.Table) -> None:
        """Add rows, which have the columns of ``SILVER``."""

    def close(self) -> None:
        """Write what is left; the file itself stays open."""


class ParquetRows:
    """The silver columns, in row groups of bounded size."""

    def __init__(self, file: IO[bytes]) -> None:
        repeated = [name for name in SILVER.names if name not in _DISTINCT]
        self._writer = pq.ParquetWriter(file, SILVER, compression="zstd", use_dictionary=repeated, store_schema=False)
        self._waiting: list[pa.Table] = []
        self._bytes = 0

    def write(self, rows: pa.Table) -> None:
        """Gather rows until they are worth a group."""
        self._waiting.append(rows)
        self._bytes += rows.nbytes
        if self._bytes >= GROUP_BYTES or sum(table.num_rows for table in self._waiting) >= GROUP_ROWS:
            self._flush()

    def close(self) -> None:
        """Write the last group and the footer."""
        self._flush()
        self._writer.close()

    def _flush(self) -> None:
        if self._waiting:
            self._writer.write_table(pa.concat_tables(self._waiting))
        self._waiting, self._bytes = [], 0


class NdjsonRows:
    """One object a line, as ``GET /v1/events`` answers it."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._encoder = msgspec.json.Encoder()

    def write(self, rows: pa.Table) -> None:
        """Write the lines."""
        self._file.write(self._encoder.encode_lines(_objects(rows)))

    def close(self) -> None:
        """Nothing waits."""


class CsvRows:
    """RFC 4180 with a header: text in quotes, null as nothing at all, times in RFC 3339.

    Text that a spreadsheet program would take for a formula, and text that begins with an apostrophe, has an apostrophe
    before it: who takes one away from each text that begins with one has what was sent.
    """

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        file.write(",".join(SILVER.names).encode() + b"\r\n")

    def write(self, rows: pa.Table) -> None:
        """Write the lines."""
        if rows.num_rows:
            lines = _JOIN(*(_cells(column) for column in rows.combine_chunks().columns), ",")
            self._file.write("\r\n".join([*lines.to_pylist(), ""]).encode())

    def close(self) -> None:
        """Nothing waits."""


WRITERS: dict[Format, Callable[[IO[bytes]], RowWriter]] = {
    "parquet": ParquetRows,
    "ndjson": NdjsonRows,
    "csv": CsvRows,
}


def _objects(rows: pa.Table) -> Iterator[dict[str, Any]]:
    columns = [rows[name].to_pylist() for name in _PLAIN]
    times = [rows[name].cast(pa.int64()).to_pylist() for name in ("timestamp", "received_at")]
    for timestamp, received_at, *plain in zip(*times, *columns, strict=True):
        event_id, event_type, event_name, app, source, session_id, user_id, properties, *metadata = plain
        yield {
            "event_id": event_id,
            "event_type": event_type,
            "event_name": event_name,
            "timestamp": rfc3339(from_micros(timestamp)),
            "received_at": rfc3339(from_micros(received_at)),
            "app": app,
            "source": source,
            "session_id": session_id,
            "user_id": user_id,
            # As it was sent: numbers beyond 64 bits, too.
            "properties": _NO_PROPERTIES if properties is None else msgspec.Raw(properties.encode()),
            "metadata": sql.metadata(metadata),
        }


def _cells(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """A column as CSV cells."""
    if pa.types.is_string(column.type):
        safe = pc.replace_substring_regex(column, _FORMULA, r"'\1")
        cells = _JOIN('"', pc.replace_substring(safe, '"', '""'), '"', "")
    elif pa.types.is_timestamp(column.type):
        cells = _JOIN(pc.strftime(column.cast(pa.timestamp("us")), "%Y-%m-%dT%H:%M:%S"), "Z", "")
    else:
        cells = column.cast(pa.string())
    return pc.fill_null(cells, "")
