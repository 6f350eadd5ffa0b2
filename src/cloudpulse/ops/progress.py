"""Does the system move? Watches the positions of both consumers, for readiness, metrics and trimming. Pure."""

from collections import deque

import msgspec

STALL_SECONDS = {"speed": 15.0, "lake": 120.0}
"""A consumer that has work and has not moved for so long stands still; a lake commit may wait 60 s by design."""


class Mark(msgspec.Struct):
    """Where a consumer was last seen to move; seconds."""

    seq: int
    moved_at: float


class Progress:
    """What one look a second adds up to; times are seconds on one clock."""

    def __init__(self) -> None:
        self._marks: dict[str, Mark] = {}
        self._head = 0

    def observe(self, now: float, head: int, positions: dict[str, int]) -> None:
        """Note the head of the journal and where the consumers stand."""
        self._head = head
        for name, seq in positions.items():
            mark = self._marks.setdefault(name, Mark(seq, now))
            # A consumer without work has nothing to stand still at.
            if seq != mark.seq or seq >= head:
                self._marks[name] = Mark(seq, now)

    def stalled(self, now: float) -> str | None:
        """The sentence for the first consumer that stands still; None when all move."""
        for name, mark in self._marks.items():
            idle = now - mark.moved_at
            if idle > STALL_SECONDS[name]:
                return f"{name} has {self._head - mark.seq} batches to do and has not moved for {idle:.0f} s."
        return None

    def lags(self) -> dict[str, int]:
        """How many batches each consumer is behind."""
        return {name: max(0, self._head - mark.seq) for name, mark in self._marks.items()}


class TrimBound:
    """Up to where the journal may be trimmed: what all consumers had passed ``delay_seconds`` ago."""

    def __init__(self, delay_seconds: float) -> None:
        self._delay_seconds = delay_seconds
        self._seen: deque[tuple[float, int]] = deque()
        self._bound = 0

    def observe(self, now: float, passed: int) -> int:
        """Note what all consumers have passed; returns the bound."""
        self._seen.append((now, passed))
        while self._seen and self._seen[0][0] <= now - self._delay_seconds:
            self._bound = self._seen.popleft()[1]
        return self._bound
