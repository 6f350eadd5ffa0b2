"""``cloudpulse replay``: silver of some days rebuilt from bronze, through the running server."""

import datetime as dt
from collections.abc import Mapping
from typing import Annotated, Any

import typer

from cloudpulse.cli.admin import AsJson, print_json
from cloudpulse.cli.client import connect
from cloudpulse.cli.jobs import exit_if_failed, run_to_end
from cloudpulse.cli.options import Data, Token, Url
from cloudpulse.cli.printable import printable
from cloudpulse.cli.tables import console, table
from cloudpulse.settings import load

KINDS = ("added", "removed", "doubled", "changed")

app = typer.Typer(add_completion=False)


@app.command()
def replay(
    date_from: Annotated[dt.datetime, typer.Option("--from", formats=["%Y-%m-%d"], help="First day.")],
    date_to: Annotated[dt.datetime, typer.Option("--to", formats=["%Y-%m-%d"], help="Last day, inclusive.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would change.")] = False,
    as_json: AsJson = False,
    data: Data = None,
    url: Url = None,
    token: Token = None,
) -> None:
    """Rebuild stored events of these days from bronze, and print what differed; exit 1 when it fails.

    Days are those of the events' own times, in UTC. Ctrl-C ends the waiting, not the replay.
    """
    days = {"date_from": f"{date_from:%Y-%m-%d}", "date_to": f"{date_to:%Y-%m-%d}"}
    with connect(load({"data": data}), url, token) as server:
        run = run_to_end(server, "replay", days | {"dry_run": dry_run})
    if as_json:
        print_json(run)
    elif run["status"] == "done":
        _show(run["result"])
    exit_if_failed(run)


def _show(result: Mapping[str, Any]) -> None:
    rows = result["rows"]
    if not result["changed"]:
        typer.echo(f"Nothing differs: {rows['after']:,} events are stored as they should be.")
        return
    for name, key in (("type", "types"), ("day", "days")):
        differing = {one: found for one, found in result[key].items() if any(found[kind] for kind in KINDS)}
        if differing:
            console().print(table([{name: one} | found for one, found in differing.items()]))
            typer.echo()
    if result["columns"]:
        console().print(table([{"column": name, "differing rows": n} for name, n in result["columns"].items()]))
        typer.echo()
    for kind, ids in result["examples"].items():
        typer.echo(printable(f"{kind}, for example: {', '.join(ids)}"))
    if result["lost_files"]:
        typer.echo(f"{result['lost_files']:,} files could not be read.")
    told = ", ".join(f"{rows[kind]:,} {kind}" for kind in KINDS if rows[kind])
    outcome = "Nothing was changed yet" if result["dry_run"] else "All of it is put right"
    typer.echo(f"{rows['before']:,} events before, {rows['after']:,} after: {told or 'the same ones'}. {outcome}.")
