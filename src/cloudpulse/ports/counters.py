"""Live counters."""

from collections.abc import Iterable, Mapping
from typing import Protocol

import msgspec

from cloudpulse.events.model import Position


class MinuteCount(msgspec.Struct, frozen=True):
    """The live counter of one app, minute (since 1970, UTC) and event type."""

    app: str
    minute: int
    event_type: str
    events: int


class LiveCounts(msgspec.Struct, frozen=True):
    """A range of live counters and the position up to which they are complete, seen in one moment.

    ``sessions`` holds one serialised theta sketch per (app, minute).
    """

    position: Position | None
    counts: list[MinuteCount]
    sessions: list[tuple[str, int, bytes]]


class Counters(Protocol):
    """Per-minute live counters."""

    def position(self) -> Position | None:
        """How far the counters have come; None when they are new."""

    def apply(
        self,
        expected: Position | None,
        position: Position,
        counts: Iterable[MinuteCount],
        sessions: Mapping[tuple[str, int], bytes],
    ) -> bool:
        """Add counts, merge session sketches and move from ``expected`` to ``position`` in one atomic step.

        Returns False, and changes nothing, when the counters do not stand at ``expected``.
        """

    def range(self, first_minute: int, last_minute: int, with_sessions: bool = True) -> LiveCounts:
        """Counters of the minutes from first to last, both inclusive, with the position, in one consistent read."""

    def replace(
        self,
        position: Position,
        first_minute: int,
        last_minute: int,
        counts: Iterable[MinuteCount],
        sessions: Mapping[tuple[str, int], bytes],
    ) -> bool:
        """Set counts and session sketches of a range of minutes at once: what is not given is gone.

        Returns False, and changes nothing, when the counters do not stand at ``position``.
        """

    def expire(self, before_minute: int) -> int:
        """Remove minutes before this one; returns how many rows went."""
