"""The jobs of the api process, which alone writes secrets and journal: ``rotate`` at the start and when it is due, and
what others have put in line.
"""

import time

from cloudpulse.entrypoints.rounds import Rounds
from cloudpulse.ops.jobs import JobService

ROTATE = "rotate"
PACE_SECONDS = 1.0


class OwnJobs(Rounds):
    """Looks once a second."""

    def __init__(self, jobs: JobService) -> None:
        super().__init__("own-jobs", "a job of the api process could not be run", PACE_SECONDS)
        self._jobs = jobs
        self._rotate_at = 0.0

    def run(self) -> None:
        """Run jobs until ``stop``."""
        self._attempt(self._jobs.abandon)
        super().run()

    def look(self) -> None:
        """Rotate when it is time, and run what waits."""
        self._attempt(self._rotate)
        self._attempt(self._jobs.run_waiting)

    def _rotate(self) -> None:
        if time.monotonic() >= self._rotate_at:
            self._rotate_at = time.monotonic() + self._jobs.seconds_until_due(ROTATE)
            self._jobs.start(ROTATE)
