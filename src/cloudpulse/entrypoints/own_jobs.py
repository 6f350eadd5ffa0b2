"""The jobs of the api process, which alone writes secrets and journal: ``rotate`` at the start and when it is due, and
what others have put in line.
"""

import threading
import time
from collections.abc import Callable

import structlog

from cloudpulse.ops.jobs import JobService
from cloudpulse.telemetry import told

ROTATE = "rotate"
PACE_SECONDS = 1.0

log = structlog.get_logger(__name__)


class OwnJobs(threading.Thread):
    """Looks once a second."""

    def __init__(self, jobs: JobService) -> None:
        super().__init__(name="own-jobs", daemon=True)
        self._jobs = jobs
        self._rotate_at = 0.0
        self._ended = threading.Event()

    def run(self) -> None:
        """Run jobs until ``stop``."""
        self._attempt(self._jobs.abandon)
        while not self._ended.is_set():
            self._attempt(self._rotate)
            self._attempt(self._jobs.run_waiting)
            self._ended.wait(PACE_SECONDS)

    def stop(self) -> None:
        """End after the run under way."""
        self._ended.set()
        self.join()

    def _rotate(self) -> None:
        if time.monotonic() >= self._rotate_at:
            self._rotate_at = time.monotonic() + self._jobs.seconds_until_due(ROTATE)
            self._jobs.start(ROTATE)

    def _attempt(self, step: Callable[[], object]) -> None:
        try:
            step()
        except Exception as exc:
            log.error("a job of the api process could not be run", **told(exc))
