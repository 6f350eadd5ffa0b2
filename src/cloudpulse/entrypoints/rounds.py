"""Threads that look at something again and again, beside everything else."""

import threading
from collections.abc import Callable

import structlog

from cloudpulse.telemetry import told

END_SECONDS = 1.0
"""A look that takes longer ends with the process: each may be cut off at any moment, and the next process goes on."""

log = structlog.get_logger(__name__)


class Rounds(threading.Thread):
    """Looks every ``every_seconds`` until ``stop``, the first time after ``first_seconds``.

    A look that fails is told as ``complaint``, and the next one comes after ``retry_seconds``: whatever it was that
    failed, the thread goes on.
    """

    end_seconds: float | None = END_SECONDS

    def __init__(
        self,
        name: str,
        complaint: str,
        every_seconds: float,
        first_seconds: float = 0.0,
        retry_seconds: float | None = None,
    ) -> None:
        super().__init__(name=name, daemon=True)
        self._complaint = complaint
        self._every_seconds = every_seconds
        self._first_seconds = first_seconds
        self._retry_seconds = every_seconds if retry_seconds is None else retry_seconds
        self._ended = threading.Event()

    def look(self) -> None:
        """One look."""
        raise NotImplementedError

    def run(self) -> None:
        """Look until ``stop``."""
        wait = self._first_seconds
        while not self._ended.wait(wait):
            wait = self._every_seconds if self._attempt(self.look) else self._retry_seconds

    def stop(self) -> None:
        """End after the look under way, if it ends soon."""
        self._ended.set()
        self.join(self.end_seconds)

    def _attempt(self, step: Callable[[], object]) -> bool:
        """Whether it went well."""
        try:
            step()
        except Exception as exc:
            log.error(self._complaint, **told(exc))
            return False
        return True
