"""``cloudpulse status``: does it run, is it ready, how far behind is each layer."""

import re
from typing import Annotated, Any

import msgspec
import typer

from cloudpulse.cli.client import Client, connect, running
from cloudpulse.cli.options import Data, Token, Url
from cloudpulse.cli.tables import console, table
from cloudpulse.settings import load

_METRIC = re.compile(r"^cloudpulse_(?P<name>\w+) (?P<value>\S+)$", re.MULTILINE)

app = typer.Typer(add_completion=False)


@app.command()
def status(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    data: Data = None,
    url: Url = None,
    token: Token = None,
) -> None:
    """Show the server, its readiness, its lags and its counts; exit 1 when it is not ready."""
    settings = load({"data": data})
    server = None if url else running(settings.data)
    with connect(settings, url, token, patience_seconds=0) as client:
        state = _state(client) | ({"pids": server.pids} if server else {})
    if as_json:
        typer.echo(msgspec.json.encode(state))
    else:
        _show(state)
    if not state["ready"]:
        raise typer.Exit(1)


def _state(client: Client) -> dict[str, Any]:
    answer = client.request("GET", "/readyz", expect=(503,))
    ledger = client.get("/v1/ledger", {"deep": "false"})
    return {
        "url": client.url,
        "ready": answer.is_success,
        "reason": None if answer.is_success else answer.json().get("detail"),
        "counts": ledger["ledger"],
        "gauges": gauges(client.request("GET", "/metrics").text),
    }


def gauges(text: str) -> dict[str, float]:
    """The unlabelled metrics that are no counters."""
    found = {match["name"]: float(match["value"]) for match in _METRIC.finditer(text)}
    return {name: value for name, value in found.items() if not name.endswith(("_total", "_created"))}


def _show(state: dict[str, Any]) -> None:
    out = console()
    out.print(
        f"{state['url']} · {'ready' if state['ready'] else 'not ready: ' + str(state['reason'])}", highlight=False
    )
    if "pids" in state:
        out.print(" · ".join(f"{role} {pid}" for role, pid in state["pids"].items()), highlight=False)
    out.print(table([{"name": f"events {place}", "value": events} for place, events in state["counts"].items()]))
    out.print(table([_gauge(name, value) for name, value in state["gauges"].items()]))


def _gauge(name: str, value: float) -> dict[str, Any]:
    """A row; Prometheus knows no whole numbers, people do."""
    return {"name": name.replace("_", " "), "value": int(value) if value.is_integer() else value}
