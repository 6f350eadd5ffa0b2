"""``cloudpulse import``: event files and access logs, resumable, and the same file never twice."""

import os
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from cloudpulse.cli.client import Client, connect, running
from cloudpulse.cli.files import Events, Format, Source, combined_events, ndjson_events
from cloudpulse.cli.options import Data, Token, Url
from cloudpulse.cli.printable import printable
from cloudpulse.cli.send import Receipt, batches, send
from cloudpulse.cli.tables import progress
from cloudpulse.settings import Settings, load

PATIENCE_SECONDS = 120.0
SHOWN_REJECTIONS = 100

app = typer.Typer(add_completion=False)


class Memory(msgspec.Struct):
    """How far the server has acknowledged a file: so many events in the order of this format, so many rejected.

    Kept for ever, because the server forgets ids when the window of deduplication ends.
    """

    format: str
    acknowledged: int = 0
    rejected: int = 0


class Memories:
    """One small file per content hash in the data folder; none for a server of another folder."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder

    def recall(self, content_hash: str, file_format: Format) -> Memory:
        """What is remembered of a file; nothing when it was read in another format."""
        try:
            memory = msgspec.json.decode(self._path(content_hash).read_bytes(), type=Memory)
        except (OSError, msgspec.MsgspecError):
            return Memory(file_format)
        return memory if memory.format == file_format else Memory(file_format)

    def keep(self, content_hash: str, memory: Memory) -> None:
        """Write it down durably."""
        if self._folder is None:
            return
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = self._path(content_hash)
        temporary = path.with_suffix(f".{os.getpid()}.tmp")
        with temporary.open("wb") as file:
            file.write(msgspec.json.encode(memory))
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)

    def _path(self, content_hash: str) -> Path:
        return (self._folder or Path(os.devnull)) / f"{content_hash}.json"


@app.command()
def import_(
    files: Annotated[list[str], typer.Argument(metavar="FILE…", help="Files, also gzip or zstd; - is standard input.")],
    file_format: Annotated[
        Format | None, typer.Option("--format", help="Else it is told from the first line.", show_default=False)
    ] = None,
    data: Data = None,
    url: Url = None,
    token: Token = None,
) -> None:
    """Import event files (NDJSON) and web-server access logs (combined format). A second run adds nothing."""
    settings = load({"data": data})
    with connect(settings, url, token, PATIENCE_SECONDS) as client:
        memories = Memories(_folder(settings, client))
        complete = [_import_file(client, memories, name, file_format) for name in files]
    if not all(complete):
        raise typer.Exit(1)


def _folder(settings: Settings, client: Client) -> Path | None:
    server = running(settings.data)
    return settings.data / "imports" if server is not None and server.url.rstrip("/") == client.url else None


def _import_file(client: Client, memories: Memories, name: str, file_format: Format | None) -> bool:
    """Send what is not acknowledged; returns whether every line of the file became an event."""
    with Source(name) as source:
        found = source.fingerprint()
        file_format = file_format or found.format
        unreadable: list[int] = []
        if file_format == "ndjson":
            events = ndjson_events(source, found.content_hash)
        else:
            events = combined_events(source, found.content_hash, unreadable.append)
        memory = memories.recall(found.content_hash, file_format)
        known = memory.acknowledged - memory.rejected
        total = _Total()
        for receipt in _send_all(client, source.name, events, memory, found.lines):
            total.add(receipt)
            memories.keep(found.content_hash, memory)
    for number in unreadable[:SHOWN_REJECTIONS]:
        typer.echo(f"{source.name}:{number}: unreadable: no address and time at the start of the line", err=True)
    typer.echo(
        f"{source.name}: {total.accepted:,} events added, {total.duplicates + known:,} known before, "
        f"{memory.rejected:,} rejected, {len(unreadable):,} unreadable lines"
    )
    return not memory.rejected and not unreadable


class _Total:
    def __init__(self) -> None:
        self.accepted = 0
        self.duplicates = 0

    def add(self, receipt: Receipt) -> None:
        self.accepted += receipt.accepted
        self.duplicates += receipt.duplicates


def _send_all(client: Client, name: str, events: Events, memory: Memory, lines: int) -> Iterator[Receipt]:
    """Send batch by batch, moving ``memory`` forward with each that is acknowledged."""
    with progress() as bar:
        task = bar.add_task(name, total=lines, completed=memory.acknowledged)
        for batch in batches(islice(events, memory.acknowledged, None)):
            receipt = send(client, [event for _, event in batch])
            for error in receipt.errors[: max(0, SHOWN_REJECTIONS - memory.rejected)]:
                typer.echo(f"{name}:{batch[error.index][0]}: {error.code}: {printable(error.message)}", err=True)
            memory.acknowledged += len(batch)
            memory.rejected += len(receipt.errors)
            bar.update(task, advance=len(batch))
            yield receipt
