"""``cloudpulse up``: run everything on one data folder."""

from typing import Annotated

import typer

from cloudpulse.cli.options import Data
from cloudpulse.entrypoints import supervise

app = typer.Typer(add_completion=False)


@app.command()
def up(
    host: Annotated[str | None, typer.Option(help="Address to listen on; else 127.0.0.1.", show_default=False)] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on; else 8080.", show_default=False)] = None,
    data: Data = None,
    demo: Annotated[bool, typer.Option("--demo", help="Send demo events too.")] = False,
) -> None:
    """Run everything; Ctrl-C drains and stops."""
    raise typer.Exit(supervise.run({"host": host, "port": port, "data": data}, demo=demo))
