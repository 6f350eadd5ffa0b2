"""A data folder belongs to one supervisor, and its files to one user of the machine."""

import fcntl
import os
import stat
import time
from contextlib import suppress
from pathlib import Path
from typing import IO

from cloudpulse import wiring
from cloudpulse.errors import DataFolderBusy
from cloudpulse.settings import FILE_NAME

FIRST_LOGIN_FILE = "first-login"
PRIVATE_FILES = ("*.db", "*.db-wal", "*.db-shm", wiring.AUDIT_FILES, FIRST_LOGIN_FILE, FILE_NAME)
LOCK_WAIT_SECONDS = 2.0
"""Processes of a supervisor that was killed need a moment to end."""


def hold(folder: Path) -> IO[str]:
    """Lock the data folder for this process and whom it starts; raises ``DataFolderBusy``."""
    file = (folder / "lock").open("w")
    give_up_at = time.monotonic() + LOCK_WAIT_SECONDS
    while True:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return file
        except OSError as exc:
            if time.monotonic() < give_up_at:
                time.sleep(0.05)
                continue
            file.close()
            raise DataFolderBusy(f"{folder} is in use by a running CloudPulse: stop it, or name another.") from exc


def close_files(folder: Path) -> list[str]:
    """Keep others out of files that an older version has left open to them; returns their names.

    None is opened here: closing a database would end the locks that this process has on it.
    """
    closed = []
    for path in sorted(path for pattern in PRIVATE_FILES for path in folder.glob(pattern)):
        with suppress(FileNotFoundError):  # a command that ends takes its write-ahead log along
            if _is_open_to_others(path):
                path.chmod(0o600)
                closed.append(path.name)
    return closed


def _is_open_to_others(path: Path) -> bool:
    status = path.lstat()
    return stat.S_ISREG(status.st_mode) and status.st_uid == os.geteuid() and bool(status.st_mode & 0o077)
