"""The log of batches, and the index of their ids."""

from collections.abc import Iterable, Sequence
from typing import Protocol

import msgspec

from cloudpulse.events.model import Batch, Count


class LogState(msgspec.Struct, frozen=True, kw_only=True):
    """Where a log stands. Times are microseconds since 1970; ``oldest_received_at`` is None when it is empty.

    ``accepted`` counts the events of all batches ever appended, trimmed ones too, without second tries;
    ``stored_bytes`` is what the batches hold that are still there.
    """

    journal: str
    head: int
    trimmed: int
    accepted: int
    stored_bytes: int
    oldest_received_at: int | None
    last_received_at: int


class EventLog(Protocol):
    """Append batches durably; both layers will see them."""

    def append(self, batch: Batch, trim_through: int = 0) -> int:
        """Write one batch and return its ``seq``; on return it survives a power cut.

        All or nothing. Numbers rise by one and are never used twice. A batch whose ``redrive_of`` was appended before
        is not written again: the first one's number is returned, or 0 when that letter was purged. In the same step a
        bounded number of batches up to ``trim_through`` may go. Raises ``DiskFull`` or ``StoreError``; then nothing was
        written.
        """

    def purge(self, letter_id: str) -> bool:
        """Decide, durably, that a dead letter is never appended again; False when it was appended before."""

    def trim(self, through: int) -> bool:
        """Let a bounded number of batches up to ``through`` go, oldest first; True when more of them may wait."""

    def vacuum(self) -> None:
        """Leave no byte of what was trimmed; takes a while, and may raise ``StoreError`` or ``DiskFull``."""


class LogReader(Protocol):
    """Read what an ``EventLog`` holds, from any process."""

    def read(self, after: int, limit: int = 500, max_events: int = 50_000) -> list[Batch]:
        """Batches above ``after`` in order, gapless; at least one when there is one. Raises ``LogTrimmed``."""

    def digests(self, after: int, consumer: str | None) -> tuple[int, list[tuple[int, int, tuple[Count, ...]]]]:
        """The head and (seq, received_at, digest) of a consumer's batches above ``after``, seen in one moment.

        For None, those that are no next try of a dead letter. Raises ``LogTrimmed``.
        """

    def redrives(self, letter_ids: Iterable[str]) -> dict[str, int]:
        """What was decided on dead letters: the ``seq`` of the next try, 0 for a purged one; others are left out."""

    def state(self) -> LogState:
        """Where the log stands, seen in one moment."""


class IdEntry(msgspec.Struct, frozen=True):
    """What is known of an id: its batch, when (seconds since 1970), the payload's hash, and the event type."""

    seq: int
    received_at: int
    payload_hash: bytes
    event_type: str


class IdIndex(Protocol):
    """Which ids were seen within the window, and in which batch."""

    def lookup(self, ids: Sequence[bytes], now_seconds: int) -> list[IdEntry | None]:
        """One entry per id, in order; None where the id is unknown or older than the window."""

    def record(self, batch: Batch) -> None:
        """Remember the ids of a batch that the log holds, and that the index has come up to it; repeatable.

        Another try of a dead letter of the lake moves the ids that the letter held to its own number, and leaves their
        age; one for another consumer leaves them alone.
        """

    def through(self) -> int:
        """The highest batch recorded; 0 for an empty index."""

    def restart(self) -> None:
        """Forget how far the index has come, not what it knows: whatever the log holds will be recorded again."""

    def flush(self) -> int:
        """Make all that is recorded durable; returns the ``through`` that a power cut cannot take back."""
