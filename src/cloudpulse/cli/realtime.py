"""``cloudpulse realtime``: what happens now."""

import time
from typing import Annotated, Any

import typer
from rich.console import Group
from rich.live import Live
from rich.text import Text

from cloudpulse.cli.client import Client, connect
from cloudpulse.cli.options import Data, Token, Url
from cloudpulse.cli.printable import json_text
from cloudpulse.cli.tables import console, table
from cloudpulse.settings import load

app = typer.Typer(add_completion=False)


@app.command()
def realtime(
    watch: Annotated[bool, typer.Option("--watch", help="Renew it every second until Ctrl-C.")] = False,
    lookback: Annotated[int, typer.Option(min=1, max=1440, help="Minutes to look back.")] = 5,
    as_json: Annotated[bool, typer.Option("--json", help="Print the answer as it is.")] = False,
    data: Data = None,
    url: Url = None,
    token: Token = None,
) -> None:
    """Events, errors and sessions of the last minutes."""
    with connect(load({"data": data}), url, token) as client:
        if as_json:
            answer = client.request("GET", "/v1/realtime", params={"lookback_minutes": lookback})
            typer.echo(json_text(answer.text))
        elif watch:
            _watch(client, lookback)
        else:
            console().print(_view(client, lookback))


def _watch(client: Client, lookback: int) -> None:
    with Live(_view(client, lookback), console=console(), auto_refresh=False) as live:
        try:
            while True:
                time.sleep(1)
                live.update(_view(client, lookback), refresh=True)
        except KeyboardInterrupt:
            return


def _view(client: Client, lookback: int) -> Group:
    answer: dict[str, Any] = client.get("/v1/realtime", {"lookback_minutes": lookback})
    summary = (
        f"{answer['total_events']:,} events in {answer['lookback_minutes']} min · "
        f"{answer['error_count']:,} errors ({answer['error_rate_pct']} %) · "
        f"{answer['active_sessions']:,} active sessions · as of {answer['as_of']}"
    )
    types = [{"event_type": name, "events": events} for name, events in answer["by_event_type"].items()]
    return Group(Text(summary), table(types))
