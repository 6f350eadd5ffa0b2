"""Jobs: when they run, how they ran, and one more run now."""

from typing import Annotated, Any

import msgspec
from litestar import Request, get, post
from litestar.params import JSONBody, PathParameter, QueryParameter

from cloudpulse.api.audit import audit
from cloudpulse.api.guards import ADMIN
from cloudpulse.ops.jobs import JobState
from cloudpulse.ports import JobRun

Name = Annotated[str, PathParameter(max_length=64, description="The job's name.")]
RunId = Annotated[str, PathParameter(max_length=128, description="The id of a run.")]
Limit = Annotated[int, QueryParameter(ge=1, le=1000, description="Runs at most.")]


class JobList(msgspec.Struct, frozen=True):
    """All jobs."""

    jobs: list[JobState]


class JobHistory(msgspec.Struct, frozen=True):
    """Runs of one job, newest first."""

    runs: list[JobRun]


@get("/v1/jobs", guards=ADMIN, sync_to_thread=True)
def list_jobs(request: Request[Any, Any, Any]) -> JobList:
    """All jobs, when each runs next, and how it ran last."""
    return JobList(request.app.state.services.jobs.states())


@post("/v1/jobs/{name:str}/run", guards=ADMIN, status_code=202, sync_to_thread=True)
def run_job(request: Request[Any, Any, Any], name: Name, data: JSONBody[dict[str, Any] | None] = None) -> JobRun:
    """Have a job run as soon as those before it have ended; its run tells when it has.

    The body holds the arguments of the job, as a JSON object; most jobs take none.
    """
    run: JobRun = request.app.state.services.jobs.ask(name, data)
    audit(request, "job_run", f"job/{run.name}")
    return run


@get("/v1/jobs/{name:str}/history", guards=ADMIN, sync_to_thread=True)
def job_history(request: Request[Any, Any, Any], name: Name, limit: Limit = 50) -> JobHistory:
    """The newest runs of a job, newest first."""
    return JobHistory(request.app.state.services.jobs.history(name, limit))


@get("/v1/jobs/{name:str}/history/{run_id:str}", guards=ADMIN, sync_to_thread=True)
def show_run(request: Request[Any, Any, Any], name: Name, run_id: RunId) -> JobRun:
    """One run of a job."""
    run: JobRun = request.app.state.services.jobs.show(name, run_id)
    return run


job_routes = [list_jobs, run_job, job_history, show_run]
