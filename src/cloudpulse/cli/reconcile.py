"""``cloudpulse reconcile``: do the live counters, silver and the ledger agree?"""

from typing import Annotated, Any

import typer

from cloudpulse.cli.admin import AsJson, print_json
from cloudpulse.cli.client import connect
from cloudpulse.cli.jobs import exit_if_failed, run_to_end
from cloudpulse.cli.options import Data, Token, Url
from cloudpulse.cli.printable import printable
from cloudpulse.cli.tables import console, table
from cloudpulse.settings import load

SHOWN = 20
MOST = 200

app = typer.Typer(add_completion=False)


@app.command()
def reconcile(
    repair: Annotated[bool, typer.Option("--repair", help="Mend what differs.")] = False,
    as_json: AsJson = False,
    data: Data = None,
    url: Url = None,
    token: Token = None,
) -> None:
    """Compare the live counters, silver and the ledger, up to one position; exit 1 when they differ and stay so."""
    with connect(load({"data": data}), url, token) as server:
        run = run_to_end(server, "reconcile", {"repair": repair, "full": True})
        exit_if_failed(run)
        reports = server.get("/v1/reconciliation", {"limit": MOST})["reports"]
    report = next(report for report in reports if report["at"] == run["result"]["at"])
    if as_json:
        print_json(report)
    else:
        _show(report)
    for gap in [*report["ledger_gaps"], *report["todo"]]:
        typer.echo(f"cloudpulse: {printable(gap)}", err=True)
    if report["status"] == "diverged":
        raise typer.Exit(1)


def _show(report: dict[str, Any]) -> None:
    rows = [_file(one) for one in report["files"]]
    rows += [_cell(one) for one in report["differences"] + report["explained"]]
    if rows:
        console().print(table(rows[:SHOWN]))
    if len(rows) > SHOWN:
        typer.echo(f"… and {len(rows) - SHOWN} more: --json shows them.")
    compared = sum(report["compared"].values())
    typer.echo(
        f"{report['status']}: {report['found']} divergences, {report['left']} left; {compared:,} cells and files "
        f"compared up to batch {report['speed']} (silver: {report['lake']})."
    )


def _cell(one: dict[str, Any]) -> dict[str, Any]:
    return {
        "layer": one["layer"],
        "kind": one["kind"],
        "where": " ".join(part for part in (one["minute"] or one["hour"], one["app"], one["event_type"]) if part),
        "expected": one["expected"],
        "found": one["found"],
        "repaired": one["repaired"],
    }


def _file(one: dict[str, Any]) -> dict[str, Any]:
    return {
        "layer": one["store"],
        "kind": f"{one['kind']} file",
        "where": one["path"],
        "expected": one["events"],
        "found": None,
        "repaired": one["repaired"],
    }
