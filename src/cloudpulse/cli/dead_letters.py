"""``cloudpulse dlq``: what could not be processed, through the running server."""

from collections import Counter
from typing import Annotated, Any
from urllib.parse import quote

import typer

from cloudpulse.cli.admin import AsJson, print_json, print_list, shown_time
from cloudpulse.cli.client import connect
from cloudpulse.cli.options import Data, Token, Url
from cloudpulse.cli.printable import printable
from cloudpulse.cli.tables import console, table
from cloudpulse.settings import load

PATH = "/v1/dlq"
MOST = 1000
LONG_SECONDS = 600.0
FAILED = ("unknown", "expired", "would_fail")

Ids = Annotated[list[str] | None, typer.Argument(metavar="[ID]…", help="Dead letters.", show_default=False)]
LetterId = Annotated[str, typer.Argument(metavar="ID", help="The id of a dead letter.")]
Every = Annotated[bool, typer.Option("--all", help="All that wait.")]

app = typer.Typer(
    add_completion=False, no_args_is_help=True, help="See what could not be processed; try it again, or purge it."
)


@app.command("list")
def list_(as_json: AsJson = False, data: Data = None, url: Url = None, token: Token = None) -> None:
    """List what waits, by kind of failure, and the oldest letters."""
    with connect(load({"data": data}), url, token) as server:
        found = server.get(PATH, {"limit": MOST})
    if as_json:
        print_json(found)
        return
    if not found["letters"]:
        typer.echo("There are no dead letters.")
        return
    print_list(found["groups"], False, _group)
    typer.echo()
    print_list(found["letters"], False, _letter)
    if found["total"] > len(found["letters"]):
        typer.echo(f"… and {found['total'] - len(found['letters'])} more.")


@app.command()
def show(letter_id: LetterId, data: Data = None, url: Url = None, token: Token = None) -> None:
    """Print one letter as JSON: why it failed and where, and its events as they were accepted."""
    with connect(load({"data": data}), url, token) as server:
        print_json(server.get(f"{PATH}/{quote(letter_id)}"))


@app.command()
def redrive(
    ids: Ids = None,
    every: Every = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say whether it would succeed.")] = False,
    as_json: AsJson = False,
    data: Data = None,
    url: Url = None,
    token: Token = None,
) -> None:
    """Have letters tried again, each once; exit 1 when one of them is not there or would fail."""
    with connect(load({"data": data}), url, token) as server:
        _check(ids, every)
        body = {"all": True, "dry_run": dry_run} if every else {"ids": ids, "dry_run": dry_run}
        letters = server.request("POST", f"{PATH}/redrive", json=body, timeout=LONG_SECONDS).json()["letters"]
    if as_json:
        print_json(letters)
    else:
        _tell(letters)
    if any(letter["outcome"] in FAILED for letter in letters):
        raise typer.Exit(1)


@app.command()
def purge(
    ids: Ids = None,
    every: Every = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    data: Data = None,
    url: Url = None,
    token: Token = None,
) -> None:
    """Give up the events of letters for good; the ledger counts them as purged."""
    with connect(load({"data": data}), url, token) as server:
        _check(ids, every)
        count = server.get(PATH)["total"] if every else len(ids or ())
        if count and not yes:
            typer.confirm(f"Purge {count} dead letters? Their events are gone then", abort=True)
        purged = 0
        while wanted := ids or [letter["id"] for letter in server.get(PATH, {"limit": MOST})["letters"]]:
            for letter_id in wanted:
                server.request("DELETE", f"{PATH}/{quote(letter_id)}")
            purged += len(wanted)
            if ids:
                break
    typer.echo(f"{purged} dead letters are purged.")


def _check(ids: list[str] | None, every: bool) -> None:
    if every == bool(ids):
        raise typer.BadParameter("name dead letters, or say --all.", param_hint="ID")


def _tell(letters: list[dict[str, Any]]) -> None:
    rows = [
        {"id": letter["id"], "events": letter["events"], "outcome": letter["outcome"], "reason": letter["reason"]}
        for letter in letters
    ]
    if rows:
        console().print(table(rows))
    counted = Counter(str(letter["outcome"]).replace("_", " ") for letter in letters)
    typer.echo(printable(", ".join(f"{count} {outcome}" for outcome, count in counted.items())) or "Nothing waits.")


def _group(group: dict[str, Any]) -> dict[str, Any]:
    return group | {name: shown_time(group[name]) for name in ("first_parked_at", "last_parked_at")}


def _letter(letter: dict[str, Any]) -> dict[str, Any]:
    names = ("id", "events", "attempts", "fingerprint")
    times = {name: shown_time(letter[name]) for name in ("parked_at", "expires_at")}
    return {name: letter[name] for name in names} | times
