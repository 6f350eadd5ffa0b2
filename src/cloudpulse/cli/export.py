"""``cloudpulse export``: all events of some days as one file."""

import datetime as dt
import os
import shutil
import sys
import tempfile
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import IO, Annotated, Literal

import typer

from cloudpulse.cli.options import Data, require_data
from cloudpulse.errors import StoreError, UserError
from cloudpulse.events.model import EventType
from cloudpulse.settings import load
from cloudpulse.wiring import keeping

Format = Literal["parquet", "ndjson", "csv"]
Write = Callable[[IO[bytes]], int]

app = typer.Typer(add_completion=False)


@app.command()
def export(
    out: Annotated[Path, typer.Argument(metavar="OUT", help="File to write; - is the standard output.")],
    date_from: Annotated[dt.datetime, typer.Option("--from", formats=["%Y-%m-%d"], help="First day, in UTC.")],
    date_to: Annotated[dt.datetime, typer.Option("--to", formats=["%Y-%m-%d"], help="Last day, inclusive.")],
    kind: Annotated[Format, typer.Option("--format", help="What to write.")],
    event_type: Annotated[
        EventType | None, typer.Option("--type", show_default=False, help="Only events of this type.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace OUT if it is there.")] = False,
    data: Data = None,
) -> None:
    """Write all events of a range of days, read from the data folder itself, in use or not."""
    settings = load({"data": data})
    require_data(settings)
    if date_to < date_from:
        raise typer.BadParameter("--to must not be before --from.", param_hint="--to")
    if str(out) == "-" and kind == "parquet":
        raise typer.BadParameter("Parquet needs a file to write to.", param_hint="OUT")
    write = partial(keeping.exporter(settings).write, date_from.date(), date_to.date(), event_type, kind)
    if str(out) == "-":
        _to_stdout(write)
        return
    events = _to_file(write, out, force)
    keeping.remember_export(settings, out)
    typer.echo(f"{events:,} events are in {out}.")


def _to_stdout(write: Write) -> None:
    """By way of a file, for what is out cannot be taken back when the export has to begin again."""
    with tempfile.TemporaryFile() as file:
        write(file)
        file.seek(0)
        shutil.copyfileobj(file, sys.stdout.buffer)


def _to_file(write: Write, out: Path, force: bool) -> int:
    """Nobody sees half a file: it gets its name when it is whole and on the disk."""
    if out.exists() and not force:
        raise UserError(f"{out} is there already: name another file, or replace it with --force.")
    temporary = out.with_name(f".{out.name}.{os.getpid()}.tmp")
    try:
        with temporary.open("wb") as file:
            events = write(file)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(out)
    except OSError as exc:
        raise StoreError(f"{out} cannot be written: {exc.strerror}.") from exc
    finally:
        with suppress(NotADirectoryError):  # which is why nothing was written
            temporary.unlink(missing_ok=True)
    return events
