"""The audit log: JSON lines in files that only their owner can read, one a month."""

import fcntl
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import chain, count
from pathlib import Path

import msgspec

from cloudpulse.errors import StoreError
from cloudpulse.ports import AuditEntry

MONTH_CHARS = len("2026-11")
_MONTH = re.compile(r"\d{4}-\d\d")
_FIRST = b'{"at":"'
"""How every line begins."""


class FileAuditLog:
    """Port ``AuditLog``. Opened for each entry, so that several processes may append and the file may be moved away.

    With the first entry of another month the file is renamed, ``audit.ndjson`` to ``audit-2026-11.ndjson``.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def append(self, entry: AuditEntry) -> None:
        """Write one entry durably on a line of its own, also behind a line that a crash or a full disk has torn."""
        line = msgspec.json.encode(entry) + b"\n"
        try:
            _put_away(self._path, before=entry.at[:MONTH_CHARS])
            with _opened(self._path) as descriptor:
                _write_all(descriptor, line if _ends_with_newline(descriptor) else b"\n" + line)
                os.fsync(descriptor)
        except OSError as exc:
            raise StoreError(
                f"The audit log cannot be written ({exc.strerror}): "
                f"{entry.action} of {entry.subject} by {entry.actor} ({entry.outcome}) is not in it."
            ) from exc


@contextmanager
def _opened(path: Path) -> Iterator[int]:
    """The file, private and for this writer alone: an entry may take several writes, which others must not divide."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        if os.fstat(descriptor).st_mode & 0o077:
            os.fchmod(descriptor, 0o600)
        yield descriptor
    finally:
        os.close(descriptor)


def _put_away(path: Path, before: str) -> None:
    """Name the file after the month of its first entry, when that is an earlier one.

    Whoever waits for it meanwhile still writes to it; a clock that is behind may begin the next file.
    """
    with _opened(path) as descriptor:
        month = os.pread(descriptor, len(_FIRST) + MONTH_CHARS, 0).removeprefix(_FIRST).decode(errors="replace")
        if _MONTH.fullmatch(month) and month < before:
            endings = chain([""], (f"-{number}" for number in count(2)))
            names = (path.with_stem(f"{path.stem}-{month}{ending}") for ending in endings)
            path.rename(next(name for name in names if not name.exists()))


def _ends_with_newline(descriptor: int) -> bool:
    size = os.fstat(descriptor).st_size
    return size == 0 or os.pread(descriptor, 1, size - 1) == b"\n"


def _write_all(descriptor: int, line: bytes) -> None:
    while line:
        line = line[os.write(descriptor, line) :]
