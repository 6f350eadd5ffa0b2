"""``cloudpulse restore``: a data folder made again from a backup."""

from pathlib import Path
from typing import Annotated

import typer

from cloudpulse import wiring
from cloudpulse.cli.options import Data
from cloudpulse.entrypoints.data_folder import hold
from cloudpulse.errors import DataFolderBusy
from cloudpulse.settings import Settings, load
from cloudpulse.wiring import keeping

app = typer.Typer(add_completion=False)


@app.command()
def restore(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="The backup.")],
    data: Data = None,
) -> None:
    """Fill an empty or missing data folder from a backup, check every file of it, and check the count ledger."""
    settings = load({"data": data})
    _refuse_used(settings.data)
    wiring.open_folder(settings.data)
    with hold(settings.data):
        done = keeping.restore(folder, settings)
        _report(settings)
    typer.echo(
        f"{settings.data} is as it was at {done.taken_at}: start it with `cloudpulse up --data {settings.data}`.\n"
        "Whoever was erased since then is there again: ask for those erasures once more."
    )


def _refuse_used(data: Path) -> None:
    if data.exists() and any(path.name != "lock" for path in data.iterdir()):
        raise DataFolderBusy(f"{data} is not empty: name a new folder with --data, or move that one away.")


def _report(settings: Settings) -> None:
    """The files are what was written; this tells whether they belong together."""
    for gap in wiring.ledger_service(settings).report().gaps:
        typer.echo(f"cloudpulse: {gap}", err=True)
