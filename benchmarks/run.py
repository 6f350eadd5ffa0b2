"""What every measure is given: how long it may take, and where it may write."""

import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from benchmarks.report import Figure


class Run(msgspec.Struct, frozen=True, kw_only=True):
    """One run of the benchmarks. ``folder`` keeps what is slow to make, and lies on a real disk."""

    quick: bool
    folder: Path

    def scale(self, full: int, quick: int) -> int:
        """How much of something: seconds, events, repetitions."""
        return quick if self.quick else full

    @contextmanager
    def scratch(self) -> Iterator[Path]:
        """An empty folder for the time of the block."""
        path = Path(tempfile.mkdtemp(prefix="run-", dir=self.folder))
        try:
            yield path
        finally:
            shutil.rmtree(path, ignore_errors=True)


Measure = Callable[[Run], Iterable[Figure]]
