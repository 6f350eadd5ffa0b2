"""``cloudpulse verify``: is every accepted event in exactly one place?"""

from typing import Annotated

import msgspec
import typer

from cloudpulse import wiring
from cloudpulse.cli.client import TIMEOUT_SECONDS, connect, is_answering
from cloudpulse.cli.options import Data, Token, Url, require_data
from cloudpulse.cli.tables import console, table
from cloudpulse.settings import Settings, load

app = typer.Typer(add_completion=False)


class Report(msgspec.Struct):
    """The part of a ledger report that is shown."""

    ok: bool
    deep: bool
    ledger: dict[str, int]
    gaps: list[str]


@app.command()
def verify(
    deep: Annotated[
        bool | None,
        typer.Option(
            "--deep/--quick", help="Read all files and ids; else only while they are few.", show_default=False
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the report as it is.")] = False,
    data: Data = None,
    url: Url = None,
    token: Token = None,
) -> None:
    """Check the count ledger; exit 1 on any gap. Works on a stopped data folder too."""
    content = _report(load({"data": data}), url, token, deep)
    report = msgspec.json.decode(content, type=Report)
    if as_json:
        typer.echo(content)
    else:
        console().print(table([{"place": place, "events": events} for place, events in report.ledger.items()]))
        typer.echo("Every accepted event is accounted for." if report.ok else "The ledger does not add up.")
    for gap in report.gaps:
        typer.echo(f"cloudpulse: {gap}", err=True)
    if not report.ok:
        raise typer.Exit(1)


def _report(settings: Settings, url: str | None, token: str | None, deep: bool | None) -> bytes:
    if url or is_answering(settings.data):
        params = {} if deep is None else {"deep": str(deep).lower()}
        with connect(settings, url, token) as client:
            return client.request("GET", "/v1/ledger", params=params, timeout=10 * TIMEOUT_SECONDS).content
    require_data(settings)
    return msgspec.json.encode(wiring.ledger_service(settings).report(deep))
