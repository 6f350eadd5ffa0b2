"""The one place that names concrete classes: settings in, wired parts out. Heavy imports wait until they are used."""

from __future__ import annotations

import asyncio
import datetime as dt
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from cloudpulse.events.model import LAKE, SPEED, Batch, Position
from cloudpulse.settings import Settings

if TYPE_CHECKING:
    from cloudpulse.auth.clients import ClientService
    from cloudpulse.auth.record_signing import RecordSigner
    from cloudpulse.auth.rotation import Rotation
    from cloudpulse.auth.sessions import SessionService
    from cloudpulse.auth.throttle import SignInThrottle, TokenBuckets
    from cloudpulse.auth.tokens import TokenService
    from cloudpulse.auth.user_tokens import UserTokens
    from cloudpulse.auth.users import UserService
    from cloudpulse.auth.verify import Verifier
    from cloudpulse.auth.write_keys import WriteKeyService
    from cloudpulse.batch.writer import LakeWriter
    from cloudpulse.engines.local.dead_letters import SqliteDeadLetters
    from cloudpulse.engines.local.event_log import SqliteEventLog, SqliteLogReader
    from cloudpulse.engines.local.id_index import RocksIdIndex
    from cloudpulse.events.summary import DailySummary
    from cloudpulse.ingest.limits import Gate
    from cloudpulse.ingest.receive import Receiver
    from cloudpulse.ingest.sequencer import Deliver, Sequencer
    from cloudpulse.lake.commit import Lake
    from cloudpulse.lake.snapshot import SnapshotReader
    from cloudpulse.ops.alarms.board import AlarmBoard
    from cloudpulse.ops.dead_letters import DeadLetterService
    from cloudpulse.ops.erasures import ErasureService
    from cloudpulse.ops.health_history import HealthHistory
    from cloudpulse.ops.jobs import JobService
    from cloudpulse.ops.ledger import LedgerService
    from cloudpulse.ops.reconciliation.reports import Reports
    from cloudpulse.ops.workflows import WorkflowService
    from cloudpulse.ports import AuditLog, Counters, DeadLetters, LogReader, Records, Warehouse
    from cloudpulse.serving.adhoc import SqlService
    from cloudpulse.serving.events import EventListService
    from cloudpulse.serving.feed import EventFeed
    from cloudpulse.serving.lookup import EventLookup
    from cloudpulse.serving.query import QueryService
    from cloudpulse.serving.realtime import RealtimeService
    from cloudpulse.speed.processor import SpeedProcessor

RECORDS_FILE = "records.db"
COUNTERS_FILE = "counters.db"
AUDIT_FILE = "audit.ndjson"
AUDIT_FILES = "audit*.ndjson"
"""This month's, and those of earlier ones."""
TAIL_FOLDER = "tail"


def utc_now() -> dt.datetime:
    """The present moment."""
    return dt.datetime.now(dt.UTC)


def open_folder(folder: Path) -> bool:
    """Make the data folder where it is missing, and keep others out of it and of what this process will write.

    Returns whether it had been open to others. A folder of another user is left as it is.
    """
    os.umask(0o077)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    status = folder.stat()
    was_open = bool(status.st_mode & 0o077) and status.st_uid == os.geteuid()
    if was_open:
        folder.chmod(0o700)
    return was_open


@dataclass
class Serving:
    """What answers questions; reads every store, writes none."""

    reader: LogReader
    counters: Counters
    query: QueryService
    sql: SqlService
    event_list: EventListService
    realtime: RealtimeService
    ledger: LedgerService
    reconciliation: Reports
    snapshots: SnapshotReader
    letters: DeadLetters
    records: Records
    warehouse: Warehouse


@dataclass
class Ingest:
    """What accepts events; the only writer of the journal and the id index."""

    log: SqliteEventLog
    index: RocksIdIndex
    gate: Gate
    sequencer: Sequencer
    receiver: Receiver


class Health(Protocol):
    """What the api process knows of its own state."""

    def ready(self) -> str | None:
        """Why no new events should be sent here; None when all is well."""

    def gauges(self) -> dict[str, float]:
        """Backlog and lag."""


@dataclass
class ApiServices:
    """All that the HTTP routes use."""

    settings: Settings
    tokens: TokenService
    user_tokens: UserTokens
    verifier: Verifier
    clients: ClientService
    write_keys: WriteKeyService
    rotation: Rotation
    users: UserService
    sessions: SessionService
    audit: AuditLog
    now: Callable[[], dt.datetime]
    limits: TokenBuckets
    sign_ins: SignInThrottle
    receiver: Receiver
    query: QueryService
    sql: SqlService
    realtime: RealtimeService
    lookup: EventLookup
    event_list: EventListService
    event_feed: EventFeed
    ledger: LedgerService
    reconciliation: Reports
    dead_letters: DeadLetterService
    erasures: ErasureService
    record_signer: RecordSigner
    jobs: JobService
    workflows: WorkflowService
    alarms: AlarmBoard
    health_history: HealthHistory
    summaries: Callable[[dt.date], DailySummary]
    health: Health
    stopping: asyncio.Event


@dataclass
class Pipeline:
    """What the pipeline process drives; the only writer of counters, lake and records."""

    reader: SqliteLogReader
    counters: Counters
    processor: SpeedProcessor
    writer: LakeWriter
    letters: SqliteDeadLetters
    lake: Lake
    records: Records


def ingest(settings: Settings, deliver: Deliver, fatal: Callable[[], None]) -> Ingest:
    """Open the journal and the id index, and bring the index up to the journal."""
    from cloudpulse.engines.local.dead_letters import SqliteDeadLetters
    from cloudpulse.engines.local.event_log import SqliteEventLog, SqliteLogReader
    from cloudpulse.engines.local.id_index import RocksIdIndex
    from cloudpulse.engines.local.records import SqliteRecords
    from cloudpulse.engines.local.sqlite import keep_temporaries_in
    from cloudpulse.ingest.limits import Gate, is_full
    from cloudpulse.ingest.rebuild import bring_up
    from cloudpulse.ingest.receive import Receiver
    from cloudpulse.ingest.sequencer import Sequencer

    keep_temporaries_in(settings.data / "tmp")
    log = SqliteEventLog(settings.data)
    reader = SqliteLogReader(settings.data)
    state = reader.state()
    window_seconds = settings.dedup_window_days * 86_400
    index = RocksIdIndex(settings.data, state.journal, window_seconds)
    records = SqliteRecords(settings.data / RECORDS_FILE, read_only=True)
    letters = SqliteDeadLetters(settings.data / RECORDS_FILE, read_only=True)
    bring_up(index, reader, records, letters, settings.data, oldest=int(time.time()) - window_seconds)
    gate = Gate(settings.max_waiting_events, is_disk_full=lambda: is_full(settings))
    sequencer = Sequencer(log, index, gate, deliver, fatal)
    return Ingest(log, index, gate, sequencer, Receiver(settings, sequencer, state.last_received_at, utc_now))


def serving(settings: Settings) -> Serving:
    """Open every store for reading."""
    from cloudpulse.engines.local.counters import SqliteCounters
    from cloudpulse.engines.local.dead_letters import SqliteDeadLetters
    from cloudpulse.engines.local.event_log import SqliteLogReader
    from cloudpulse.engines.local.isolated import IsolatedWarehouse
    from cloudpulse.engines.local.records import SqliteRecords
    from cloudpulse.engines.local.warehouse import DuckDbWarehouse
    from cloudpulse.lake.snapshot import SnapshotReader
    from cloudpulse.ops.ledger import LedgerService
    from cloudpulse.ops.reconciliation.reports import Reports
    from cloudpulse.serving.adhoc import SqlService
    from cloudpulse.serving.events import EventListService
    from cloudpulse.serving.execution import Executor
    from cloudpulse.serving.query import QueryService
    from cloudpulse.serving.realtime import RealtimeService

    reader = SqliteLogReader(settings.data)
    counters = SqliteCounters(settings.data / COUNTERS_FILE, read_only=True)
    records = SqliteRecords(settings.data / RECORDS_FILE, read_only=True)
    letters = SqliteDeadLetters(settings.data / RECORDS_FILE, read_only=True)
    snapshots = SnapshotReader(settings)
    warehouse = DuckDbWarehouse(settings)
    executor = Executor(settings, snapshots, reader, warehouse, utc_now)
    return Serving(
        reader=reader,
        counters=counters,
        query=QueryService(settings, executor),
        sql=SqlService(settings, executor.tail, records, IsolatedWarehouse(settings), utc_now),
        event_list=EventListService(settings, executor, utc_now),
        realtime=RealtimeService(counters, reader, utc_now),
        ledger=LedgerService(settings, reader, snapshots, records, letters, warehouse),
        reconciliation=Reports(records),
        snapshots=snapshots,
        letters=letters,
        records=records,
        warehouse=warehouse,
    )


def event_lookup(settings: Settings, ingest: Ingest, parts: Serving) -> EventLookup:
    """What finds one event by its id."""
    from cloudpulse.serving.lookup import EventLookup

    return EventLookup(settings.data, ingest.index, parts.reader, parts.snapshots, parts.records, parts.letters)


def dead_letter_service(
    settings: Settings,
    parts: Serving,
    journal: Sequencer,
    positions: Mapping[str, Callable[[], Position | None]],
    check: Callable[[Batch], None],
) -> DeadLetterService:
    """What the api process does with dead letters."""
    from cloudpulse.lake import parquet
    from cloudpulse.ops.dead_letters import DeadLetterService
    from cloudpulse.speed import minutes

    trials = {
        LAKE: lambda chunk: parquet.try_out(chunk.table),
        SPEED: lambda chunk: (minutes.live_counts(chunk.batches), minutes.live_sessions(chunk.table)),
    }
    keep = dt.timedelta(days=settings.dead_letter_days)
    return DeadLetterService(parts.letters, parts.reader, journal, positions, trials, keep, utc_now, check)


def ledger_service(settings: Settings) -> LedgerService:
    """The ledger over a folder, for the command line."""
    return serving(settings).ledger


def pipeline(settings: Settings) -> Pipeline:
    """Open what both consumers write."""
    from cloudpulse.batch.writer import LakeWriter
    from cloudpulse.engines.local.counters import SqliteCounters
    from cloudpulse.engines.local.dead_letters import SqliteDeadLetters
    from cloudpulse.engines.local.event_log import SqliteLogReader
    from cloudpulse.engines.local.records import SqliteRecords
    from cloudpulse.engines.local.sqlite import keep_temporaries_in
    from cloudpulse.lake.commit import Lake
    from cloudpulse.speed.processor import SpeedProcessor

    keep_temporaries_in(settings.data / "tmp")
    records, lake = SqliteRecords(settings.data / RECORDS_FILE), Lake(settings)
    counters = SqliteCounters(settings.data / COUNTERS_FILE)
    return Pipeline(
        reader=SqliteLogReader(settings.data),
        counters=counters,
        processor=SpeedProcessor(counters),
        writer=LakeWriter(settings, lake, records),
        letters=SqliteDeadLetters(settings.data / RECORDS_FILE),
        lake=lake,
        records=records,
    )
