"""The floor before, CloudPulse, the floor after: what drifts on the machine touches both alike."""

from collections.abc import Callable
from statistics import fmean
from typing import Any

from benchmarks.load import Load, wrk
from benchmarks.progress import Progress
from benchmarks.run import Run
from benchmarks.servers import Product, floor, product

WARM_UP_SECONDS = 2

AtEnd = Callable[[Product, Progress], dict[str, Any]]


def floor_load(run: Run, batch: int, connections: int, seconds: int) -> Load:
    """Load on a new floor."""
    with run.scratch() as folder, floor(folder) as url:
        wrk(url, batch, connections, WARM_UP_SECONDS)
        return wrk(url, batch, connections, seconds)


def product_load(run: Run, batch: int, connections: int, seconds: int, at_end: AtEnd) -> tuple[Load, dict[str, Any]]:
    """Load on a new CloudPulse, and what explains it; ``at_end`` looks at once when the load ends."""
    with run.scratch() as folder, product(folder) as server:
        progress = Progress(server.settings)
        wrk(server.url, batch, connections, WARM_UP_SECONDS, server.token)
        before, cpu = progress.accepted(), server.cpu_seconds()
        load = wrk(server.url, batch, connections, seconds, server.token)
        used = server.cores_used(cpu, load.seconds)
        details = {"cores_used": used, **at_end(server, progress)}
        durable = progress.accepted() - before
        if durable < (load.requests - load.refused) * batch:
            raise RuntimeError(f"{durable} events in the journal, fewer than were acknowledged: {load}")
    facts = {"refused": load.refused, "broken": load.broken, "p50_ms": load.p50_ms, "p99_ms": load.p99_ms}
    return load, facts | details


def against_floor(
    run: Run, batch: int, connections: int, seconds: int, at_end: AtEnd = lambda *_: {}
) -> tuple[Load, float, dict[str, Any]]:
    """(CloudPulse's load, the floor's requests a second, details)."""
    first = floor_load(run, batch, connections, seconds // 2)
    load, details = product_load(run, batch, connections, seconds, at_end)
    second = floor_load(run, batch, connections, seconds // 2)
    floors = [round(first.rate * batch), round(second.rate * batch)]
    details |= {"floor_events_per_s": floors, "floor_p99_ms": [first.p99_ms, second.p99_ms]}
    return load, fmean((first.rate, second.rate)), details
