"""One request in, one receipt out, where many write at once and no store orders them.

Each id is claimed for a batch before the batch is written. Who finds an id claimed asks what became of that batch: if
it is on its way, the event is a duplicate; if nothing is known of it, its request is given time, and then the batch is
aborted for good before its ids change owner. What changes owner travels in a batch of its own: no batch that was
written under one key can ever be written with other events under the same one.
"""

import datetime as dt
from collections.abc import Callable
from typing import Literal

import msgspec
import structlog

from cloudpulse.errors import Overloaded, StoreError
from cloudpulse.events import codec, times
from cloudpulse.events.message import Message, batch_key
from cloudpulse.events.model import Batch
from cloudpulse.events.validate import Parsed
from cloudpulse.ingest.decide import Decided, Receipt, decide_one, to_batch
from cloudpulse.ingest.prepare import IpMode, Prepared, Sender, prepare
from cloudpulse.ports import BatchLog, BatchState, BatchStates, Claim, Claims

REQUEST_SECONDS = 30
"""How long a request may run; one that nothing came of for twice as long is given up."""

Grain = Literal["event", "request"]
"""What a claim is for: each event, or all events of a request together."""

log = structlog.get_logger(__name__)


class _Sorted(msgspec.Struct):
    """Entries of a request that its own batch does not carry: a successor's, with their owners before, or known."""

    moved: list[tuple[bytes, str]] = msgspec.field(default_factory=list)
    known: list[tuple[bytes, Claim]] = msgspec.field(default_factory=list)


class ClaimingReceiver:
    """Takes requests in, each on its own; any number of processes do so at once."""

    def __init__(
        self,
        claims: Claims,
        states: BatchStates,
        batch_log: BatchLog,
        now: Callable[[], dt.datetime],
        window_seconds: int,
        ip_mode: IpMode = "truncate",
        grain: Grain = "event",
    ) -> None:
        self._claims = claims
        self._states = states
        self._log = batch_log
        self._now = now
        self._window_seconds = window_seconds
        self._ip_mode = ip_mode
        self._grain = grain

    def receive(self, parsed: Parsed, sender: Sender) -> Receipt:
        """Store the events of one request durably; raises ``Overloaded`` when the caller must send it again."""
        events, rejections = parsed
        now = self._now()
        prepared = prepare(events, rejections, sender, now, self._ip_mode)
        try:
            return self._store(prepared, sender.client_id, times.micros(now) // 1_000_000)
        except StoreError as exc:
            log.warning("a request was not stored", events=len(prepared.keys), reason=exc.detail)
            raise Overloaded("The events could not be stored for certain just now; send them again.") from exc

    def _store(self, prepared: Prepared, client_id: str, now_seconds: int) -> Receipt:
        keys_of = _entries(prepared, client_id, self._grain)
        # What became of a batch is kept longer than claims are: a key must not live on into the next window.
        key = batch_key(f"{client_id} {now_seconds // self._window_seconds}", keys_of)
        found = self._sort(key, list(keys_of), now_seconds) if keys_of else _Sorted()
        decided = decide_one(prepared, _known_hashes(prepared, keys_of, found.known))
        moved = {one for entry, _ in found.moved for one in keys_of[entry]}
        messages = []
        if batch := _batch(decided, lambda one: one not in moved):
            messages.append(Message(key, batch))
        if batch := _batch(decided, lambda one: one in moved):
            messages.append(Message(self._take_over(key, found.moved, now_seconds), batch))
        if messages:
            self._log.append(messages, now_seconds)
        return decided.receipt

    def _sort(self, key: str, entries: list[bytes], now_seconds: int) -> _Sorted:
        """Claim entries, and tell what became of those that were claimed before."""
        held = self._claims.claim(key, entries, now_seconds)
        is_over = [claim is not None and self._claims.is_expired(claim, now_seconds) for claim in held]
        live = [claim for claim, over in zip(held, is_over, strict=True) if claim is not None and not over]
        fates = self._fates(key, live, now_seconds) if live else {}
        found = _Sorted()
        for entry, claim, over in zip(entries, held, is_over, strict=True):
            owner = key if claim is None else claim.owner
            fate = fates.get(owner)
            if not over and fate is None:
                continue  # ours: of other owners' batches, all fates are known by now
            if claim is None or over or fate == "aborted":
                found.moved.append((entry, owner))
            else:
                found.known.append((entry, claim))
        return found

    def _fates(self, key: str, live: list[Claim], now_seconds: int) -> dict[str, BatchState]:
        """What became of the batches that hold claims, once it is certain; our own may still be unknown."""
        known = self._states.get({claim.owner for claim in live}, now_seconds)
        fates = {owner: status.state for owner, status in known.items()}
        claimed_at: dict[str, int] = {}
        for claim in live:
            if claim.owner != key and claim.owner not in fates:
                claimed_at[claim.owner] = max(claim.received_at, claimed_at.get(claim.owner, 0))
        seconds = max(claimed_at.values(), default=0) + 2 * REQUEST_SECONDS - now_seconds
        if seconds > 0:
            raise Overloaded("Another request is about to store events of this one; send it again.", seconds)
        for owner in claimed_at:
            fates[owner] = "aborted" if self._states.abort(owner, now_seconds) else "queued"
        return fates

    def _take_over(self, key: str, moved: list[tuple[bytes, str]], now_seconds: int) -> str:
        """Make a batch of its own the owner of what is given up; returns its key."""
        successor = batch_key(key, [before.encode() + entry for entry, before in moved])
        if not self._claims.take_over(successor, moved, now_seconds):
            raise Overloaded("Another request takes over events of this one; send it again.")
        return successor


def _entries(prepared: Prepared, client_id: str, grain: Grain) -> dict[bytes, list[bytes]]:
    """What is claimed for a request, packed like an id, and the ids that each claim stands for."""
    first = {entry[:16]: entry for entry in reversed(prepared.packed)}
    if grain == "event" or not first:
        return {entry: [one] for one, entry in first.items()}
    ids, entries = sorted(first), sorted(first.values())
    claimed = bytes.fromhex(batch_key(client_id, ids))
    return {claimed + codec.payload_hash(b"".join(entries)) + entries[0][24:]: ids}


def _known_hashes(
    prepared: Prepared, keys_of: dict[bytes, list[bytes]], known: list[tuple[bytes, Claim]]
) -> dict[bytes, bytes]:
    """By id the hash of what is on its way: the event's own where its claim has the same hash, else another."""
    first = {entry[:16]: entry[16:24] for entry in reversed(prepared.packed)} if known else {}
    return {
        one: first[one] if claim.payload_hash == entry[16:24] else claim.payload_hash
        for entry, claim in known
        for one in keys_of[entry]
    }


def _batch(decided: Decided, wants: Callable[[bytes], bool]) -> Batch | None:
    """The batch of the new events whose ids are wanted; None when there is none."""
    keys = decided.prepared.keys
    fresh = [place for place in decided.fresh or [] if wants(keys[place])]
    return to_batch([msgspec.structs.replace(decided, fresh=fresh)]) if fresh else None
