"""What the commands for clients, write keys, users and rotation share: they use the server, or the data folder."""

import datetime as dt
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Annotated, Any

import msgspec
import typer

from cloudpulse import wiring
from cloudpulse.cli.client import Client, connect, is_answering
from cloudpulse.cli.options import CLIENT_ID
from cloudpulse.cli.printable import json_text
from cloudpulse.cli.tables import console, table
from cloudpulse.events import times
from cloudpulse.ports import AuditEntry
from cloudpulse.settings import Settings
from cloudpulse.wiring import trust

A_DAY = 86_400

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Site = Annotated[str, typer.Option("--app", help="The site or app that its events belong to.")]
Limit = Annotated[
    int | None, typer.Option("--limit", min=1, help="Requests a minute; else any number.", show_default=False)
]
NEW_LIMIT = typer.Option("--limit", metavar="N|none", help="Requests a minute, or none for any number.")
Keep = Annotated[
    int, typer.Option("--keep", min=0, max=30 * A_DAY, help="For how many seconds the one before stays valid.")
]


def server_of(settings: Settings, url: str | None, token: str | None) -> AbstractContextManager[Client | None]:
    """The server to go through, or None for the data folder itself."""
    return connect(settings, url, token, 0) if url or is_answering(settings.data) else nullcontext()


def limit_of(text: str) -> int | None:
    """What ``--limit N|none`` means; anything else is wrong usage."""
    if text != "none" and not (text.isascii() and text.isdecimal() and int(text) > 0):
        raise typer.BadParameter("give a number of requests a minute, or none.", param_hint="--limit")
    return None if text == "none" else int(text)


def audit(settings: Settings, action: str, subject: str) -> None:
    """Write an entry for a change that was made without a server."""
    at = times.rfc3339(wiring.utc_now())
    trust.local_audit(settings).append(AuditEntry(at=at, actor=f"client/{CLIENT_ID}", action=action, subject=subject))


def print_json(value: Any) -> None:
    """Print a value as one line of JSON."""
    typer.echo(json_text(msgspec.json.encode(value).decode()))


def print_list(rows: list[dict[str, Any]], as_json: bool, row: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
    """Print what there is: as JSON, or as a table of what ``row`` makes of each."""
    if as_json:
        print_json(rows)
    elif not rows:
        typer.echo("There are none.")
    else:
        console().print(table([row(one) for one in rows]))


def shown_time(at: str | None) -> str | None:
    """A time of an answer, for people."""
    return None if at is None else f"{dt.datetime.fromisoformat(at):%Y-%m-%d %H:%M:%S}Z"


def shown_dates(row: dict[str, Any]) -> dict[str, Any]:
    """A row of a list with its times for people."""
    return row | {name: shown_time(row[name]) for name in ("created_at", "previous_expires_at")}
