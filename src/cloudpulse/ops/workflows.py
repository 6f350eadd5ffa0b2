"""Workflows: what there is, how an execution begins, goes from step to step, fails and is taken up again.

Every change of an execution is one function here, which the port ``Executions`` applies atomically.
"""

import datetime as dt
import hashlib
import threading
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import msgspec
import structlog

from cloudpulse.errors import Conflict, NotFound, StoreError, UserError
from cloudpulse.events.activity import Format
from cloudpulse.events.times import rfc3339
from cloudpulse.ops.uploads import Uploads
from cloudpulse.ports import Execution, Executions, JobStatus, StepRun
from cloudpulse.telemetry import sentence, told

INGEST = "ingest"
MAX_ATTEMPTS = 10
"""A step that takes its process down with it must not do so for ever."""
KEEP_DAYS = 90
KEEP_EXECUTIONS = 10_000

log = structlog.get_logger(__name__)

StepFunction = Callable[[Execution, dt.datetime], dict[str, Any]]
"""(execution, now) → the output. It may be run again at any moment: what was done stays done, once."""


class Workflow(msgspec.Struct, frozen=True, kw_only=True):
    """One workflow: its steps in order, the first of which keeps a raw copy; ``what`` is a sentence."""

    name: str
    what: str
    steps: tuple[str, ...]


WORKFLOWS: tuple[Workflow, ...] = (
    Workflow(
        name="activity",
        what="Takes an event, an array of events or NDJSON: keeps a raw copy, checks, normalises and completes each "
        "event, and stores those that are valid.",
        steps=(INGEST, "process", "write"),
    ),
)


class Upload(msgspec.Struct, frozen=True, kw_only=True):
    """What an execution is given: ``chunks`` is read once, ``digest`` is the SHA-256 of the content."""

    kind: Format
    chunks: Iterable[bytes]
    digest: bytes
    client_id: str
    app: str


def expire(executions: Executions, uploads: Uploads, keep_uploads_days: int, now: dt.datetime) -> dict[str, Any]:
    """What the job ``expire`` does with workflows."""
    kept_since = (now - dt.timedelta(days=keep_uploads_days)).date()
    return {
        "executions": executions.prune(now - dt.timedelta(days=KEEP_DAYS), KEEP_EXECUTIONS),
        "uploads": uploads.expire(kept_since),
    }


def find(name: str) -> Workflow:
    """The workflow of this name; raises ``NotFound``."""
    for workflow in WORKFLOWS:
        if workflow.name == name:
            return workflow
    raise NotFound(f"There is no workflow {name!r}; there is {', '.join(workflow.name for workflow in WORKFLOWS)}.")


class WorkflowService:
    """Begins executions and shows them; one instance serves all threads of a process."""

    def __init__(self, executions: Executions, uploads: Uploads, now: Callable[[], dt.datetime]) -> None:
        self._executions = executions
        self._uploads = uploads
        self._now = now
        self._turn = threading.Lock()

    def start(self, name: str, upload: Upload, key: str | None = None) -> Execution:
        """Begin an execution, durably: its raw copy is kept. ``key`` names it: the second time it is answered as it
        is, and taken up again when it has failed.

        Raises ``NotFound``, ``Conflict`` when the key names one of another content, ``DiskFull`` or ``StoreError``.
        """
        workflow = find(name)
        suffix = _digest(upload.client_id, key) if key is not None else uuid.uuid4().hex
        execution_id = f"{name}-{suffix}"
        fingerprint = _digest(key, upload.kind, upload.digest.hex()) if key is not None else None
        # In turn: two requests of one key must not both write the raw copy.
        with self._turn:
            known = self._executions.show(execution_id) if key is not None else None
            if known is None:
                return self._start(workflow, execution_id, upload, fingerprint)
        if (known.steps[0].input or {}).get("fingerprint") != fingerprint:
            raise Conflict("This Idempotency-Key has named an execution of other content: send another key.")
        return self.retry(known.id)

    def retry(self, execution_id: str) -> Execution:
        """Take an execution that has failed up again, from the step that failed; any other one is left as it is."""
        return self._executions.change(execution_id, taken_up_again) or self.show(execution_id)

    def show(self, execution_id: str) -> Execution:
        """One execution. Raises ``NotFound``."""
        execution = self._executions.show(execution_id)
        if execution is None:
            raise NotFound(f"There is no execution {execution_id!r}; its history may have expired.")
        return execution

    def history(self, workflow: str | None, status: JobStatus | None, limit: int) -> list[Execution]:
        """The newest executions, newest first. Raises ``NotFound`` for an unknown workflow."""
        name = find(workflow).name if workflow is not None else None
        return self._executions.history(name, (status,) if status else (), limit)

    def _start(self, workflow: Workflow, execution_id: str, upload: Upload, fingerprint: str | None) -> Execution:
        started_at = self._now()
        kept = self._uploads.keep(execution_id, upload.kind, upload.chunks, started_at)
        given = {"format": upload.kind, "client_id": upload.client_id, "app": upload.app, "fingerprint": fingerprint}
        ingest = StepRun(
            name=INGEST,
            status="done",
            attempts=1,
            started_at=rfc3339(started_at),
            finished_at=rfc3339(self._now()),
            input=given,
            output=msgspec.to_builtins(kept),
        )
        steps = (ingest, *(StepRun(name=name) for name in workflow.steps[1:]))
        return self._executions.start(
            Execution(
                id=execution_id,
                workflow=workflow.name,
                status="waiting",
                requested_at=rfc3339(started_at),
                steps=steps,
            )
        )


class StepRunner:
    """Runs steps, one try at a time; who calls it decides when to try again."""

    def __init__(
        self,
        executions: Executions,
        functions: Mapping[str, Mapping[str, StepFunction]],
        now: Callable[[], dt.datetime],
    ) -> None:
        self._executions = executions
        self._functions = functions
        self._now = now

    def waiting(self) -> list[tuple[str, int]]:
        """(id, how often it was taken up again) of the executions that wait, oldest first."""
        waiting = self._executions.history(statuses=("waiting",))
        return [(execution.id, execution.retries) for execution in reversed(waiting)]

    def steps(self, execution_id: str) -> Sequence[str]:
        """The names of the steps that are run here, in order; none for an unknown execution."""
        execution = self._executions.show(execution_id)
        return [step.name for step in execution.steps[1:]] if execution else []

    def attempt(self, execution_id: str, name: str) -> None:
        """Try a step that is not done; raises whatever it fails with."""
        execution = self._executions.change(execution_id, lambda one: begun(one, name, self._now()))
        if execution is None:
            return  # it had ended, which a crash kept the caller from noting
        attempts = step_of(execution, name).attempts
        try:
            if attempts > MAX_ATTEMPTS * (1 + execution.retries):
                raise UserError(f"Its process ended while it ran, {attempts - 1} tries in all.")
            output = self._functions[execution.workflow][name](execution, self._now())
        except Exception as exc:
            tell = log.warning if isinstance(exc, UserError) else log.error
            tell("a step failed", execution=execution_id, step=name, attempt=attempts, **told(exc))
            error = sentence(exc)
            self._executions.change(execution_id, lambda one: with_error(one, name, error))
            raise
        self._executions.change(execution_id, lambda one: done(one, name, output, self._now()))

    def give_up(self, execution_id: str, name: str) -> None:
        """End an execution whose step has used up its tries; its raw copy stays, and it may be taken up again."""
        self._executions.change(execution_id, lambda one: failed(one, name, self._now()))


def step_of(execution: Execution, name: str) -> StepRun:
    """The step of this name; raises ``StoreError``."""
    for step in execution.steps:
        if step.name == name:
            return step
    raise StoreError(f"The workflow {execution.workflow} has no step {name!r} in this execution.")


def begun(execution: Execution, name: str, now: dt.datetime) -> Execution | None:
    """Another try of a step begins, with what the one before it has put out."""
    place = execution.steps.index(step_of(execution, name))
    step = execution.steps[place]
    if execution.status not in ("waiting", "running") or step.status == "done":
        return None
    step = msgspec.structs.replace(
        step,
        status="running",
        attempts=step.attempts + 1,
        started_at=step.started_at or rfc3339(now),
        input=execution.steps[place - 1].output,
    )
    return _with(execution, step, status="running")


def done(execution: Execution, name: str, output: dict[str, Any], now: dt.datetime) -> Execution:
    """A step has succeeded, and with the last one the execution."""
    step = step_of(execution, name)
    step = msgspec.structs.replace(step, status="done", output=output, finished_at=rfc3339(now))
    if name == execution.steps[-1].name:
        return _with(execution, step, status="done", finished_at=rfc3339(now))
    return _with(execution, step)


def with_error(execution: Execution, name: str, error: str) -> Execution:
    """A try has failed."""
    step = step_of(execution, name)
    return _with(execution, msgspec.structs.replace(step, errors=(*step.errors, error)))


def failed(execution: Execution, name: str, now: dt.datetime) -> Execution:
    """A step has used up its tries."""
    step = msgspec.structs.replace(step_of(execution, name), status="failed", finished_at=rfc3339(now))
    error = f"{name}: {step.errors[-1] if step.errors else 'It could not be run.'}"
    return _with(execution, step, status="failed", finished_at=rfc3339(now), error=error)


def taken_up_again(execution: Execution) -> Execution | None:
    """One that has failed waits again, from the step that failed."""
    if execution.status != "failed":
        return None
    step = next(step for step in execution.steps if step.status == "failed")
    step = msgspec.structs.replace(step, status="waiting", finished_at=None)
    return _with(execution, step, status="waiting", finished_at=None, error=None, retries=execution.retries + 1)


def _with(execution: Execution, step: StepRun, **changes: Any) -> Execution:
    steps = tuple(step if one.name == step.name else one for one in execution.steps)
    return msgspec.structs.replace(execution, steps=steps, **changes)


def _digest(*parts: str | None) -> str:
    return hashlib.sha256(msgspec.json.encode(parts)).hexdigest()[:32]
