"""Runs executions of workflows with DBOS: each step is tried again when it fails, and resumed when its process dies."""

import time
from collections.abc import Sequence
from typing import Any, Protocol

import structlog
from dbos import DBOS

from cloudpulse.engines.local import dbos_runtime
from cloudpulse.engines.local.dbos_runtime import Failed
from cloudpulse.errors import StoreError, UserError
from cloudpulse.telemetry import sentence, told

QUEUE = "workflows"
CONCURRENCY = 4
TRIES = 5
RETRY_SECONDS = 1.0
POLL_SECONDS = 1.0
STORE_SECONDS = 5.0

log = structlog.get_logger(__name__)


class Steps(Protocol):
    """What runs single steps and knows the executions."""

    def waiting(self) -> list[tuple[str, int]]:
        """(id, how often it was taken up again) of the executions that wait, oldest first."""

    def steps(self, execution_id: str) -> Sequence[str]:
        """The names of the steps of an execution, in order."""

    def attempt(self, execution_id: str, name: str) -> None:
        """Try a step that is not done; raises whatever it fails with."""

    def give_up(self, execution_id: str, name: str) -> None:
        """End an execution whose step has used up its tries."""


class DbosWorkflows:
    """Takes executions from the line and runs them, beside the jobs; DBOS keeps ids alone."""

    def __init__(self, steps: Steps, retry_seconds: float = RETRY_SECONDS, poll_seconds: float = POLL_SECONDS) -> None:
        self._steps = steps
        self._poll_seconds = poll_seconds
        self._options = dbos_runtime.step_options("step", TRIES, retry_seconds)
        self._handed_over: set[tuple[str, int]] = set()

    def register(self) -> None:
        """Tell DBOS the workflow, before it is launched."""
        DBOS.workflow(name="workflow", max_recovery_attempts=None)(lambda execution_id: self._run(execution_id))

    def open(self) -> None:
        """Open the queue, when DBOS was launched."""
        options: Any = {"worker_concurrency": CONCURRENCY, "polling_interval_sec": self._poll_seconds}
        DBOS.register_queue(QUEUE, on_conflict="always_update", **options)

    def hand_over(self) -> None:
        """Give DBOS the executions that have come into the line; one that it has already is not run twice."""
        waiting = self._steps.waiting()
        for execution_id, retries in waiting:
            if (execution_id, retries) not in self._handed_over:
                options: Any = {
                    "workflow_name": "workflow",
                    "queue_name": QUEUE,
                    "workflow_id": f"{execution_id}-{retries}",
                }
                DBOS.enqueue_workflow_with_options(options, execution_id)
        self._handed_over = set(waiting)

    def _run(self, execution_id: str) -> None:
        for name in self._steps.steps(execution_id):
            try:
                DBOS.run_step(self._options, self._attempt, execution_id, name)
            except Exception:
                self._give_up(execution_id, name)
                return

    def _attempt(self, execution_id: str, name: str) -> None:
        try:
            self._steps.attempt(execution_id, name)
        except Exception as exc:
            raise Failed(sentence(exc), final=isinstance(exc, UserError)) from exc

    def _give_up(self, execution_id: str, name: str) -> None:
        """Not noting it would leave it for ever as if it ran: a store that refuses is waited for."""
        while True:
            try:
                self._steps.give_up(execution_id, name)
                return
            except StoreError as exc:
                log.error("an execution could not be ended", execution=execution_id, **told(exc))
                time.sleep(STORE_SECONDS)
