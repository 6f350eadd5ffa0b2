"""Wiring of workflows: how they begin in any process, and how the pipeline runs their steps."""

from __future__ import annotations

import datetime as dt
from contextlib import closing
from functools import cached_property
from typing import TYPE_CHECKING, Any

from cloudpulse.settings import Settings
from cloudpulse.wiring import trust, utc_now

if TYPE_CHECKING:
    from cloudpulse.auth.tokens import TokenService
    from cloudpulse.engines.local.executions import SqliteExecutions
    from cloudpulse.engines.local.workflow_runner import DbosWorkflows
    from cloudpulse.ops.uploads import Uploads
    from cloudpulse.ops.workflows import WorkflowService
    from cloudpulse.ports import Executions

TOKEN_SECONDS = 60
A_DAY = dt.timedelta(days=1)


def executions(settings: Settings) -> SqliteExecutions:
    """The executions of a data folder."""
    from cloudpulse.engines.local.executions import SqliteExecutions

    return SqliteExecutions(settings.data)


def uploads(settings: Settings) -> Uploads:
    """The raw copies of a data folder."""
    from cloudpulse.ops.uploads import Uploads

    return Uploads(settings)


def workflow_service(settings: Settings) -> WorkflowService:
    """Begins executions and shows them."""
    from cloudpulse.ops.workflows import WorkflowService

    return WorkflowService(executions(settings), uploads(settings), utc_now)


def workflow_runner(settings: Settings, found: Executions) -> DbosWorkflows:
    """What runs the steps, in the pipeline."""
    from cloudpulse.engines.local.intake import HttpIntake
    from cloudpulse.engines.local.workflow_runner import DbosWorkflows
    from cloudpulse.ops.activity import Activity
    from cloudpulse.ops.workflows import StepRunner

    intake = HttpIntake(settings.host, settings.port, _Relay(settings).token)
    functions = {"activity": Activity(settings, uploads(settings), intake.deliver).steps()}
    return DbosWorkflows(StepRunner(found, functions, utc_now))


def expire(settings: Settings, now: dt.datetime) -> dict[str, Any]:
    """What the job ``expire`` does with workflows."""
    from cloudpulse.engines.local import dbos_runtime
    from cloudpulse.ops import workflows

    dbos_runtime.forget(now - A_DAY)
    with closing(executions(settings)) as found:
        return workflows.expire(found, uploads(settings), settings.keep_uploads_days, now)


class _Relay:
    """Makes tokens in the name of those whose events the pipeline passes on."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    @cached_property
    def _tokens(self) -> TokenService:
        return trust.local_tokens(self._settings)

    def token(self, client_id: str, app: str) -> str:
        ttl_seconds = min(TOKEN_SECONDS, self._settings.token_max_ttl_seconds)
        return self._tokens.issue(client_id, ("events:write",), app, ttl_seconds, is_relay=True)
