"""At 1,000 events a second: how long an acknowledgement takes, and how soon an event is in the answers."""

import subprocess
import sys
import time
from collections.abc import Iterator
from statistics import quantiles

import msgspec

from benchmarks.paced import Paced
from benchmarks.report import Figure, Goal
from benchmarks.run import Run
from benchmarks.servers import Product, product

RATE = 1_000
WARM_UP_SECONDS = 3


def measure(run: Run) -> Iterator[Figure]:
    """Percentiles over all events."""
    seconds = run.scale(60, 15)
    with run.scratch() as folder, product(folder) as server:
        _pace(server, WARM_UP_SECONDS)
        before, started_at = server.cpu_seconds(), time.monotonic()
        paced = _pace(server, seconds)
        used = server.cores_used(before, time.monotonic() - started_at)
    details = {
        "refused": paced.refused,
        "client_late_p99_ms": _percentile(paced.late, 99),
        "unseen_in_realtime": len(paced.acks) - len(paced.realtime),
        "unseen_in_query": len(paced.acks) - len(paced.query),
        "cores_used": used,
    }
    yield _figure("ack p50", _percentile(paced.acks, 50), Goal(2.0), details)
    yield _figure("ack p99", _percentile(paced.acks, 99), Goal(10.0))
    yield _figure("in /realtime p99", _percentile(paced.realtime, 99), Goal(300.0))
    yield _figure("in /query p99", _percentile(paced.query, 99), Goal(1_000.0))


def _pace(server: Product, seconds: int) -> Paced:
    arguments = ["-m", "benchmarks.paced", server.url, server.token, str(RATE), str(seconds)]
    ended = subprocess.run(
        [sys.executable, *arguments], capture_output=True, text=True, timeout=seconds * 3 + 60, check=False
    )
    if ended.returncode:
        raise RuntimeError(f"the paced client failed: {ended.stderr[-2000:]}")
    return msgspec.json.decode(ended.stdout, type=Paced)


def _percentile(seconds: list[float], percent: int) -> float:
    """In milliseconds; an empty list means that nothing was ever seen."""
    return round(quantiles(seconds, n=100)[percent - 1] * 1000, 3) if len(seconds) > 1 else float("inf")


def _figure(name: str, measured: float, goal: Goal, details: dict[str, object] | None = None) -> Figure:
    return Figure(name=f"at {RATE:,} events/s: {name}", measured=measured, unit="ms", goal=goal, details=details or {})
