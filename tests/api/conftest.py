import datetime as dt
from collections.abc import Callable, Iterator
from functools import partial
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest
from litestar import Request, get, post
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import FromQuery
from litestar.response.base import ASGIResponse
from litestar.testing import TestClient

from cloudpulse.api import app as app_module
from cloudpulse.api.answer import JsonAnswer
from cloudpulse.api.guards import requires
from cloudpulse.auth.clients import ClientService
from cloudpulse.auth.record_signing import RecordSigner
from cloudpulse.auth.rotation import Rotation
from cloudpulse.auth.secret_files import SecretFiles
from cloudpulse.auth.sessions import SessionService
from cloudpulse.auth.throttle import SignInThrottle, TokenBuckets
from cloudpulse.auth.tokens import TokenService
from cloudpulse.auth.user_tokens import UserTokens
from cloudpulse.auth.users import UserService
from cloudpulse.auth.verify import Verifier
from cloudpulse.auth.write_keys import WriteKeyService
from cloudpulse.engines.local.audit_log import FileAuditLog
from cloudpulse.engines.local.executions import SqliteExecutions
from cloudpulse.engines.local.jobs import SqliteJobs
from cloudpulse.engines.local.records import SqliteRecords
from cloudpulse.engines.local.secrets import SqliteSecrets
from cloudpulse.errors import Overloaded
from cloudpulse.ops.alarms.board import AlarmBoard
from cloudpulse.ops.health_history import HealthHistory
from cloudpulse.ops.jobs import JobService
from cloudpulse.ops.publish import Outbox
from cloudpulse.ops.reconciliation.reports import Reports
from cloudpulse.ops.uploads import Uploads
from cloudpulse.ops.workflows import WorkflowService
from cloudpulse.serving.summaries import find_summary
from cloudpulse.settings import Settings


class Probe(msgspec.Struct):
    text: str


@post(
    "/v1/probe/hot",
    status_code=200,
    guards=[requires("events:write")],
    opt={"hot": True, "body": {"application/json": Probe}},
    responses={200: ResponseSpec(Probe)},
)
async def hot(request: Request[Any, Any, Any]) -> ASGIResponse:
    """A hot route."""
    body = await request.body()
    if body == b"overloaded":
        raise Overloaded("Try again later.", retry_after_seconds=7)
    if body == b"broken":
        raise RuntimeError("secret detail")
    return JsonAnswer(msgspec.json.encode(Probe(f"{body.decode()} {request.auth.client_id}")))


@get("/v1/probe/broken", sync_to_thread=False)
def broken(text: FromQuery[str]) -> None:
    """Fails."""
    raise RuntimeError(text)


@get("/v1/probe/number", sync_to_thread=False)
def number(limit: FromQuery[int]) -> int:
    """Takes a number."""
    return limit


class StubHealth:
    reason: str | None = None

    def ready(self) -> str | None:
        return self.reason

    def gauges(self) -> dict[str, float]:
        return {"backlog_events": 3.0}


@pytest.fixture
def secrets(tmp_path) -> Iterator[SqliteSecrets]:
    secrets = SqliteSecrets(tmp_path / "secrets.db")
    yield secrets
    secrets.close()


@pytest.fixture
def runs(tmp_path) -> Iterator[SqliteJobs]:
    runs = SqliteJobs(tmp_path)
    yield runs
    runs.close()


@pytest.fixture
def executions(tmp_path) -> Iterator[SqliteExecutions]:
    executions = SqliteExecutions(tmp_path)
    yield executions
    executions.close()


@pytest.fixture
def alarm_records(tmp_path) -> Iterator[SqliteRecords]:
    records = SqliteRecords(tmp_path / "alarms.db")
    yield records
    records.close()


@pytest.fixture
def services(tmp_path, secrets, runs, executions, alarm_records) -> SimpleNamespace:
    settings = Settings(data=tmp_path, max_body_bytes=100_000, min_free_bytes=0)
    clock = SimpleNamespace(now=1_800_000_000)
    tokens = TokenService(secrets, settings, lambda: clock.now)
    user_tokens = UserTokens(secrets, settings, lambda: clock.now)
    clients = ClientService(secrets, lambda: clock.now)
    sessions = SessionService(secrets, settings.session_days, lambda: clock.now)
    audit_log = FileAuditLog(tmp_path / "audit.ndjson")
    signers = {"signing": tokens, "user_signing": user_tokens}
    files = SecretFiles(tmp_path / "client-secrets")

    def now() -> dt.datetime:
        return dt.datetime.fromtimestamp(clock.now, dt.UTC)

    return SimpleNamespace(
        settings=settings,
        clock=clock,
        tokens=tokens,
        user_tokens=user_tokens,
        record_signer=RecordSigner(secrets, lambda: clock.now),
        verifier=Verifier([tokens, user_tokens], lambda: clock.now),
        clients=clients,
        rotation=Rotation(settings, secrets, signers, clients, sessions, files, audit_log, lambda: clock.now),
        write_keys=WriteKeyService(secrets, lambda: clock.now),
        users=UserService(secrets, lambda: clock.now),
        sessions=sessions,
        limits=TokenBuckets(lambda: clock.now),
        sign_ins=SignInThrottle(settings.sign_ins_per_minute, lambda: clock.now),
        audit=audit_log,
        now=now,
        jobs=JobService(runs, now, {"rotate": lambda *_: None}),
        reconciliation=Reports(alarm_records),
        alarms=AlarmBoard(alarm_records, settings, Outbox(alarm_records, {}, now)),
        health_history=HealthHistory(alarm_records),
        workflows=WorkflowService(executions, Uploads(settings), lambda: dt.datetime.fromtimestamp(clock.now, dt.UTC)),
        summaries=partial(find_summary, tmp_path),
        health=StubHealth(),
    )


@pytest.fixture
def http(services, monkeypatch) -> Iterator[TestClient[Any]]:
    """A client of the application with three probing routes beside its own."""
    monkeypatch.setattr(app_module, "ROUTES", [*app_module.ROUTES, hot, broken, number])
    with TestClient(app_module.create_app(services), raise_server_exceptions=False) as client:
        yield client


@pytest.fixture
def bearer(services) -> Callable[..., dict[str, str]]:
    """Headers with a token of the given scopes."""

    def make(*scopes: str, ttl_seconds: int = 60) -> dict[str, str]:
        return {"Authorization": f"Bearer {services.tokens.issue('probe', scopes, 'default', ttl_seconds)}"}

    return make
