"""The thread of the api process that rotates old secrets and removes expired ones, once an hour."""

import threading

import structlog

from cloudpulse.auth.rotation import Rotation
from cloudpulse.telemetry import told

EVERY_SECONDS = 3600.0

log = structlog.get_logger(__name__)


class RotateLoop(threading.Thread):
    """Looks at the start and then every hour."""

    def __init__(self, rotation: Rotation) -> None:
        super().__init__(name="rotate", daemon=True)
        self._rotation = rotation
        self._ended = threading.Event()

    def run(self) -> None:
        """Look until ``stop``."""
        while not self._ended.is_set():
            try:
                self._rotation.look()
            except Exception as exc:
                log.error("could not rotate secrets", **told(exc))
            self._ended.wait(EVERY_SECONDS)

    def stop(self) -> None:
        """End after the look under way."""
        self._ended.set()
        self.join()
