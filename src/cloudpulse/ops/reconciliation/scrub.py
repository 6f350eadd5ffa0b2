"""Are the lake's files there, and are they what was written? (mechanism 16)"""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Literal

import msgspec

from cloudpulse.errors import StoreError
from cloudpulse.lake import bronze
from cloudpulse.lake.bronze import BronzeFile
from cloudpulse.lake.snapshot import LakeFile
from cloudpulse.ops.reconciliation.reports import FileFault
from cloudpulse.ports import Records

KIND = "scrub"
KEY = "bronze"
READ_BYTES = 2 * 1024**3
"""So much of bronze a scheduled run reads; the next one goes on behind it. That all is there, each of them sees."""


class ScrubProgress(msgspec.Struct, frozen=True):
    """How far earlier runs have read: up to the key ``after``. What was ``faulty`` is read each time."""

    after: str = ""
    faulty: Sequence[str] = ()


class BronzeScrub:
    """One look at all objects of a data folder: ``is_full`` reads all of them."""

    def __init__(self, records: Records, data: Path, is_full: bool) -> None:
        self._records = records
        self._data = data
        self._is_full = is_full
        self.looked_at = 0
        self.read = 0
        self.unreachable = 0

    def faults(self) -> list[FileFault]:
        """What is wrong; objects in a tier folder that cannot be reached are counted alone."""
        before = msgspec.convert(self._records.get(KIND, KEY) or {}, ScrubProgress)
        faults: dict[str, FileFault] = {}
        left, last, is_cut_off = READ_BYTES, "", False
        for file in (file for page in bronze.pages(self._records) for file in page):
            is_due = file.key > before.after
            is_read = self._is_full or file.key in before.faulty or (is_due and left > 0)
            try:
                kind = self._look(file, is_read)
            except StoreError:
                self.unreachable += 1
                continue
            if kind is not None and bronze.is_listed(self._records, file):
                faults[file.key] = FileFault(store="bronze", kind=kind, path=file.path, events=file.n)
            elif kind is None and is_read and is_due:
                left -= bronze.place(self._data, file).stat().st_size
                last = file.key
            is_cut_off |= is_due and not is_read
        progress = ScrubProgress(last if is_cut_off else "", list(faults))
        self._records.put(KIND, {KEY: msgspec.to_builtins(progress)})
        return list(faults.values())

    def _look(self, file: BronzeFile, is_read: bool) -> Literal["lost", "altered"] | None:
        self.looked_at += 1
        if is_read:
            self.read += 1
            return bronze.fault(self._data, file)
        return None if bronze.place(self._data, file).exists() else "lost"


def silver_faults(data: Path, files: Sequence[LakeFile]) -> Iterator[tuple[LakeFile, FileFault]]:
    """The files of silver that are gone or of another size."""
    for file in files:
        try:
            if os.stat(file.path).st_size != file.bytes:
                yield file, silver_fault(data, file, "altered")
        except FileNotFoundError:
            yield file, silver_fault(data, file, "lost")


def silver_fault(data: Path, file: LakeFile, kind: Literal["lost", "altered"]) -> FileFault:
    """What is wrong with a file."""
    return FileFault(store="silver", kind=kind, path=os.path.relpath(file.path, data), events=file.rows)
