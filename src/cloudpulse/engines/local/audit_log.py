"""The audit log: JSON lines in one file that only its owner can read."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from cloudpulse.errors import StoreError
from cloudpulse.ports import AuditEntry


class FileAuditLog:
    """Port ``AuditLog``. Opened for each entry, so that several processes may append and the file may be moved away."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def append(self, entry: AuditEntry) -> None:
        """Write one entry durably on a line of its own, also behind a line that a crash or a full disk has torn."""
        line = msgspec.json.encode(entry) + b"\n"
        try:
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


def _ends_with_newline(descriptor: int) -> bool:
    size = os.fstat(descriptor).st_size
    return size == 0 or os.pread(descriptor, 1, size - 1) == b"\n"


def _write_all(descriptor: int, line: bytes) -> None:
    while line:
        line = line[os.write(descriptor, line) :]
