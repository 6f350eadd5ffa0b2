"""The job ``tier``: bronze objects that are old enough move to a larger, slower place; the list tells where."""

import datetime as dt
import hashlib
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import structlog

from cloudpulse.errors import StoreError
from cloudpulse.events.times import micros
from cloudpulse.lake import bronze, garbage
from cloudpulse.lake.bronze import BronzeFile
from cloudpulse.lake.commit import Lake
from cloudpulse.lake.fileio import write_durably
from cloudpulse.ports import Records
from cloudpulse.settings import Settings

log = structlog.get_logger(__name__)


def hindrance(settings: Settings, records: Records) -> str | None:
    """What stands in the way of the tier folder, in a sentence; None when nothing does."""
    used = bronze.tier_folder(records)
    if used is not None and not (used / bronze.TIER_MARKER).exists():
        return (
            f"{used} cannot be reached: mount it, or run `cloudpulse jobs run tier` if tier_folder names its new place."
        )
    if settings.tier_folder and not Path(settings.tier_folder).is_dir():
        return f"{settings.tier_folder} is not there: make it, or mount it."
    return None


class Tiering:
    """Moves objects of one data folder; ``clock`` tells when they have moved."""

    def __init__(self, settings: Settings, lake: Lake, records: Records, clock: Callable[[], dt.datetime]) -> None:
        self._data = settings.data.resolve()
        self._folder = Path(settings.tier_folder) if settings.tier_folder else None
        self._age = dt.timedelta(days=settings.tier_days)
        self._delay = dt.timedelta(seconds=settings.unlink_delay_seconds)
        self._lake = lake
        self._records = records
        self._clock = clock

    def run(self, now: dt.datetime) -> dict[str, Any]:
        """Move what is old enough, one object after the other: one that is cut off loses nothing of what it has done.

        An object that is not what was written stays where it is. Raises ``StoreError`` when the tier folder cannot be
        reached, or belongs to another data folder.
        """
        done = {"objects": 0, "bytes": 0, "faulty": 0}
        if self._folder is None:
            return done
        with self._lake.lease:
            self._follow(self._folder, self._claim(self._folder))
            stored_before = micros(now - self._age)
            for file in self._files():
                if file.stored_at < stored_before and not Path(file.path).is_absolute():
                    size = self._move(file, self._folder)
                    for name, more in (("faulty", size is None), ("objects", size is not None), ("bytes", size or 0)):
                        done[name] += more
            self._lake.collect_garbage(self._records, self._clock())
        return done

    def _claim(self, folder: Path) -> dict[str, str]:
        """Make sure that the folder is there, and that it is ours; returns what is known of it.

        No two data folders share one.
        """
        known: dict[str, str] | None = self._records.get(bronze.TIER, bronze.TIER)
        try:
            found = (folder / bronze.TIER_MARKER).read_text()
        except FileNotFoundError:
            found = None
        except OSError as exc:
            raise StoreError(f"The tier folder {folder} cannot be read.") from exc
        if found is None and not self._is_used():
            return self._begin(folder, known)
        if found is None:
            raise StoreError(f"The tier folder {folder} cannot be reached, or is not the one that was used: mount it.")
        if known is None or found != known["id"]:
            raise StoreError(f"The tier folder {folder} holds objects of another data folder: name another one.")
        return known

    def _begin(self, folder: Path, known: dict[str, str] | None) -> dict[str, str]:
        if not folder.is_dir():
            raise StoreError(f"The tier folder {folder} is not there: make it, or mount it.")
        named = {"folder": str(folder), "id": known["id"] if known else str(uuid.uuid4())}
        self._records.put(bronze.TIER, {bronze.TIER: named})
        _write(folder / bronze.TIER_MARKER, named["id"].encode())
        return named

    def _is_used(self) -> bool:
        return any(Path(file.path).is_absolute() for file in self._files())

    def _follow(self, folder: Path, known: dict[str, str]) -> None:
        """List objects by their new place where the whole folder was moved."""
        if known["folder"] == str(folder):
            return
        for page in bronze.pages(self._records):
            there = [_moved(file, folder) for file in page if Path(file.path).is_absolute()]
            self._records.put(bronze.KIND, bronze.documents_of(there))
        self._records.put(bronze.TIER, {bronze.TIER: known | {"folder": str(folder)}})

    def _files(self) -> Iterator[BronzeFile]:
        return (file for page in bronze.pages(self._records) for file in page)

    def _move(self, file: BronzeFile, folder: Path) -> int | None:
        """Move one object; returns its size, None when it is not what was written."""
        source, moved = self._data / file.path, _moved(file, folder)
        content = source.read_bytes() if source.exists() else b""
        if hashlib.sha256(content).hexdigest() != file.sha256:
            log.error("a bronze object is not what was written and stays where it is", path=file.path)
            return None
        _write(Path(moved.path), content)
        if bronze.fault(self._data, moved):
            raise StoreError(f"The tier folder {folder} does not keep what is written to it.")
        # Listed by its new place, and due to be unlinked at its old one, in one step.
        due = garbage.documents([f"file://{source}"], self._clock() + self._delay)
        self._records.exchange({}, {bronze.KIND: bronze.documents_of([moved]), garbage.KIND: due})
        return len(content)


def _moved(file: BronzeFile, folder: Path) -> BronzeFile:
    return msgspec.structs.replace(file, path=str(folder / bronze.name_of(file)))


def _write(path: Path, content: bytes) -> None:
    try:
        write_durably(path, content)
    except OSError as exc:
        raise StoreError(f"The tier folder cannot be written: {exc.strerror}.") from exc
