"""``cloudpulse workflows``: how executions went, one more, and one that failed once more."""

import hashlib
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote

import typer

from cloudpulse.cli.admin import AsJson, print_json, print_list, shown_time
from cloudpulse.cli.client import connect
from cloudpulse.cli.files import Unreadable
from cloudpulse.cli.options import Data, Token, Url
from cloudpulse.cli.printable import printable
from cloudpulse.cli.tables import console, table
from cloudpulse.events.activity import format_of
from cloudpulse.settings import load

CONTENT_TYPES = {"json": "application/json", "ndjson": "application/x-ndjson"}

Id = Annotated[str, typer.Argument(metavar="ID", help="The execution's id.")]

app = typer.Typer(add_completion=False, no_args_is_help=True, help="See and run the workflows.")


@app.command("list")
def list_(
    status: Annotated[
        str | None, typer.Option("--status", help="waiting, running, done or failed.", show_default=False)
    ] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, max=1000, help="Executions at most.")] = 20,
    as_json: AsJson = False,
    data: Data = None,
    url: Url = None,
    token: Token = None,
) -> None:
    """List the newest executions."""
    params = {"limit": limit} | ({"status": status} if status else {})
    with connect(load({"data": data}), url, token) as server:
        print_list(server.get("/v1/workflows", params)["executions"], as_json, _row)


@app.command()
def show(execution_id: Id, as_json: AsJson = False, data: Data = None, url: Url = None, token: Token = None) -> None:
    """Show one execution, step by step."""
    with connect(load({"data": data}), url, token) as server:
        execution = server.get(_path(execution_id))
    if as_json:
        print_json(execution)
    else:
        typer.echo(f"{execution['id']}: {execution['status']}")
        console().print(table([_step(step) for step in execution["steps"]]))


@app.command()
def run(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The workflow's name.")],
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A .json, .ndjson or .jsonl file, also .gz or .zst.")],
    key: Annotated[
        str | None, typer.Option("--key", help="Names the execution; else the content does.", show_default=False)
    ] = None,
    as_json: AsJson = False,
    data: Data = None,
    url: Url = None,
    token: Token = None,
) -> None:
    """Run a workflow on a file and wait for its end; exit 1 when it fails. The same file a second time adds nothing."""
    kind = format_of(file.name)
    if kind is None:
        raise typer.BadParameter("its name must end in .json, .ndjson or .jsonl (then .gz or .zst).", param_hint="FILE")
    content = _content(file)
    headers = {
        "Content-Type": CONTENT_TYPES[kind[0]],
        "Idempotency-Key": key or hashlib.sha256(content).hexdigest(),
        **({"Content-Encoding": kind[1]} if kind[1] else {}),
    }
    with connect(load({"data": data}), url, token) as server:
        started = server.request("POST", _path(name), content=content, headers=headers).json()
        _report(server.until_ended(_path(started["id"]), started), as_json)


@app.command()
def retry(execution_id: Id, as_json: AsJson = False, data: Data = None, url: Url = None, token: Token = None) -> None:
    """Take an execution that has failed up again, and wait for its end; exit 1 when it fails again."""
    with connect(load({"data": data}), url, token) as server:
        started = server.request("POST", _path(execution_id) + "/retry").json()
        _report(server.until_ended(_path(started["id"]), started), as_json)


def _path(name: str) -> str:
    return f"/v1/workflows/{quote(name, safe='')}"


def _content(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as exc:
        raise Unreadable(f"cannot read {file}: {exc.strerror}") from exc


def _report(execution: dict[str, Any], as_json: bool) -> None:
    if as_json:
        print_json(execution)
    elif execution["status"] == "done":
        stored, refused = execution["steps"][-1]["output"], execution["steps"][1]["output"]["rejected"]
        typer.echo(
            f"{execution['id']} is done: {stored['accepted']:,} events added, {stored['duplicates']:,} known before, "
            f"{refused + stored['rejected']:,} rejected."
        )
    if execution["status"] == "failed":
        typer.echo(f"cloudpulse: {execution['id']} failed: {printable(execution['error'])}", err=True)
        raise typer.Exit(1)


def _row(execution: dict[str, Any]) -> dict[str, Any]:
    last: dict[str, Any] = next((step for step in reversed(execution["steps"]) if step["attempts"]), {})
    return {
        "execution": execution["id"],
        "requested": shown_time(execution["requested_at"]),
        "status": execution["status"],
        "step": last.get("name"),
        "attempts": last.get("attempts"),
        "error": execution["error"],
    }


def _step(step: dict[str, Any]) -> dict[str, Any]:
    output = step["output"] or {}
    return {
        "step": step["name"],
        "status": step["status"],
        "attempts": step["attempts"],
        "started": shown_time(step["started_at"]),
        "finished": shown_time(step["finished_at"]),
        "output": {name: value for name, value in output.items() if name != "rejections"} or None,
        "errors": "; ".join(step["errors"]) or None,
    }
