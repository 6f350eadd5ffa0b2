"""Claims on ids, and what became of the batches that hold them: for engines without one writer that orders all."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Literal, Protocol

import msgspec

from cloudpulse.events.message import Message

BatchState = Literal["queued", "applying", "stored", "aborted"]
"""``queued``: the queue has it. ``applying``: it may be in the lake. ``aborted``: it must never get there."""


class BatchStatus(msgspec.Struct, frozen=True):
    """What became of a batch, since when (seconds since 1970), and where a stored one is."""

    state: BatchState
    at: int
    location: str = ""


class Claim(msgspec.Struct, frozen=True, kw_only=True):
    """Who holds an id: the key of a batch; and since when. See ``IdEntry`` for the rest."""

    owner: str
    received_at: int
    payload_hash: bytes
    event_type: str


class Claims(Protocol):
    """Which batch holds an id. A claim can be read for a day at least after its window has ended."""

    def lookup(self, ids: Sequence[bytes], now_seconds: int) -> list[Claim | None]:
        """The claims on ids, in order; None where there is none or an expired one."""

    def claim(self, owner: str, entries: Sequence[bytes], now_seconds: int) -> list[Claim | None]:
        """Claim ids that nobody holds, given as ``codec.pack_id`` packs them, no id twice; several may do so at once.

        For each entry in order None where this call claimed it, else the claim that holds it, be it the owner's own
        or an expired one. Raises ``StoreError``: then any of them may be claimed.
        """

    def take_over(self, owner: str, held: Sequence[tuple[bytes, str]], now_seconds: int) -> bool:
        """Give entries to a new owner, each from the one said; False when it holds one of them no more. Repeatable.

        Then, and on ``StoreError``, any of the others may have changed hands.
        """

    def is_expired(self, claim: Claim, now_seconds: int) -> bool:
        """Whether the window of a claim has ended."""


class BatchStates(Protocol):
    """What became of batches, by their keys. Each is decided once: what is aborted never counts, nor the reverse."""

    def get(self, keys: Iterable[str], now_seconds: int) -> dict[str, BatchStatus]:
        """What became of batches up to now; one that nothing is known of is left out."""

    def queue(self, key: str, now_seconds: int) -> bool:
        """Say that the queue has a batch; False when it is aborted. Repeatable."""

    def abort(self, key: str, now_seconds: int) -> bool:
        """Abort a batch that nothing is known of; True when it is aborted. Repeatable."""

    def apply(self, key: str, now_seconds: int) -> BatchState | None:
        """Say that a batch may get into the lake from now on, if nothing speaks against it; returns the state before.

        Nothing changes where that is ``applying`` (only the lake tells what came of it), ``stored`` or ``aborted``.
        """

    def store(self, locations: Mapping[str, str], now_seconds: int) -> None:
        """Say that batches are in the lake, which must be true, and where. Repeatable."""


class BatchLog(Protocol):
    """The log of batches that have keys instead of numbers, in no order."""

    def append(self, messages: Sequence[Message], now_seconds: int) -> None:
        """Write batches durably for the batch layer, and tell the speed layer as far as it listens.

        A key that comes twice counts once. On return all of them survive, and none was aborted. Raises ``Overloaded``
        when one was, or ``StoreError``: then any of them may be written, and the same call may be made again.
        """
