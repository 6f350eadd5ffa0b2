"""``cloudpulse jobs``: when jobs run, how they ran, and one more run now."""

from typing import Annotated, Any

import typer

from cloudpulse.cli.admin import AsJson, print_json, print_list, shown_time
from cloudpulse.cli.client import Client, connect
from cloudpulse.cli.options import Data, Token, Url
from cloudpulse.cli.printable import printable
from cloudpulse.settings import load

Name = Annotated[str, typer.Argument(metavar="NAME", help="The job's name.")]

OWN_COMMANDS = ("replay", "erase")
"""Jobs that must be told of what."""

app = typer.Typer(add_completion=False, no_args_is_help=True, help="See and run the jobs.")


@app.command("list")
def list_(as_json: AsJson = False, data: Data = None, url: Url = None, token: Token = None) -> None:
    """List the jobs: when each runs next, and how it ran last."""
    with connect(load({"data": data}), url, token) as server:
        print_list(server.get("/v1/jobs")["jobs"], as_json, _job)


@app.command()
def run(name: Name, as_json: AsJson = False, data: Data = None, url: Url = None, token: Token = None) -> None:
    """Run a job now and wait for its end; exit 1 when it fails. Ctrl-C ends the waiting, not the job."""
    if name in OWN_COMMANDS:
        raise typer.BadParameter(f"use `cloudpulse {name}`.", param_hint="NAME")
    with connect(load({"data": data}), url, token) as server:
        done = run_to_end(server, name)
    if as_json:
        print_json(done)
    elif done["status"] == "done":
        typer.echo(f"{name} is done: {done['seconds']:.1f} s.")
    exit_if_failed(done)


@app.command()
def history(
    name: Annotated[str | None, typer.Argument(metavar="[NAME]", help="One job; else all.", show_default=False)] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, max=1000, help="Runs of each job at most.")] = 20,
    as_json: AsJson = False,
    data: Data = None,
    url: Url = None,
    token: Token = None,
) -> None:
    """Show how jobs ran, newest first."""
    with connect(load({"data": data}), url, token) as server:
        names = [name] if name else [job["name"] for job in server.get("/v1/jobs")["jobs"]]
        runs = [run for one in names for run in server.get(f"/v1/jobs/{one}/history", {"limit": limit})["runs"]]
    print_list(sorted(runs, key=lambda run: str(run["requested_at"]), reverse=True), as_json, _run)


def run_to_end(server: Client, name: str, arguments: dict[str, Any] | None = None) -> dict[str, Any]:
    """Have a job run and wait for its end; returns its run."""
    run: dict[str, Any] = server.request("POST", f"/v1/jobs/{name}/run", json=arguments).json()
    return server.until_ended(f"/v1/jobs/{run['name']}/history/{run['id']}", run)


def exit_if_failed(run: dict[str, Any]) -> None:
    """Say why a run has failed, and exit with 1."""
    if run["status"] == "failed":
        typer.echo(f"cloudpulse: {run['name']} failed: {printable(run['error'])}", err=True)
        raise typer.Exit(1)


def _job(job: dict[str, Any]) -> dict[str, Any]:
    last = job["last_run"] or {}
    return {
        "job": job["name"],
        "last run": shown_time(last.get("started_at") or last.get("requested_at")),
        "status": last.get("status"),
        "next run": shown_time(job["next_run_at"]),
        "what": job["what"],
    }


def _run(run: dict[str, Any]) -> dict[str, Any]:
    return {
        "job": run["name"],
        "started": shown_time(run["started_at"]),
        "seconds": None if run["seconds"] is None else f"{run['seconds']:.1f}",
        "status": run["status"],
        "attempts": run["attempts"],
        "result": run["result"] if run["error"] is None else run["error"],
    }
