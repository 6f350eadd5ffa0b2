"""Dead letters."""

from typing import Protocol

import msgspec

from cloudpulse.events.model import Batch, Position


class DeadLetter(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of events that a consumer could not process. Times are microseconds since 1970.

    ``position`` is where their batch stands in the log, ``failed_at`` the times of the last tries; ``attempts`` counts
    earlier ones too, where this is what became of another letter's next try. Nothing here quotes an event.
    """

    consumer: str
    position: Position
    events: int
    parked_at: int
    attempts: int
    failed_at: tuple[int, ...]
    fingerprint: str
    reason: str
    stack: str
    redrive_of: str | None = None

    @property
    def id(self) -> str:
        """``<consumer>:<journal>:<seq>``: unique, and the ``redrive_of`` of its next try."""
        return f"{self.consumer}:{self.position}"

    def is_passed(self, position: Position | None) -> bool:
        """Whether its consumer, which has stored all up to ``position``, gets it from no log again: it is final."""
        if position is None:
            return False
        return self.position.journal != position.journal or self.position.seq <= position.seq


class DeadLetters(Protocol):
    """What could not be processed."""

    def park(self, letter: DeadLetter, batch: Batch) -> None:
        """Keep a letter and its events durably; parking the same one again replaces it."""

    def list(self, consumer: str | None = None) -> list[DeadLetter]:
        """All letters, oldest first."""

    def show(self, letter_id: str) -> DeadLetter | None:
        """One letter, or None."""

    def batch(self, letter_id: str) -> Batch | None:
        """The events of one letter with their original bytes, or None."""

    def remove(self, letter_id: str, place: str | None = None) -> bool:
        """Forget one letter; False when there is none.

        With ``place`` its events are added to the records of kind ``ledger``, key ``<place>:<journal>``, document
        ``{"events": n}``, in the same step.
        """

    def shorten(self, letter_id: str, batch: Batch, place: str | None = None) -> bool:
        """Leave a letter the events of ``batch`` alone; the others are counted as ``remove`` does it.

        False when there is no such letter.
        """

    def forget_above(self, consumer: str, position: Position | None) -> int:
        """Forget the letters of this consumer above its position, which the log delivers again; returns how many."""
