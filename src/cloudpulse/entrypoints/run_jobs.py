"""The pipeline's jobs: launched a moment after its layers, which go on whatever happens here."""

import datetime as dt
from collections.abc import Callable

from cloudpulse.entrypoints.chunks import Now
from cloudpulse.entrypoints.rounds import Rounds
from cloudpulse.ops.jobs import put_due_in_line
from cloudpulse.ports import Jobs
from cloudpulse.wiring.jobs import JobRunner

DELAY_SECONDS = 1.5
"""Loading DBOS takes half a second of a processor, which the layers and the first answers need more."""
PACE_SECONDS = 1.0
RETRY_SECONDS = 30.0


class JobLoop(Rounds):
    """Once a second: puts jobs in line whose time has come, and what ``put_in_line`` finds to do; hands over what is in
    line. A job that runs when it is stopped is cut off with the process, and resumed by the next one.
    """

    def __init__(
        self,
        runs: Jobs,
        make_runner: Callable[[], JobRunner],
        now: Now,
        put_in_line: Callable[[dt.datetime], None] = lambda now: None,
    ) -> None:
        super().__init__("jobs", "jobs could not be run", PACE_SECONDS, DELAY_SECONDS, RETRY_SECONDS)
        self._runs = runs
        self._make_runner = make_runner
        self._now = now
        self._put_in_line = put_in_line
        self._runner: JobRunner | None = None

    def look(self) -> None:
        """One look."""
        self._runner = self._runner or self._launch()
        put_due_in_line(self._runs, self._now())
        self._put_in_line(self._now())
        self._runner.hand_over()

    def _launch(self) -> JobRunner:
        runner = self._make_runner()
        runner.launch()
        return runner
