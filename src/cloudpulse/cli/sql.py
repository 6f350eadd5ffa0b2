"""``cloudpulse sql``: one SELECT to the server, as a table or as JSON."""

from typing import Annotated, Any

import typer

from cloudpulse.cli.client import connect
from cloudpulse.cli.options import Data, Token, Url
from cloudpulse.cli.printable import json_text
from cloudpulse.cli.tables import console, show_answer
from cloudpulse.settings import load

app = typer.Typer(add_completion=False)


@app.command()
def sql(
    statement: Annotated[str, typer.Argument(metavar="SELECT", help="One SELECT over events, raw_events, …")],
    limit: Annotated[int | None, typer.Option(min=1, show_default=False, help="At most so many rows.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the answer as it is.")] = False,
    data: Data = None,
    url: Url = None,
    token: Token = None,
) -> None:
    """Run one SELECT over events, raw_events and daily_summaries."""
    asked: dict[str, Any] = {"sql": statement} | ({} if limit is None else {"limit": limit})
    with connect(load({"data": data}), url, token) as client:
        response = client.request("POST", "/v1/query/sql", json=asked)
    if as_json:
        typer.echo(json_text(response.text))
    else:
        show_answer(console(), response.json())
