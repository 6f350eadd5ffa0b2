"""The tables that SQL can name, each over the files and rows of one view."""

import os
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa

from cloudpulse.events import codec
from cloudpulse.events.model import Batch
from cloudpulse.events.times import UTC, from_micros, micros
from cloudpulse.lake import bronze
from cloudpulse.lake.sift import sift
from cloudpulse.lake.snapshot import LakeFile
from cloudpulse.lake.summaries import FOLDER as SUMMARIES
from cloudpulse.lake.tables import SILVER
from cloudpulse.ports import Records, Relation
from cloudpulse.serving.bounds import Bounds
from cloudpulse.serving.buckets import Calendar
from cloudpulse.serving.request import Plan
from cloudpulse.serving.tail import TailReader, View

TIME_COLUMNS: Mapping[str, str] = {"events": "timestamp", "raw_events": "received_at", "daily_summaries": "date"}
"""By relation: the column whose conditions leave files alone."""

RAW_COLUMNS: Mapping[str, str] = {
    **dict.fromkeys(("event_id", "event_type", "event_name"), "VARCHAR"),
    **dict.fromkeys(("timestamp", "received_at"), "TIMESTAMP WITH TIME ZONE"),
    **dict.fromkeys(("app", "client_id", "source", "session_id", "user_id"), "VARCHAR"),
    **dict.fromkeys(("properties", "metadata", "remote"), "VARCHAR"),
}
"""The fields of a stored line; objects are JSON text, ``timestamp`` is null where the client sent none."""

SUMMARY_COLUMNS: Mapping[str, str] = {
    "date": "DATE",
    **dict.fromkeys(("total_events", "sessions", "users", "error_count"), "BIGINT"),
    "error_rate_pct": "DOUBLE",
    "by_event_type": "MAP(VARCHAR, BIGINT)",
    **dict.fromkeys(("by_hour", "top_pages", "top_countries"), "VARCHAR"),
}
"""One row a day, as ``daily_summaries/YYYY-MM-DD.json`` has it; the last three are JSON text."""

_ARROW = {
    "VARCHAR": pa.string(),
    "BOOLEAN": pa.bool_(),
    "TIMESTAMP WITH TIME ZONE": pa.timestamp("us", "UTC"),
    "DATE": pa.date32(),
    "BIGINT": pa.int64(),
    "DOUBLE": pa.float64(),
    "MAP(VARCHAR, BIGINT)": pa.map_(pa.string(), pa.int64()),
}
_DUCKDB = {arrow: kind for kind, arrow in _ARROW.items()}

COLUMNS: Mapping[str, Mapping[str, str]] = {
    "events": {field.name: _DUCKDB[field.type] for field in SILVER},
    "raw_events": RAW_COLUMNS,
    "daily_summaries": SUMMARY_COLUMNS,
}
"""By relation: its columns with DuckDB's types, as an answer names them."""

_EARLIEST = micros(from_micros(0).replace(year=1))
_LATEST = micros(from_micros(0).replace(year=9999))
_HOUR = 3_600_000_000
_RECEIVED_HOUR = re.compile(r"year=(\d+)/month=(\d+)/day=(\d+)/hour=(\d+)/")


class Source(msgspec.Struct, frozen=True):
    """A relation, what its files are known by (they change when the content does), and how large they are."""

    relation: Relation
    known_by: tuple[Any, ...]
    bytes: int

    @property
    def has_tail(self) -> bool:
        """Whether rows stand in it that no file has."""
        return bool(self.relation.rows is not None and self.relation.rows.num_rows)


class _Line(msgspec.Struct):
    """A stored line, whatever of it is there."""

    event_id: str | None = None
    event_type: str | None = None
    event_name: str | None = None
    timestamp: str | None = None
    received_at: str | None = None
    app: str | None = None
    client_id: str | None = None
    source: str | None = None
    session_id: str | None = None
    user_id: str | None = None
    properties: msgspec.Raw = msgspec.Raw(b"")
    metadata: msgspec.Raw = msgspec.Raw(b"")
    remote: msgspec.Raw = msgspec.Raw(b"")


_decode_lines = msgspec.json.Decoder(_Line).decode_lines


class Relations:
    """Makes the relations of a data folder."""

    def __init__(self, data: Path, tail: TailReader, records: Records) -> None:
        self._data = data.resolve()
        self._tail = tail
        self._records = records

    def get(self, name: str, view: View, bounds: Bounds) -> Source:
        """One relation with all rows of the view within bounds, and maybe others.

        Raises ``LogTrimmed`` or FileNotFoundError when they have gone meanwhile: open a new view.
        """
        make: Mapping[str, Callable[[View, Bounds], Source]] = {
            "events": self._events,
            "raw_events": self._raw_events,
            "daily_summaries": self._daily_summaries,
        }
        return make[name](view, bounds)

    def _events(self, view: View, bounds: Bounds) -> Source:
        files = [file for file in view.files if _may_hold(file, bounds)]
        rows = self._tail.rows(view, _plan(bounds))
        if not files and rows is None:
            rows = SILVER.empty_table()
        paths = tuple(sorted(file.path for file in files))
        return Source(Relation(paths, rows), paths, sum(file.bytes for file in files))

    def _raw_events(self, view: View, bounds: Bounds) -> Source:
        files = [
            bronze.place(self._data, file)
            for file in bronze.listed(self._records)
            if (file.journal != view.journal or file.last <= view.after) and not _is_before(file.path, bounds)
        ]
        return _json_source(files, RAW_COLUMNS, _raw_rows(self._tail.batches(view)))

    def _daily_summaries(self, view: View, bounds: Bounds) -> Source:
        files = sorted((self._data / SUMMARIES).glob("????-??-??.json"))
        return _json_source(files, SUMMARY_COLUMNS, None)


def _may_hold(file: LakeFile, bounds: Bounds) -> bool:
    return (
        (bounds.start is None or file.max_timestamp >= bounds.start)
        and (bounds.end is None or file.min_timestamp <= bounds.end)
        and (bounds.event_types is None or file.event_type in bounds.event_types)
    )


def _plan(bounds: Bounds) -> Plan:
    """Bounds as the tail understands them: a range [start, end), and one event type or all."""
    start = max(_EARLIEST, min(_LATEST, _EARLIEST if bounds.start is None else bounds.start))
    end = max(_EARLIEST, min(_LATEST, _LATEST if bounds.end is None else bounds.end + 1))
    first, last = from_micros(start).date(), from_micros(end).date()
    types = bounds.event_types or ()
    return Plan(
        query_type="sql",
        calendar=Calendar("UTC", first, last, start, end, (start,), (0,)),
        event_type=next(iter(types)) if len(types) == 1 else None,
        limit=0,
        interval="",
        by="",
        filters=(),
    )


def _is_before(path: str, bounds: Bounds) -> bool:
    """Whether all events of an object were received before ``start``.

    Nothing is known of the other side: those of dead letters were received earlier than their object tells.
    """
    match = _RECEIVED_HOUR.search(path)
    if bounds.start is None or match is None:
        return False
    year, month, day, hour = map(int, match.groups())
    begin = micros(from_micros(0).replace(year=year, month=month, day=day, hour=hour, tzinfo=UTC))
    return begin + _HOUR < bounds.start


def _json_source(files: Sequence[Path], columns: Mapping[str, str], rows: pa.Table | None) -> Source:
    states = [os.stat(file) for file in files]
    known_by = tuple((str(file), state.st_mtime_ns, state.st_size) for file, state in zip(files, states, strict=True))
    if not files and rows is None:
        rows = pa.schema([(name, _ARROW[kind]) for name, kind in columns.items()]).empty_table()
    relation = Relation([str(file) for file in files], rows, columns)
    return Source(relation, known_by, sum(state.st_size for state in states))


def _raw_rows(batches: Sequence[Batch]) -> pa.Table | None:
    lines = [line for batch in batches for line in _lines(batch)]
    if not lines:
        return None
    columns = {
        name: pa.array([_text(getattr(line, name)) for line in lines], pa.string()).cast(_ARROW[kind])
        for name, kind in RAW_COLUMNS.items()
    }
    return pa.table(columns)


def _lines(batch: Batch) -> list[_Line]:
    """Damaged lines are left out: they are on their way to the dead letters."""
    try:
        return _decode_lines(codec.decompress(batch.lines))
    except Exception:
        good, _ = sift(batch)
        return [] if good is None else _decode_lines(codec.decompress(good.lines))


def _text(value: str | msgspec.Raw | None) -> str | None:
    if not isinstance(value, msgspec.Raw):
        return value
    text = bytes(value).decode()
    return None if text in ("", "null") else text
