"""How far the consumers of a running CloudPulse are behind, read from its stores as any reader may."""

import time
from pathlib import Path

from cloudpulse.engines.local.counters import SqliteCounters
from cloudpulse.engines.local.event_log import SqliteLogReader
from cloudpulse.events.model import Position
from cloudpulse.lake.snapshot import SnapshotReader
from cloudpulse.settings import Settings
from cloudpulse.wiring import COUNTERS_FILE

MICROS = 1_000_000


class Progress:
    """Follows one data folder; asks nothing of the server that is measured."""

    def __init__(self, settings: Settings) -> None:
        self._log = SqliteLogReader(settings.data)
        self._counters = SqliteCounters(settings.data / COUNTERS_FILE, read_only=True)
        self.snapshots = SnapshotReader(settings)

    def accepted(self) -> int:
        """Events that the journal has ever taken."""
        return self._log.state().accepted

    def behind(self) -> dict[str, float]:
        """Seconds since the oldest batch was received that a consumer has not applied yet; 0 without any."""
        now = time.time_ns() // 1000
        positions = {"counters": self._counters.position(), "lake": self.snapshots.current().position}
        return {name: self._age(position, now) for name, position in positions.items()}

    def wait(self, seconds: float = 180.0) -> dict[str, float]:
        """Wait until nothing is behind; returns the seconds that each consumer took."""
        started_at = time.monotonic()
        took: dict[str, float] = {}
        while len(took) < 2:
            for name, behind in self.behind().items():
                if behind == 0:
                    took.setdefault(name, round(time.monotonic() - started_at, 2))
            if time.monotonic() - started_at > seconds:
                raise RuntimeError(f"still behind after {seconds} s: {self.behind()}")
            time.sleep(0.05)
        return took

    def _age(self, position: Position | None, now: int) -> float:
        _, rows = self._log.digests(position.seq if position else 0, "lake")
        return max(0, now - rows[0][1]) / MICROS if rows else 0.0


def folder_bytes(folder: Path) -> int:
    """The size of all files below a folder."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
