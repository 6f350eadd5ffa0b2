"""Queries over 90 days, over HTTP, on a warm server: every question is a new one, so no answer comes from a cache."""

import datetime as dt
from collections.abc import Iterator
from itertools import cycle, islice
from random import Random
from statistics import median
from typing import Any, NamedTuple

from benchmarks.asking import Asker
from benchmarks.history import DAY, Made, lake_of
from benchmarks.progress import Progress
from benchmarks.report import Figure, Goal
from benchmarks.run import Run
from benchmarks.servers import product
from cloudpulse.events.codec import encode_event
from cloudpulse.events.synthetic import history

DAYS = 90
WARM_UPS = 5
TIMES = 30
FRESH_EVENTS = 5_000

Parameters = dict[str, Any]


class Question(NamedTuple):
    """What is asked, how, and its goal in milliseconds."""

    name: str
    path: str
    asked: Iterator[Parameters]
    goal: float


def measure(run: Run) -> Iterator[Figure]:
    """Medians; the same question again, which may come from the cache, is told in the details."""
    folder = run.folder / f"lake-{run.scale(20, 1)}m"
    made = lake_of(folder, run.scale(20_000_000, 1_000_000), DAYS)
    with product(folder) as server:
        asker = Asker(server)
        _send_fresh(asker)
        progress = Progress(server.settings)
        progress.wait()
        files = progress.snapshots.current().files
        for question in _questions(made):
            yield _measure(asker, question, {"events": made.events, "files": len(files)})


def _measure(asker: Asker, question: Question, details: dict[str, Any]) -> Figure:
    for parameters in islice(question.asked, WARM_UPS):
        asker.ask(question.path, **parameters)
    asked = list(islice(question.asked, TIMES))
    times, answers = zip(*(asker.timed(question.path, **parameters) for parameters in asked), strict=True)
    again = [asker.timed(question.path, **asked[-1])[0] for _ in range(TIMES)]
    details |= {
        "max_ms": round(max(times), 2),
        "same_again_ms": round(median(again), 2),
        "from_cache": sum(answer.get("cached", False) for answer in answers),
        "scanned_bytes": answers[-1].get("scanned_bytes"),
    }
    return Figure(name=question.name, measured=median(times), unit="ms", goal=Goal(question.goal), details=details)


def _questions(made: Made) -> Iterator[Question]:
    whole = {"date_from": made.first_day, "date_to": made.last_day}
    days = [made.last_day - back * DAY for back in range(WARM_UPS + TIMES)]
    events = f"{made.events / 1e6:.3g} M events"
    yield Question(
        f"{events}: event_count, {DAYS} days", "/v1/query", cycle([{"query_type": "event_count", **whole}]), 10
    )
    yield Question(
        f"{events}: timeseries, 1 day",
        "/v1/query",
        iter({"query_type": "timeseries", "date_from": day, "date_to": day} for day in days),
        30,
    )
    yield Question(
        f"{events}: top_sessions, 7 days",
        "/v1/query",
        iter({"query_type": "top_sessions", "date_from": day - 6 * DAY, "date_to": day} for day in days),
        60,
    )
    yield Question(
        f"{events}: errors, last 100 of {DAYS} days",
        "/v1/query",
        # Another limit is another statement.
        iter({"query_type": "errors", "limit": 100 + number, **whole} for number in range(len(days))),
        40,
    )
    yield Question(f"{events}: realtime", "/v1/realtime", cycle([{}]), 3)


def _send_fresh(asker: Asker) -> None:
    """Events of the last minutes, so that the live layer has something to tell."""
    now = dt.datetime.now(dt.UTC)
    events = [encode_event(event) for event in history(Random(), now - dt.timedelta(minutes=10), now, FRESH_EVENTS)]
    asker.send(events)
