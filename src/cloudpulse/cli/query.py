"""``cloudpulse query``: one question to the server, as a table or as JSON."""

import datetime as dt
from typing import Annotated, Any, Literal

import typer

from cloudpulse.cli.client import connect
from cloudpulse.cli.options import Data, Token, Url
from cloudpulse.cli.printable import json_text
from cloudpulse.cli.tables import console, show_answer
from cloudpulse.settings import load

QueryType = Literal["event_count", "timeseries", "top_sessions", "errors", "breakdown", "uniques"]
Dimension = Literal["page", "country", "browser", "os", "device", "source", "app", "event_name"]
Text = Annotated[str | None, typer.Option(show_default=False, rich_help_panel="Filters, each an exact value")]
Width = Annotated[Literal["minute", "hour", "day"] | None, typer.Option(show_default=False, help="Width of a bucket.")]
AppName = Annotated[
    str | None, typer.Option("--app", show_default=False, rich_help_panel="Filters, each an exact value")
]

app = typer.Typer(add_completion=False)


@app.command()
def query(
    query_type: Annotated[QueryType, typer.Argument(metavar="TYPE", help="What to ask.")],
    date_from: Annotated[dt.datetime, typer.Option("--from", formats=["%Y-%m-%d"], help="First day.")],
    date_to: Annotated[dt.datetime, typer.Option("--to", formats=["%Y-%m-%d"], help="Last day, inclusive.")],
    event_type: Annotated[str | None, typer.Option(show_default=False, help="Only events of this type.")] = None,
    limit: Annotated[int | None, typer.Option(min=1, show_default=False, help="At most so many rows.")] = None,
    tz: Annotated[str | None, typer.Option(show_default=False, help="Time zone of the days: Europe/Berlin.")] = None,
    interval: Width = None,
    by: Annotated[Dimension | None, typer.Option(show_default=False, help="What a breakdown divides by.")] = None,
    app_name: AppName = None,
    source: Text = None,
    country: Text = None,
    browser: Text = None,
    os: Text = None,
    device: Text = None,
    page: Text = None,
    session_id: Text = None,
    user_id: Text = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the answer as it is.")] = False,
    data: Data = None,
    url: Url = None,
    token: Token = None,
) -> None:
    """Ask for counts, time series, sessions or errors of a range of days."""
    given: dict[str, Any] = {
        "query_type": query_type,
        "date_from": f"{date_from:%Y-%m-%d}",
        "date_to": f"{date_to:%Y-%m-%d}",
        "event_type": event_type,
        "limit": limit,
        "tz": tz,
        "interval": interval,
        "by": by,
        "app": app_name,
        "source": source,
        "country": country,
        "browser": browser,
        "os": os,
        "device": device,
        "page": page,
        "session_id": session_id,
        "user_id": user_id,
    }
    parameters = {name: value for name, value in given.items() if value is not None}
    with connect(load({"data": data}), url, token) as client:
        response = client.request("GET", "/v1/query", params=parameters)
    if as_json:
        typer.echo(json_text(response.text))
    else:
        show_answer(console(), response.json())
