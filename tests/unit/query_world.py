"""A journal, a lake and a tail made of random events, with the truth about them as plain rows."""

import datetime as dt
import json
import random
from collections import Counter
from pathlib import Path
from typing import Any

import msgspec

from cloudpulse.engines.local.event_log import SqliteEventLog, SqliteLogReader
from cloudpulse.engines.local.records import SqliteRecords
from cloudpulse.engines.local.warehouse import DuckDbWarehouse
from cloudpulse.events import codec
from cloudpulse.events.model import EVENT_TYPES, Batch, Count, Metadata, Position, StoredEvent
from cloudpulse.events.times import UTC, effective, is_live, micros, minute_of, rfc3339
from cloudpulse.lake.chunk import Chunk, decode
from cloudpulse.lake.commit import Lake
from cloudpulse.lake.snapshot import SnapshotReader
from cloudpulse.lake.tail import prune, write_tail
from cloudpulse.serving.adhoc import SqlService
from cloudpulse.serving.execution import Executor
from cloudpulse.serving.query import QueryService
from cloudpulse.serving.request import QueryAnswer, QueryRequest
from cloudpulse.settings import Settings

NOW = dt.datetime(2026, 4, 2, 12, tzinfo=UTC)
AGENTS = (
    None,
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0 Safari/537.36",
    "Mozilla/5.0 (X11; Linux x86_64; rv:121.0) Gecko/20100101 Firefox/121.0",
)


def random_event(rng: random.Random, first: dt.datetime, last: dt.datetime) -> StoredEvent:
    kind = rng.choice(EVENT_TYPES)
    session = rng.randrange(25)
    return StoredEvent(
        event_id=f"{rng.getrandbits(128):032x}",
        timestamp=rfc3339(first + rng.random() * (last - first)),
        event_type=kind,
        session_id=f"session-{session}",
        source=rng.choice(("web", "api")),
        user_id=rng.choice((None, f"user-{session % 7}")),
        event_name=rng.choice(("signup", "order")) if kind == "custom" else None,
        properties=msgspec.Raw(json.dumps({"page": f"/p{rng.randrange(4)}"}).encode() if rng.random() < 0.5 else b"{}"),
        metadata=Metadata(country=rng.choice((None, "DE", "FR")), user_agent=rng.choice(AGENTS)),
        received_at=rfc3339(NOW),
        client_id="client",
        app=rng.choice(("default", "shop")),
    )


def batch_of(events: list[StoredEvent], received_at: dt.datetime = NOW) -> Batch:
    cells: Counter[tuple[str, int, str, bool]] = Counter()
    for event in events:
        moment = effective(dt.datetime.fromisoformat(event.timestamp or event.received_at), received_at)
        cells[event.app, minute_of(moment), event.event_type, is_live(moment, received_at)] += 1
    return Batch(
        received_at=micros(received_at),
        events=len(events),
        digest=tuple(Count(*cell, events) for cell, events in cells.items()),
        ids=b"",
        lines=codec.pack_lines([msgspec.json.encode(event) for event in events]),
    )


class World:
    """Accepts batches, moves them to tail files and lake, asks, and knows the truth."""

    def __init__(self, folder: Path, **settings: Any) -> None:
        self.settings = Settings(data=folder, **settings)
        self.log = SqliteEventLog(folder)
        self.reader = SqliteLogReader(folder)
        self.lake = Lake(self.settings)
        self.snapshots = SnapshotReader(self.settings)
        self.warehouse = DuckDbWarehouse(self.settings)
        self.records = SqliteRecords(folder / "records.db")
        self.service = QueryService(self.settings, self.executor(self.snapshots))
        self.sql = self.sql_service(self.snapshots)
        self.journal = self.reader.state().journal
        self.truth: list[dict[str, Any]] = []

    def executor(self, snapshots: Any) -> Executor:
        return Executor(self.settings, snapshots, self.reader, self.warehouse, lambda: NOW)

    def sql_service(self, snapshots: Any) -> SqlService:
        return SqlService(self.settings, self.executor(snapshots).tail, self.records, self.warehouse, lambda: NOW)

    def close(self) -> None:
        self.warehouse.close()
        self.reader.close()
        self.log.close()

    def accept(self, events: list[StoredEvent]) -> int:
        batch = batch_of(events)
        self.truth += decode(self.journal, [msgspec.structs.replace(batch, seq=1)], NOW).table.to_pylist()
        return self.log.append(batch)

    def chunk(self, after: int, upto: int) -> Chunk:
        batches = [batch for batch in self.reader.read(after) if batch.seq <= upto]
        return decode(self.journal, batches, NOW)

    def to_tail_file(self, after: int, upto: int) -> None:
        write_tail(self.settings.data / "tail", self.chunk(after, upto))

    def to_lake(self, upto: int) -> None:
        expected = self.lake.position()
        chunk = self.chunk(0 if expected is None else expected.seq, upto)
        assert self.lake.append(chunk.table, expected, Position(self.journal, upto))

    def prune_tail(self) -> None:
        prune(self.settings.data / "tail", self.lake.position())

    def ask(self, query_type: str, first: str, last: str, **others: Any) -> QueryAnswer:
        days = {"date_from": dt.date.fromisoformat(first), "date_to": dt.date.fromisoformat(last)}
        return self.service.run(QueryRequest(query_type=query_type, **days, **others))

    def rows(self, query_type: str, first: str, last: str, **others: Any) -> list[Any]:
        return msgspec.to_builtins(self.ask(query_type, first, last, **others).results)
