"""How long a new ``cloudpulse up`` takes until it is ready."""

from collections.abc import Iterator
from statistics import median

from benchmarks.report import Figure, Goal
from benchmarks.run import Run
from benchmarks.servers import product

TIMES = 5


def measure(run: Run) -> Iterator[Figure]:
    """Median over new data folders."""
    seconds = []
    for _ in range(TIMES):
        with run.scratch() as folder, product(folder) as server:
            seconds.append(round(server.ready_seconds, 3))
    yield Figure(
        name="up to ready", measured=median(seconds), unit="s", goal=Goal(3.0), details={"seconds": sorted(seconds)}
    )
