"""``cloudpulse alarms``: which alarms ring, and which rang."""

from typing import Annotated, Any

import typer

from cloudpulse.cli.admin import AsJson, print_json, shown_time
from cloudpulse.cli.client import connect
from cloudpulse.cli.options import Data, Token, Url
from cloudpulse.cli.printable import printable
from cloudpulse.cli.tables import console, table
from cloudpulse.settings import load

app = typer.Typer(add_completion=False)


@app.command()
def alarms(
    history: Annotated[bool, typer.Option("--history", help="Show when which alarm rang instead.")] = False,
    as_json: AsJson = False,
    data: Data = None,
    url: Url = None,
    token: Token = None,
) -> None:
    """Show the alarms; exit 1 when one rings."""
    with connect(load({"data": data}), url, token) as server:
        found = server.get("/v1/alarms", {"limit": 1000 if history else 50})
    raised = [alarm for alarm in found["alarms"] if alarm["state"] == "raised"]
    if as_json:
        print_json(found)
    else:
        rows = map(_episode, found["history"]) if history else map(_alarm, found["alarms"])
        console().print(table(list(rows)))
    for alarm in raised:
        typer.echo(f"cloudpulse: {alarm['name']}: {printable(alarm['episode']['sentence'])} {alarm['todo']}", err=True)
    if raised:
        raise typer.Exit(1)


def _alarm(alarm: dict[str, Any]) -> dict[str, Any]:
    return {
        "alarm": alarm["name"],
        "state": alarm["state"],
        "value": None if alarm["value"] is None else round(alarm["value"], 1),
        "threshold": alarm["threshold"],
        "unit": alarm["unit"],
        "since": shown_time(alarm["episode"]["raised_at"]) if alarm["episode"] else None,
    }


def _episode(episode: dict[str, Any]) -> dict[str, Any]:
    return {
        "alarm": episode["alarm"],
        "raised": shown_time(episode["raised_at"]),
        "cleared": shown_time(episode["cleared_at"]),
        "judged": "late" if episode["late"] else episode["judged"],
        "sentence": episode["sentence"],
    }
