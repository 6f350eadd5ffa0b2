"""Batches at full speed: durable and deduplicated events a second, and what is behind when the load ends."""

import datetime as dt
from collections.abc import Iterator
from typing import Any

from benchmarks.against import against_floor
from benchmarks.asking import Asker
from benchmarks.progress import Progress
from benchmarks.report import Figure, Goal
from benchmarks.run import Run
from benchmarks.servers import Product

CONNECTIONS = 16


def measure(run: Run) -> Iterator[Figure]:
    """Batches of 100 and of 1,000."""
    for batch in (100, 1_000):
        yield from _measure(run, batch)


def _measure(run: Run, batch: int) -> Iterator[Figure]:
    load, floor, details = against_floor(run, batch, CONNECTIONS, run.scale(60, 15), _look)
    behind, missing = details.pop("behind_s"), details.pop("missing_in_query")
    label = f"batches of {batch:,}"
    yield Figure(
        name=label,
        measured=load.rate * batch,
        unit="events/s",
        goal=Goal(100_000, at_least=True, floor_share=0.4),
        floor=floor * batch,
        details=details,
    )
    yield Figure(name=f"{label}: counters behind", measured=behind["counters"], unit="s", goal=Goal(1.0))
    yield Figure(name=f"{label}: lake behind", measured=behind["lake"], unit="s", goal=Goal(12.0))
    yield Figure(name=f"{label}: missing in /query", measured=missing, unit="events", goal=Goal(0))


def _look(server: Product, progress: Progress) -> dict[str, Any]:
    behind = progress.behind()
    accepted = progress.accepted()
    counted = _event_count(server)
    return {
        "behind_s": behind,
        "missing_in_query": max(0, accepted - counted),
        "caught_up_after_s": progress.wait(),
    }


def _event_count(server: Product) -> int:
    today = dt.datetime.now(dt.UTC).date()
    day = dt.timedelta(days=1)
    answer = Asker(server).ask(
        "/v1/query", query_type="event_count", date_from=str(today - day), date_to=str(today + day)
    )
    return sum(row["event_count"] for row in answer["results"])
