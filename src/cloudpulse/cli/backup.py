"""``cloudpulse backup``: a consistent copy of a data folder, in use or not."""

from pathlib import Path
from typing import Annotated

import typer

from cloudpulse import wiring
from cloudpulse.cli.options import Data, require_data
from cloudpulse.settings import load
from cloudpulse.wiring import keeping

app = typer.Typer(add_completion=False)


@app.command()
def backup(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Where the backup lies, or is to lie.")],
    data: Data = None,
) -> None:
    """Back up the data folder while everything runs; again into the same DIR copies only what is new."""
    settings = load({"data": data})
    require_data(settings)
    wiring.open_folder(settings.data)
    done = keeping.backup(settings).run(folder, wiring.utc_now())
    size = sum(file.bytes for file in done.files)
    typer.echo(f"{folder} holds {len(done.files):,} files with {size:,} bytes, as they were at {done.taken_at}.")
    typer.echo("Secrets are among them: whoever reads this folder can sign in, and sign tokens.")
    for warning in done.warnings:
        typer.echo(f"cloudpulse: the data folder itself has a gap: {warning}", err=True)
