"""One fixture per port; every suite in this folder runs on every engine in ``ENGINES``."""

from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple
from uuid import uuid4

import pytest
from claimed import Claimed

from cloud import ingest, s3
from cloud.dynamodb import new_table
from cloudpulse.engines.aws.audit_log import S3AuditLog
from cloudpulse.engines.aws.batch_states import DynamoBatchStates
from cloudpulse.engines.aws.counters import DynamoCounters
from cloudpulse.engines.aws.dead_letters import SqsDeadLetters
from cloudpulse.engines.aws.event_log import SqsKinesisLog
from cloudpulse.engines.aws.executions import DynamoExecutions
from cloudpulse.engines.aws.id_index import DynamoIdIndex
from cloudpulse.engines.aws.jobs import DynamoJobs
from cloudpulse.engines.aws.records import DynamoRecords
from cloudpulse.engines.aws.secrets import SecretsManagerSecrets
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
BOTH = ["local", "aws"]


class Audit(NamedTuple):
    """Opens an audit log, and reads what is in it, in order."""

    open: Callable[[], AuditLog]
    read: Callable[[], list[bytes]]


@pytest.fixture(params=ENGINES)
def engine(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def _made(request: pytest.FixtureRequest, local: Callable[[], Any], aws: Callable[[], Any]) -> Iterator[Any]:
    """What the fixture's engine has for its port."""
    if request.param == "aws":
        request.getfixturevalue("cloud")
        yield aws()
    else:
        with closing(local()) as store:
            yield store


@pytest.fixture(params=BOTH)
def counters(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Counters]:
    yield from _made(request, lambda: SqliteCounters(tmp_path / "counters.db"), lambda: DynamoCounters(new_table()))


@pytest.fixture(params=BOTH)
def records(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Records]:
    yield from _made(request, lambda: SqliteRecords(tmp_path / "records.db"), lambda: DynamoRecords(new_table()))


@pytest.fixture(params=BOTH)
def jobs(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Jobs]:
    yield from _made(request, lambda: SqliteJobs(tmp_path), lambda: DynamoJobs(new_table()))


@pytest.fixture(params=BOTH)
def dead_letters(request: pytest.FixtureRequest, tmp_path: Path, ledger: Records) -> Iterator[DeadLetters]:
    yield from _made(
        request,
        lambda: SqliteDeadLetters(tmp_path / "records.db"),
        lambda: SqsDeadLetters(ingest.queue(), ingest.queue(), ingest.bucket(), ledger),
    )


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Records]:
    """The records that dead letters are counted in."""
    with closing(SqliteRecords(tmp_path / "records.db")) as store:
        yield store


@pytest.fixture(params=BOTH)
def secrets(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Secrets]:
    yield from _made(
        request, lambda: SqliteSecrets(tmp_path / "secrets.db"), lambda: SecretsManagerSecrets(f"{uuid4().hex}/")
    )


@pytest.fixture(params=[DuckDbWarehouse, IsolatedWarehouse])
def warehouse(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Warehouse]:
    store = request.param(Settings(data=tmp_path))
    yield store
    store.close()


@pytest.fixture(params=BOTH)
def event_log(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[EventLog]:
    yield from _made(
        request,
        lambda: SqliteEventLog(tmp_path),
        lambda: SqsKinesisLog(ingest.queue(), ingest.stream(), ingest.bucket(), DynamoBatchStates(new_table())),
    )


@pytest.fixture
def log_reader(tmp_path: Path, event_log: EventLog) -> Iterator[LogReader]:
    if isinstance(event_log, SqsKinesisLog):
        yield event_log
    else:
        with closing(SqliteLogReader(tmp_path)) as reader:
            yield reader


@pytest.fixture(params=BOTH)
def id_index(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[IdIndex]:
    window_seconds = 7 * 86_400
    yield from _made(
        request,
        lambda: RocksIdIndex(tmp_path, "journal", window_seconds),
        lambda: Claimed(DynamoIdIndex(new_table(), window_seconds)),
    )


@pytest.fixture
def audit_file(tmp_path: Path) -> Path:
    return tmp_path / "audit.ndjson"


@pytest.fixture
def audit_log(audit_file: Path) -> FileAuditLog:
    return FileAuditLog(audit_file)


@pytest.fixture(params=BOTH)
def audit(request: pytest.FixtureRequest, audit_file: Path) -> Audit:
    if request.param == "local":
        return Audit(lambda: FileAuditLog(audit_file), lambda: audit_file.read_bytes().splitlines())
    request.getfixturevalue("cloud")
    bucket = s3.new_bucket()
    return Audit(lambda: S3AuditLog(bucket), lambda: s3.objects(bucket))


@pytest.fixture(params=BOTH)
def executions(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Executions]:
    yield from _made(request, lambda: SqliteExecutions(tmp_path), lambda: DynamoExecutions(new_table()))
