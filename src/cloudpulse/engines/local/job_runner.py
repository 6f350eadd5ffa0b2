"""Runs jobs with DBOS, one at a time: tried again when they fail, resumed when their process has died."""

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import structlog
from dbos import DBOS
from dbos._error import DBOSMaxStepRetriesExceeded

from cloudpulse.engines.local import dbos_runtime
from cloudpulse.engines.local.dbos_runtime import Failed
from cloudpulse.engines.local.jobs import FILE_NAME
from cloudpulse.errors import UserError
from cloudpulse.ports import Jobs
from cloudpulse.telemetry import sentence, told

QUEUE = "maintenance"
TRIES = 3
RETRY_SECONDS = 10.0
MAX_ATTEMPTS = 2 * TRIES
"""A job that takes its process down with it must not do so for ever."""

log = structlog.get_logger(__name__)


class Guest(Protocol):
    """What else runs on the one DBOS of the process."""

    def register(self) -> None:
        """Tell DBOS its workflows, before it is launched."""

    def open(self) -> None:
        """Open its queue, when DBOS was launched."""

    def hand_over(self) -> None:
        """Give DBOS what has come into its line."""


class DbosRunner:
    """Takes runs from the line and runs them; DBOS keeps ids alone, the line keeps arguments and results."""

    def __init__(
        self,
        folder: Path,
        runs: Jobs,
        functions: Mapping[str, Callable[[Mapping[str, Any], dt.datetime], dict[str, Any] | None]],
        now: Callable[[], dt.datetime],
        retry_seconds: float = RETRY_SECONDS,
        guests: Sequence[Guest] = (),
    ) -> None:
        self._path = folder / FILE_NAME
        self._runs = runs
        self._functions = functions
        self._now = now
        self._guests = guests
        self._options = dbos_runtime.step_options("job", TRIES, retry_seconds)
        self._handed_over: set[str] = set()

    def launch(self) -> None:
        """Begin to run, first of all what an earlier process left unfinished."""
        # A function of its own, for DBOS writes attributes to it, which a method does not take.
        DBOS.workflow(name="job", max_recovery_attempts=None)(lambda run_id: self._run(run_id))
        for guest in self._guests:
            guest.register()
        try:
            dbos_runtime.launch(self._path)
            DBOS.register_queue(QUEUE, global_concurrency=1, worker_concurrency=1, on_conflict="always_update")
            for guest in self._guests:
                guest.open()
        except Exception:
            dbos_runtime.destroy()  # half of it would stand in the way of the next launch
            raise

    def hand_over(self) -> None:
        """Give DBOS the runs that have come into the line; one that it has already is not run twice."""
        waiting = [run.id for run in self._runs.history(statuses=("waiting",)) if run.name in self._functions]
        for run_id in reversed(waiting):
            if run_id not in self._handed_over:
                options: Any = {"workflow_name": "job", "queue_name": QUEUE, "workflow_id": run_id}
                DBOS.enqueue_workflow_with_options(options, run_id)
        self._handed_over = set(waiting)
        for guest in self._guests:
            guest.hand_over()

    def close(self) -> None:
        """Stop; what runs is resumed by the next launch."""
        dbos_runtime.destroy()

    def _run(self, run_id: str) -> None:
        try:
            DBOS.run_step(self._options, self._try, run_id)
        except Exception as exc:
            last = exc.errors[-1] if isinstance(exc, DBOSMaxStepRetriesExceeded) else exc
            self._runs.finish(run_id, self._now(), error=sentence(last))

    def _try(self, run_id: str) -> None:
        now = self._now()
        run = self._runs.begin(run_id, now)
        if run is None:
            return  # it had ended, which a crash kept DBOS from noting
        if run.attempts > MAX_ATTEMPTS:
            raise Failed(f"Its process ended while it ran, {run.attempts - 1} times in all.", final=True)
        try:
            result = self._functions[run.name](run.arguments, now)
        except Exception as exc:
            log.error("a job failed", job=run.name, run=run.id, attempt=run.attempts, **told(exc))
            raise Failed(sentence(exc), final=isinstance(exc, UserError)) from exc
        self._runs.finish(run_id, self._now(), result=result)
        log.info("a job is done", job=run.name, run=run.id, attempt=run.attempts)
