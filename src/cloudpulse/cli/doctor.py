"""``cloudpulse doctor``: looks at the machine, the data folder and the server, and says what to do."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import httpx
import msgspec
import typer

from cloudpulse import wiring
from cloudpulse.cli import checks
from cloudpulse.cli.checks import Check
from cloudpulse.cli.client import connect, running
from cloudpulse.cli.options import Data
from cloudpulse.cli.printable import printable
from cloudpulse.cli.status import gauges
from cloudpulse.errors import CloudPulseError
from cloudpulse.settings import Settings
from cloudpulse.wiring import keeping

LAG = "_lag_batches"

app = typer.Typer(add_completion=False)


@app.command()
def doctor(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    data: Data = None,
) -> None:
    """Check that all is as it should be; exit 1 when something is not."""
    found = list(_checks(data))
    if as_json:
        typer.echo(msgspec.json.encode([check._asdict() for check in found]))
    else:
        for check in found:
            typer.echo(f"{check.state:4}  {check.name}: {printable(check.detail)}")
    if any(check.state == "fail" for check in found):
        raise typer.Exit(1)


def _checks(data: Path | None) -> Iterator[Check]:
    yield checks.python()
    yield checks.libraries()
    read, settings = checks.settings_file(data)
    yield read
    if settings is None:
        return
    yield checks.network(settings)
    server = running(settings.data)
    yield checks.open_files(settings, server.pids.get("api") if server else None)
    if not (settings.data / "secrets.db").exists():
        yield Check("data folder", "warn", f"There is none in {settings.data} yet: `cloudpulse up` makes it.")
        return
    known = checks.version(settings.data)
    yield known
    yield checks.permissions(settings.data)
    if known.state != "fail":
        yield from _of_stores(settings)
        yield _server(settings)


def _of_stores(settings: Settings) -> Iterator[Check]:
    now = wiring.utc_now()
    yield checks.wal(settings.data)
    yield checks.backup(settings.data, now)
    try:
        stores = keeping.examine(settings, now.date(), checks.TREND_DAYS)
    except CloudPulseError as exc:
        yield Check("stores", "fail", exc.detail)
        return
    yield checks.clock(wiring.utc_now(), stores.newest)  # events have come since ``now``
    yield checks.disk(settings, stores.growth_bytes)
    yield checks.tier(settings.tier_folder, stores.tier_hindrance)
    yield checks.dead_letters(stores.dead_lettered)
    yield checks.ledger(stores.gaps)


def _server(settings: Settings) -> Check:
    found = running(settings.data)
    if found is None:
        return checks.server(None, None, "", {})
    try:
        with connect(settings, None, None, patience_seconds=0) as client:
            answer = client.request("GET", "/readyz", expect=(503,))
            reason = "" if answer.is_success else str(answer.json().get("detail"))
            measured = gauges(client.request("GET", "/metrics").text)
    except (CloudPulseError, httpx.HTTPError):
        return checks.server(found.url, None, "", {})
    lags = {name.removesuffix(LAG): value for name, value in measured.items() if name.endswith(LAG)}
    return checks.server(found.url, answer.is_success, reason, lags)
