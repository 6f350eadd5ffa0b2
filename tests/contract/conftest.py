"""One fixture per port; every suite in this folder runs on every engine in ``ENGINES``."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from cloudpulse.engines.local.audit_log import FileAuditLog
from cloudpulse.engines.local.counters import SqliteCounters
from cloudpulse.engines.local.dead_letters import SqliteDeadLetters
from cloudpulse.engines.local.event_log import SqliteEventLog, SqliteLogReader
from cloudpulse.engines.local.executions import SqliteExecutions
from cloudpulse.engines.local.id_index import RocksIdIndex
from cloudpulse.engines.local.isolated import IsolatedWarehouse
from cloudpulse.engines.local.jobs import SqliteJobs
from cloudpulse.engines.local.records import SqliteRecords
from cloudpulse.engines.local.secrets import SqliteSecrets
from cloudpulse.engines.local.warehouse import DuckDbWarehouse
from cloudpulse.ports import (
    AuditLog,
    Counters,
    DeadLetters,
    EventLog,
    Executions,
    IdIndex,
    Jobs,
    LogReader,
    Records,
    Secrets,
    Warehouse,
)
from cloudpulse.settings import Settings

ENGINES = ["local"]


@pytest.fixture(params=ENGINES)
def engine(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def counters(engine: str, tmp_path: Path) -> Iterator[Counters]:
    store = {"local": SqliteCounters}[engine](tmp_path / "counters.db")
    yield store
    store.close()


@pytest.fixture
def records(engine: str, tmp_path: Path) -> Iterator[Records]:
    store = {"local": SqliteRecords}[engine](tmp_path / "records.db")
    yield store
    store.close()


@pytest.fixture
def jobs(engine: str, tmp_path: Path) -> Iterator[Jobs]:
    store = {"local": SqliteJobs}[engine](tmp_path)
    yield store
    store.close()


@pytest.fixture
def dead_letters(engine: str, tmp_path: Path) -> Iterator[DeadLetters]:
    store = {"local": SqliteDeadLetters}[engine](tmp_path / "records.db")
    yield store
    store.close()


@pytest.fixture
def secrets(engine: str, tmp_path: Path) -> Iterator[Secrets]:
    store = {"local": SqliteSecrets}[engine](tmp_path / "secrets.db")
    yield store
    store.close()


@pytest.fixture(params=[DuckDbWarehouse, IsolatedWarehouse])
def warehouse(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Warehouse]:
    store = request.param(Settings(data=tmp_path))
    yield store
    store.close()


@pytest.fixture
def event_log(engine: str, tmp_path: Path) -> Iterator[EventLog]:
    log = {"local": SqliteEventLog}[engine](tmp_path)
    yield log
    log.close()


@pytest.fixture
def log_reader(engine: str, tmp_path: Path, event_log: EventLog) -> Iterator[LogReader]:
    reader = {"local": SqliteLogReader}[engine](tmp_path)
    yield reader
    reader.close()


@pytest.fixture
def id_index(engine: str, tmp_path: Path) -> Iterator[IdIndex]:
    index = {"local": RocksIdIndex}[engine](tmp_path, "journal", 7 * 86_400)
    yield index
    index.close()


@pytest.fixture
def audit_file(tmp_path: Path) -> Path:
    return tmp_path / "audit.ndjson"


@pytest.fixture
def audit_log(engine: str, audit_file: Path) -> AuditLog:
    return {"local": FileAuditLog}[engine](audit_file)


@pytest.fixture
def executions(engine: str, tmp_path: Path) -> Iterator[Executions]:
    store = {"local": SqliteExecutions}[engine](tmp_path)
    yield store
    store.close()
