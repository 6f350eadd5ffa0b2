"""The audit log: JSON lines in one file that only its owner can read."""

import os
from pathlib import Path

import msgspec

from cloudpulse.ports import AuditEntry


class FileAuditLog:
    """Port ``AuditLog``. Opened for each entry, so that several processes may append and the file may be moved away."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def append(self, entry: AuditEntry) -> None:
        """Write one entry durably; a single write to a file opened for appending is not torn by another process."""
        descriptor = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            os.write(descriptor, msgspec.json.encode(entry) + b"\n")
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
