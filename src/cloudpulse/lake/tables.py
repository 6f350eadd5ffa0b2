"""The silver table: its columns, its Iceberg layout, and stored lines turned into its rows."""

import datetime as dt

import pyarrow as pa
import pyarrow.compute as pc
from pyiceberg.io.pyarrow import pyarrow_to_schema
from pyiceberg.partitioning import PartitionField, PartitionSpec
from pyiceberg.table.sorting import SortField, SortOrder
from pyiceberg.transforms import DayTransform, IdentityTransform

from cloudpulse.events import codec, enrich
from cloudpulse.events.model import Metadata, Remote, StoredEvent
from cloudpulse.events.times import FUTURE_LIMIT

IDENTIFIER = ("cloudpulse", "events")
POSITION = "cloudpulse.position"

_TEXT = pa.string()
_TIME = pa.timestamp("us", "UTC")
_COLUMNS: list[tuple[str, pa.DataType, bool]] = [
    ("event_id", _TEXT, False),
    ("event_type", _TEXT, False),
    ("event_name", _TEXT, True),
    ("timestamp", _TIME, False),
    ("received_at", _TIME, False),
    ("processed_at", _TIME, False),
    ("app", _TEXT, False),
    ("client_id", _TEXT, False),
    ("source", _TEXT, False),
    ("session_id", _TEXT, False),
    ("user_id", _TEXT, True),
    ("page", _TEXT, True),
    ("duration_ms", pa.float64(), True),
    ("referrer", _TEXT, True),
    ("ip_address", _TEXT, True),
    ("country", _TEXT, True),
    ("region", _TEXT, True),
    ("user_agent", _TEXT, True),
    ("browser", _TEXT, True),
    ("os", _TEXT, True),
    ("device", _TEXT, True),
    ("bot", pa.bool_(), False),
    ("clamped", pa.bool_(), False),
    ("properties", _TEXT, True),
]

SILVER = pa.schema(
    [
        pa.field(name, kind, nullable, metadata={"PARQUET:field_id": str(number)})
        for number, (name, kind, nullable) in enumerate(_COLUMNS, start=1)
    ]
)
"""The columns of ``events``; every field carries its Iceberg id."""

SCHEMA = pyarrow_to_schema(SILVER)
TIMESTAMP_ID = SCHEMA.find_field("timestamp").field_id
_EVENT_TYPE_ID = SCHEMA.find_field("event_type").field_id

PARTITIONS = PartitionSpec(
    PartitionField(source_id=TIMESTAMP_ID, field_id=1000, transform=DayTransform(), name="day"),
    PartitionField(source_id=_EVENT_TYPE_ID, field_id=1001, transform=IdentityTransform(), name="event_type"),
)
SORT = SortOrder(SortField(source_id=TIMESTAMP_ID, transform=IdentityTransform()))

PROPERTIES = {
    # pyiceberg's own retry would land an append again without looking at the position.
    "commit.retry.num-retries": "0",
    "commit.manifest-merge.enabled": "true",
    "commit.manifest.min-count-to-merge": "32",
    "commit.manifest.target-size-bytes": str(256 * 1024),
    "write.metadata.delete-after-commit.enabled": "true",
    "write.metadata.previous-versions-max": "20",
    # Statements prune by day, type and time only; bounds of every column would make manifests five times as large.
    "write.metadata.metrics.default": "none",
    "write.metadata.metrics.column.timestamp": "full",
    "write.delete.mode": "copy-on-write",
    "write.delete.isolation-level": "snapshot",
}

_FROM_BROWSERS = frozenset({"web", "mobile"})
_NO_METADATA = Metadata()
_NO_REMOTE = Remote()
_FUTURE = pa.scalar(FUTURE_LIMIT, pa.duration("us"))


def to_arrow(lines: bytes, processed_at: dt.datetime) -> pa.Table:
    """Silver rows of decompressed stored lines, in line order; raises ``msgspec.MsgspecError`` on damaged lines."""
    events = codec.decode_lines(lines)
    columns = _stored(events) | _times(events) | _sender(events) | _extracted(events)
    columns["processed_at"] = pa.repeat(pa.scalar(processed_at, _TIME), len(events))
    return pa.Table.from_arrays([columns[name] for name in SILVER.names], schema=SILVER)


def _stored(events: list[StoredEvent]) -> dict[str, pa.Array]:
    values = {
        "event_id": [event.event_id for event in events],
        "event_type": [event.event_type for event in events],
        "event_name": [event.event_name for event in events],
        "app": [event.app for event in events],
        "client_id": [event.client_id for event in events],
        "source": [event.source for event in events],
        "session_id": [event.session_id for event in events],
        "user_id": [event.user_id for event in events],
    }
    return {name: pa.array(column, _TEXT) for name, column in values.items()}


def _times(events: list[StoredEvent]) -> dict[str, pa.Array]:
    """Event time as ``events.times.effective`` defines it, on whole columns."""
    received_at = pa.array([event.received_at for event in events], _TEXT).cast(_TIME)
    sent = pa.array([event.timestamp for event in events], _TEXT).cast(_TIME)
    timestamp = pc.coalesce(sent, received_at)
    clamped = pc.greater(pc.subtract(timestamp, received_at), _FUTURE)
    return {
        "received_at": received_at,
        "timestamp": pc.if_else(clamped, received_at, timestamp),
        "clamped": clamped,
    }


def _sender(events: list[StoredEvent]) -> dict[str, pa.Array]:
    """Metadata; what the connection tells stands in for what a browser or an app left out."""
    said = [event.metadata or _NO_METADATA for event in events]
    seen = [event.remote if event.remote and event.source in _FROM_BROWSERS else _NO_REMOTE for event in events]
    agents = [m.user_agent if m.user_agent is not None else r.user_agent for m, r in zip(said, seen, strict=True)]
    parsed = [enrich.user_agent(text) for text in agents]
    values = {
        "ip_address": [
            m.ip_address if m.ip_address is not None else r.ip_address for m, r in zip(said, seen, strict=True)
        ],
        "country": [m.country if m.country is not None else r.country for m, r in zip(said, seen, strict=True)],
        "region": [m.region for m in said],
        "referrer": [m.referrer for m in said],
        "user_agent": agents,
        "browser": [agent.browser for agent in parsed],
        "os": [agent.os for agent in parsed],
        "device": [agent.device for agent in parsed],
    }
    columns = {name: pa.array(column, _TEXT) for name, column in values.items()}
    return columns | {"bot": pa.array([agent.bot for agent in parsed], pa.bool_())}


def _extracted(events: list[StoredEvent]) -> dict[str, pa.Array]:
    fields = [enrich.decode_page_fields(event.properties) for event in events]
    properties = pa.array([bytes(event.properties) for event in events], pa.binary()).cast(_TEXT)
    return {
        "page": pa.array([enrich.page(field) for field in fields], _TEXT),
        "duration_ms": pa.array([enrich.duration_ms(field) for field in fields], pa.float64()),
        "properties": pc.if_else(pc.equal(properties, "{}"), pa.scalar(None, _TEXT), properties),
    }
