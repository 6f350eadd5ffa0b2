"""``cloudpulse seed``: synthetic traffic through the real API."""

import datetime as dt
import time
from collections.abc import Callable, Iterator
from itertools import count
from random import Random
from typing import Annotated
from uuid import uuid4

import typer

from cloudpulse.cli.client import Client, connect
from cloudpulse.cli.options import Data, Token, Url
from cloudpulse.cli.send import batches, send
from cloudpulse.cli.tables import progress
from cloudpulse.errors import ServiceError
from cloudpulse.events.codec import encode_event
from cloudpulse.events.model import Event
from cloudpulse.events.synthetic import Crowd, history
from cloudpulse.settings import load

DEFAULT_EVENTS = 10_000
DEFAULT_DAYS = 7
DEMO_EVENTS = 50_000
DEMO_RATE = 5.0
PATIENCE_SECONDS = 120.0
TICK_SECONDS = 0.25
CROWD_SECONDS = 40
"""A visit steps about every 25 seconds and a crowd of this many seconds' events gives each that pace."""

MAX_CROWD = 5_000

app = typer.Typer(add_completion=False)


@app.command()
def seed(
    events: Annotated[
        int | None, typer.Option(min=1, help="How many; else 10,000, or no end with --rate.", show_default=False)
    ] = None,
    days: Annotated[
        float | None, typer.Option(min=0.001, help="Spread over so many days back; else 7.", show_default=False)
    ] = None,
    rate: Annotated[
        float | None,
        typer.Option(min=0.01, help="Send at so many events/s of present time, after --days.", show_default=False),
    ] = None,
    random_seed: Annotated[
        int | None, typer.Option(help="The same number makes the same traffic.", show_default=False)
    ] = None,
    demo: Annotated[
        bool, typer.Option("--demo", help="A week back when the server is empty, then a few a second.")
    ] = False,
    data: Data = None,
    url: Url = None,
    token: Token = None,
) -> None:
    """Send believable synthetic traffic: into the past, or at a rate until Ctrl-C."""
    random = Random(random_seed)
    with connect(load({"data": data}), url, token, PATIENCE_SECONDS) as client:
        if demo:
            _demo(client, random)
        elif rate is None or days is not None:
            _send_history(client, random, events or DEFAULT_EVENTS, days or DEFAULT_DAYS)
        if rate is not None and not demo:
            _send_live(client, random, rate, events if days is None else None)


def _demo(client: Client, random: Random) -> None:
    if _is_empty(client):
        _send_history(client, random, DEMO_EVENTS, DEFAULT_DAYS)
    _send_live(client, random, DEMO_RATE, None, hidden=True)


def _is_empty(client: Client) -> bool:
    today = dt.datetime.now(dt.UTC).date()
    days = {"date_from": str(today - dt.timedelta(days=DEFAULT_DAYS)), "date_to": str(today)}
    return not client.get("/v1/query", {"query_type": "event_count", **days})["results"]


def _send_history(client: Client, random: Random, events: int, days: float) -> None:
    """In order of time, so that few partitions of the lake are open at any moment."""
    end = dt.datetime.now(dt.UTC)
    made = history(random, end - dt.timedelta(days=days), end, events)
    with progress() as bar:
        task = bar.add_task("past", total=events)
        for batch in batches((None, encode_event(event)) for event in made):
            _deliver(client, [event for _, event in batch])
            bar.update(task, advance=len(batch))
    typer.echo(f"{events:,} events sent, over the last {days:g} days")


def _send_live(client: Client, random: Random, rate: float, events: int | None, hidden: bool = False) -> None:
    """At ``rate`` events a second until Ctrl-C, or so many."""
    sent = 0
    with progress(hidden) as bar:
        task = bar.add_task("now", total=events)
        try:
            for batch in _paced(
                Crowd(random, min(MAX_CROWD, max(3, int(rate * CROWD_SECONDS)))), rate, events, time.monotonic
            ):
                _deliver(client, [encode_event(event) for event in batch])
                sent += len(batch)
                bar.update(task, completed=sent)
        except KeyboardInterrupt:
            pass
    typer.echo(f"{sent:,} events sent")


def _paced(crowd: Crowd, rate: float, events: int | None, clock: Callable[[], float]) -> Iterator[list[Event]]:
    """Lists of events as they fall due; what a slow server holds up is made up for."""
    start, made = clock(), 0
    for tick in count(1):
        due = int(rate * (clock() - start))
        due = due if events is None else min(due, events)
        while made < due:
            wanted = min(due - made, 2_000)
            now = dt.datetime.now(dt.UTC)
            yield [crowd.next(now) for _ in range(wanted)]
            made += wanted
        if made == events:
            return
        time.sleep(max(0.0, start + tick * TICK_SECONDS - clock()))


def _deliver(client: Client, events: list[bytes]) -> None:
    receipt = send(client, events, key=uuid4().hex)
    if receipt.errors:
        raise ServiceError(f"the server refused {len(receipt.errors)} events, the first: {receipt.errors[0].message}")
