"""Single events with a token at full speed."""

from collections.abc import Iterator

from benchmarks.against import against_floor
from benchmarks.report import Figure, Goal
from benchmarks.run import Run

CONNECTIONS = 32


def measure(run: Run) -> Iterator[Figure]:
    """Requests a second, and how long an acknowledgement takes."""
    load, floor, details = against_floor(run, 1, CONNECTIONS, run.scale(30, 10))
    yield Figure(
        name="single events",
        measured=load.rate,
        unit="events/s",
        goal=Goal(10_000, at_least=True, floor_share=0.4),
        floor=floor,
        details=details,
    )
    yield Figure(name="single events: ack p50", measured=load.p50_ms, unit="ms")
    yield Figure(name="single events: ack p99", measured=load.p99_ms, unit="ms", goal=Goal(15.0))
