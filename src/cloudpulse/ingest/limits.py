"""What protects the process: how much may wait, how full the journal and the disk may get, and who may be trimmed."""

import os
import shutil
import threading
from collections.abc import Callable
from pathlib import Path

from cloudpulse.errors import Overloaded
from cloudpulse.ports import LogState
from cloudpulse.settings import Settings

RESERVE_NAME = "reserve"
ROOM_BYTES = 8 << 20
"""With less than this the id index cannot be opened again."""


class Gate:
    """Lets requests in while there is room, and carries the bound up to which the journal may be trimmed.

    ``refusal`` and ``trim_through`` are set by the process's watch, read on every request; ``is_disk_full`` looks now.
    """

    def __init__(self, max_waiting_events: int, is_disk_full: Callable[[], bool]) -> None:
        self._max_waiting_events = max_waiting_events
        self.is_disk_full = is_disk_full
        self._waiting = 0
        self._lock = threading.Lock()
        self.refusal: str | None = None
        self.trim_through = 0

    def enter(self, events: int) -> None:
        """Count a request in; raises ``Overloaded`` when it would not be safe to take it."""
        if self.refusal is not None:
            raise Overloaded(self.refusal, retry_after_seconds=5)
        with self._lock:
            if self._waiting and self._waiting + events > self._max_waiting_events:
                raise Overloaded("Too many events wait to be stored; nothing of this request was kept.")
            self._waiting += events

    def leave(self, events: int) -> None:
        """Count requests out that were answered."""
        with self._lock:
            self._waiting -= events

    @property
    def waiting(self) -> int:
        """Events whose requests have no answer yet."""
        return self._waiting


def refusal(state: LogState, free_bytes: int, settings: Settings, now_micros: int) -> str | None:
    """Why new events must be refused just now, as a sentence; None when there is room."""
    if free_bytes < settings.min_free_bytes:
        return f"Only {free_bytes >> 20} MiB are free on the disk of the data folder: free some space."
    if state.stored_bytes > settings.journal_max_bytes:
        return f"The journal holds {state.stored_bytes >> 20} MiB, which is its limit; see /readyz."
    if state.oldest_received_at is not None:
        age_seconds = (now_micros - state.oldest_received_at) // 1_000_000
        if age_seconds > settings.journal_max_age_seconds:
            return f"The pipeline is {age_seconds} seconds behind; see /readyz."
    return None


def is_full(settings: Settings) -> bool:
    """Whether the disk has so little room that stores fail for that reason alone."""
    return free_bytes(settings.data) < max(settings.min_free_bytes, ROOM_BYTES)


class Reserve:
    """A file that holds disk space back, so that there is room to drain and trim when everything else is full."""

    def __init__(self, folder: Path, size_bytes: int) -> None:
        self._path = folder / RESERVE_NAME
        self._size_bytes = size_bytes

    def keep(self) -> None:
        """Take the space, where there is clearly enough."""
        if not self._size_bytes or self._path.exists() or free_bytes(self._path.parent) < 4 * self._size_bytes:
            return
        with self._path.open("wb") as file:
            os.posix_fallocate(file.fileno(), 0, self._size_bytes)

    def release(self) -> None:
        """Give the space back to the consumers."""
        self._path.unlink(missing_ok=True)


def free_bytes(folder: Path) -> int:
    """Free bytes on the disk of a folder."""
    return shutil.disk_usage(folder).free
