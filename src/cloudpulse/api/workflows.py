"""Workflows: what there is, how executions went, one more, and one that failed once more."""

import asyncio
import hashlib
from typing import Annotated, Any

import msgspec
from litestar import Request, get, post
from litestar.params import PathParameter, QueryParameter

from cloudpulse.api.audit import audit
from cloudpulse.api.body import JSON, NDJSON, raw_headers, read_body
from cloudpulse.api.guards import ADMIN
from cloudpulse.api.ingest import idempotency_key, required_type
from cloudpulse.auth.tokens import Principal
from cloudpulse.errors import UserError
from cloudpulse.events.model import Event
from cloudpulse.ops.workflows import WORKFLOWS, Upload, Workflow, find
from cloudpulse.ports import Execution, JobStatus

Name = Annotated[str, PathParameter(max_length=64, description="The workflow's name.")]
ExecutionId = Annotated[str, PathParameter(max_length=128, description="The id of an execution.")]
Limit = Annotated[int, QueryParameter(ge=1, le=1000, description="Executions at most.")]


class WorkflowList(msgspec.Struct, frozen=True):
    """All workflows, and executions, newest first."""

    workflows: list[Workflow]
    executions: list[Execution]


@get("/v1/workflows", guards=ADMIN, sync_to_thread=True)
def list_workflows(
    request: Request[Any, Any, Any],
    workflow: Annotated[str | None, QueryParameter(max_length=64, description="Only executions of this one.")] = None,
    status: Annotated[JobStatus | None, QueryParameter(description="Only executions in this status.")] = None,
    limit: Limit = 50,
) -> WorkflowList:
    """All workflows, and the newest executions, newest first."""
    return WorkflowList(list(WORKFLOWS), request.app.state.services.workflows.history(workflow, status, limit))


@post(
    "/v1/workflows/{name:str}",
    guards=ADMIN,
    status_code=202,
    opt={
        "body": {"application/json": Event | list[Event], "application/x-ndjson": Event},
        "problems": (409,),
    },
)
async def start_workflow(request: Request[Any, Principal, Any], name: Name) -> Execution:
    """Begin an execution with an event, an array of events or NDJSON; it tells what became of them."""
    services = request.app.state.services
    find(name)
    headers = raw_headers(request)
    key = idempotency_key(headers)
    is_lines = required_type(headers, JSON + NDJSON) in NDJSON
    body = await read_body(request, headers, services.settings.max_body_bytes)
    if not body.strip():
        raise UserError("The body is empty: send an event, an array of events or NDJSON.")
    upload = Upload(
        kind="ndjson" if is_lines else "json",
        chunks=[body],
        digest=hashlib.sha256(body).digest(),
        client_id=request.auth.client_id,
        app=request.auth.app,
    )
    execution: Execution = await asyncio.to_thread(services.workflows.start, name, upload, key)
    return execution


@get("/v1/workflows/{name:str}", guards=ADMIN, sync_to_thread=True)
def show_execution(request: Request[Any, Any, Any], name: ExecutionId) -> Execution:
    """One execution: its steps, their attempts, errors and times."""
    execution: Execution = request.app.state.services.workflows.show(name)
    return execution


@post("/v1/workflows/{name:str}/retry", guards=ADMIN, status_code=202, sync_to_thread=True)
def retry_execution(request: Request[Any, Any, Any], name: ExecutionId) -> Execution:
    """Take an execution that has failed up again, from the step that failed; any other one is left as it is."""
    execution: Execution = request.app.state.services.workflows.retry(name)
    audit(request, "workflow_retry", f"workflow/{execution.id}")
    return execution


workflow_routes = [list_workflows, start_workflow, show_execution, retry_execution]
