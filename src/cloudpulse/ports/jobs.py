"""Jobs and workflows."""

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, Protocol

import msgspec

JobStatus = Literal["waiting", "running", "done", "failed"]


class JobRun(msgspec.Struct, frozen=True, kw_only=True):
    """One run of a job. Times are RFC 3339 in UTC; ``scheduled_for`` is None when somebody asked for the run.

    ``attempts`` counts tries, also those that ended with their process. ``error`` is a sentence.
    """

    id: str
    name: str
    status: JobStatus
    arguments: dict[str, Any]
    requested_at: str
    scheduled_for: str | None = None
    started_at: str | None = None
    finished_at: str | None = None
    seconds: float | None = None
    attempts: int = 0
    result: dict[str, Any] | None = None
    error: str | None = None


class Jobs(Protocol):
    """The line of jobs and their history; any process may read it and ask for a run. All writes are durable."""

    def request(self, name: str, arguments: Mapping[str, Any], now: dt.datetime) -> JobRun:
        """Put a run in line; it waits until its process begins it."""

    def schedule(self, name: str, slot: dt.datetime, now: dt.datetime) -> bool:
        """Put the run of a scheduled time in line; False, and nothing, when this time or a later one was.

        The first time ever is only remembered, and one that comes while a run of this job waits is that run's.
        """

    def begin(self, run_id: str, now: dt.datetime) -> JobRun | None:
        """Count another try of a run; None when there is no such run, or when it has ended."""

    def finish(
        self, run_id: str, now: dt.datetime, result: Mapping[str, Any] | None = None, error: str | None = None
    ) -> None:
        """End a run: it is done, or failed when there is an ``error``. One that has ended stays as it is."""

    def history(
        self, name: str | None = None, statuses: Sequence[JobStatus] = (), limit: int | None = None
    ) -> list[JobRun]:
        """Runs of one job or all, in these statuses or any, newest first."""

    def show(self, run_id: str) -> JobRun | None:
        """One run, or None."""

    def prune(self, before: dt.datetime, keep: int) -> int:
        """Forget runs that ended before, and all but the newest ``keep``; returns how many went.

        Those that wait or run stay, and so does the newest good run of each job.
        """


class StepRun(msgspec.Struct, frozen=True, kw_only=True):
    """One step of an execution. ``attempts`` counts tries, also those that ended with their process; ``errors`` holds
    a sentence for each that failed. ``output`` holds counts, ids and codes, nothing that an event says.
    """

    name: str
    status: JobStatus = "waiting"
    attempts: int = 0
    started_at: str | None = None
    finished_at: str | None = None
    input: dict[str, Any] | None = None
    output: dict[str, Any] | None = None
    errors: tuple[str, ...] = ()


class Execution(msgspec.Struct, frozen=True, kw_only=True):
    """One execution of a workflow. Times are RFC 3339 in UTC; ``retries`` counts how often it was taken up again after
    it had failed; ``error`` says why it has.
    """

    id: str
    workflow: str
    status: JobStatus
    requested_at: str
    finished_at: str | None = None
    retries: int = 0
    steps: tuple[StepRun, ...]
    error: str | None = None


class Executions(Protocol):
    """Executions of workflows and their history; any process may read and write it. All writes are durable."""

    def start(self, execution: Execution) -> Execution:
        """Put an execution in line, and return it; or the one of this id that there is."""

    def change(self, execution_id: str, change: Callable[[Execution], Execution | None]) -> Execution | None:
        """Replace an execution by what ``change`` makes of it, in one atomic step, and return that.

        None, and nothing is changed, where there is no such execution or ``change`` returns None.
        """

    def history(
        self, workflow: str | None = None, statuses: Sequence[JobStatus] = (), limit: int | None = None
    ) -> list[Execution]:
        """Executions of one workflow or all, in these statuses or any, newest first."""

    def show(self, execution_id: str) -> Execution | None:
        """One execution, or None."""

    def prune(self, before: dt.datetime, keep: int) -> int:
        """Forget executions that ended before, and all but the newest ``keep``; returns how many went.

        Those that wait or run stay.
        """
