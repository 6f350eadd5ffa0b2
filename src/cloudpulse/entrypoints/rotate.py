"""The job ``rotate``: it runs in the api process, which alone writes the secrets, at the start and when it is due."""

import threading
from collections.abc import Callable

import structlog

from cloudpulse.ops.jobs import JobService
from cloudpulse.telemetry import told

JOB = "rotate"

log = structlog.get_logger(__name__)


class RotateLoop(threading.Thread):
    """Runs the job at the start and then at each of its times."""

    def __init__(self, jobs: JobService) -> None:
        super().__init__(name="rotate", daemon=True)
        self._jobs = jobs
        self._ended = threading.Event()

    def run(self) -> None:
        """Run it until ``stop``."""
        self._attempt(self._jobs.abandon)
        while not self._ended.is_set():
            self._attempt(lambda: self._jobs.start(JOB))
            self._ended.wait(self._jobs.seconds_until_due(JOB))

    def stop(self) -> None:
        """End after the run under way."""
        self._ended.set()
        self.join()

    def _attempt(self, step: Callable[[], object]) -> None:
        try:
            step()
        except Exception as exc:
            log.error("could not rotate secrets", **told(exc))
