"""A consistent copy of a data folder that is in use, without holding anything up (mechanism 21).

The stores are copied in the order in which a reader asks them: jobs, lake, records, counters, and the journal last,
which has what the others lack. If it was trimmed past one of them meanwhile, or the ledger of the copies does not add
up, all of them are copied once more. Files that never change follow.
"""

import datetime as dt
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import structlog

from cloudpulse import __version__
from cloudpulse.errors import LogTrimmed, StoreError, UserError
from cloudpulse.events.model import Position
from cloudpulse.events.times import rfc3339
from cloudpulse.lake import bronze
from cloudpulse.lake.bronze import BronzeFile
from cloudpulse.lake.fileio import local_path
from cloudpulse.lake.snapshot import Snapshot
from cloudpulse.ops.backups import copies
from cloudpulse.ops.backups.vault import FORMAT, Entry, Manifest, Vault
from cloudpulse.ops.ledger import LedgerService
from cloudpulse.ports import Counters, LogReader, Records

TRIES = 5
JOURNAL = "journal.db"
CATALOG = "lake/catalog.db"
ORDER = ("jobs.db", CATALOG, "records.db", "counters.db")
"""Copied first, in this order; others follow, and the journal comes last."""
LEFT_OUT = frozenset({"ids", "tail", "tmp", "lake", "bronze", "reserve", "lock", "server.json", "server.json.new"})
"""What is made again, or belongs to running processes; the lake and bronze are taken by name."""
_OF_SQLITE = (".db", ".db-wal", ".db-shm", ".db-journal")

log = structlog.get_logger(__name__)


class Contents(NamedTuple):
    """What copies of the stores say: locations of the lake's files, bronze, and what does not add up."""

    lake: Sequence[str]
    bronze: Sequence[BronzeFile]
    position: Position | None
    gaps: list[str]


class Backup:
    """Backs up one data folder. ``copy_database(source, target)`` copies one SQLite file at one moment;
    ``read(folder)`` tells what copies contain.
    """

    def __init__(
        self, data: Path, copy_database: Callable[[Path, Path], None], read: Callable[[Path], Contents]
    ) -> None:
        self._data = data.resolve()
        self._copy_database = copy_database
        self._read = read

    def run(self, folder: Path, now: dt.datetime) -> Manifest:
        """Take a backup; one that lies in the folder is brought up to this moment. Returns what it holds now."""
        if folder.resolve().is_relative_to(self._data):
            raise UserError("a backup cannot lie in the folder that it is of.")
        vault = Vault(folder)
        with vault.writing():
            files, warnings = self._gather(vault)
            manifest = Manifest(
                format=FORMAT,
                product=__version__,
                taken_at=rfc3339(now),
                source=str(self._data),
                files=sorted(files, key=lambda entry: entry.path),
                warnings=warnings,
            )
            vault.finish(manifest)
        copies.remember(self._data, folder, "backup", now)
        return manifest

    def _gather(self, vault: Vault) -> tuple[list[Entry], list[str]]:
        for number in range(1, TRIES + 1):
            with TemporaryDirectory(prefix=".stores-", dir=vault.folder) as stores:
                try:
                    return self._attempt(vault, Path(stores), is_last=number == TRIES)
                except (FileNotFoundError, _UnevenError) as exc:
                    log.info("the folder moved on while it was copied: once more", reason=type(exc).__name__)
        raise StoreError("The data folder changes faster than it can be copied: name a faster disk.")

    def _attempt(self, vault: Vault, stores: Path, is_last: bool) -> tuple[list[Entry], list[str]]:
        # Before the stores: what a file says was acknowledged is then in the journal.
        entries = list(self._plain_files(vault))
        names = [name for name in self._databases() if (self._data / name).exists()]
        for name in names:
            (stores / name).parent.mkdir(exist_ok=True)
            self._copy_database(self._data / name, stores / name)
        found = self._read(stores)
        if found.gaps and not is_last:
            raise _UnevenError
        entries += [vault.add(stores / name, name) for name in names]
        for path, name in self._immutable(found):
            entries.append(vault.add(path, name, share=True))
        return entries, found.gaps

    def _databases(self) -> list[str]:
        found = sorted(path.name for path in self._data.glob("*.db"))
        return [*ORDER, *(name for name in found if name not in (*ORDER, JOURNAL)), JOURNAL]

    def _immutable(self, found: Contents) -> Iterator[tuple[Path, str]]:
        """(where it lies, its name in the data folder)"""
        for location in found.lake:
            path = Path(local_path(location))
            yield path, str(path.relative_to(self._data))
        for file in found.bronze:
            if _is_passed(file, found.position):
                yield bronze.place(self._data, file), bronze.name_of(file)

    def _plain_files(self, vault: Vault) -> Iterator[Entry]:
        for path in _walk(self._data):
            try:
                yield vault.add(path, str(path.relative_to(self._data)))
            except FileNotFoundError:
                continue  # one that was there for a moment


def contents(
    lake: Sequence[str],
    snapshot: Snapshot,
    reader: LogReader,
    counters: Counters,
    records: Records,
    ledger: LedgerService,
) -> Contents:
    """What stores contain that nobody changes."""
    gaps = []
    try:
        gaps += ledger.report(deep=False).gaps
    except LogTrimmed:
        gaps.append("The journal is trimmed further than the lake has come.")
    counted, state = counters.position(), reader.state()
    if counted and counted.journal == state.journal and counted.seq < state.trimmed:
        gaps.append("The journal is trimmed further than the live counters have come.")
    return Contents(lake, bronze.listed(records), snapshot.position, gaps)


class _UnevenError(Exception):
    """The copies of the stores do not belong together, or the folder itself has a gap."""


def _walk(data: Path) -> Iterable[Path]:
    for parent, folders, names in os.walk(data):
        if Path(parent) == data:
            folders[:] = [name for name in folders if name not in LEFT_OUT]
            names = [name for name in names if name not in LEFT_OUT and not name.endswith(_OF_SQLITE)]
        yield from (Path(parent) / name for name in names if not name.endswith(".tmp"))


def _is_passed(file: BronzeFile, position: Position | None) -> bool:
    """Objects above the lake's position are removed at the next start: the journal has their batches."""
    return position is not None and (file.journal != position.journal or file.last <= position.seq)
