"""The only thread that decides and writes. It takes what waits (group commit) and does, in this order: look the ids
up → decide → journal commit, synced → index write → answer. Nothing is reserved before the journal holds it; a
duplicate is answered only after the commit that holds its first copy.
"""

import queue
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import msgspec
import structlog

from cloudpulse.errors import CloudPulseError, Overloaded, StoreError
from cloudpulse.events import codec
from cloudpulse.events.model import Batch
from cloudpulse.events.validate import Rejection
from cloudpulse.ingest.limits import Gate
from cloudpulse.ingest.prepare import Prepared, digest
from cloudpulse.ports import EventLog, IdIndex

GROUP_EVENTS = 2_000
"""A group takes requests until it holds this many events: one journal row. Larger ones gain nothing, and would let all
callers wait for one commit, after which the process has nothing to prepare during the next."""

GATHER_SECONDS = 0.001
GATHER_EVENTS = 200
"""Where several callers wait with few events, a group gathers for so long: fewer, larger commits. A lone caller never
waits for it."""

log = structlog.get_logger(__name__)


class Receipt(msgspec.Struct, frozen=True):
    """What became of one request. ``event_ids`` are the accepted and duplicate ones as text, in input order."""

    accepted: int
    duplicates: int
    event_ids: list[bytes]
    rejections: list[Rejection]


Outcome = Receipt | CloudPulseError
Deliver = Callable[[list[tuple[Any, Outcome]]], None]


class _Decided(msgspec.Struct):
    """Which entries of a request are new, and its receipt once they are durable."""

    prepared: Prepared
    fresh: list[int] | None
    receipt: Receipt


class Sequencer:
    """Takes prepared requests from many callers, commits them in groups, and delivers the outcomes.

    ``deliver`` gets (token, outcome) pairs, once per group; ``fatal`` is called when a store failed in a way that only
    a new process can mend, after every waiting request was answered.
    """

    def __init__(
        self,
        event_log: EventLog,
        index: IdIndex,
        gate: Gate,
        deliver: Deliver,
        fatal: Callable[[], None],
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._log = event_log
        self._index = index
        self._gate = gate
        self._deliver = deliver
        self._fatal = fatal
        self._clock = clock
        self._queue: queue.SimpleQueue[tuple[Prepared, Any] | None] = queue.SimpleQueue()
        self._unrecorded: list[Batch] = []
        self._stopping = False
        self._crowded = False
        self._broken = False
        self._thread = threading.Thread(target=self._run, name="sequencer", daemon=True)

    def start(self) -> None:
        """Begin to take requests."""
        self._thread.start()

    def submit(self, prepared: Prepared, token: Any) -> None:
        """Hand a request over; its outcome comes through ``deliver`` with ``token``. Raises ``Overloaded``."""
        self._gate.enter(len(prepared.keys))
        self._queue.put((prepared, token))

    def nudge(self) -> None:
        """Let an idle sequencer trim."""
        self._queue.put((_NOTHING, None))

    def stop(self) -> None:
        """Answer all that waits, then end."""
        self._queue.put(None)
        self._thread.join()

    def _run(self) -> None:
        try:
            while not self._stopping:
                self._serve(self._take())
        except Exception:
            log.exception("the sequencer ended")
            self._fatal()

    def _serve(self, group: list[tuple[Prepared, Any]]) -> None:
        self._crowded = len(group) > 1 and sum(len(prepared.keys) for prepared, _ in group) < GATHER_EVENTS
        was_broken = self._broken
        outcomes = self._commit(group)
        self._gate.leave(sum(len(prepared.keys) for prepared, _ in group))
        self._deliver(outcomes)
        if self._broken and not was_broken:
            self._fatal()

    def _take(self) -> list[tuple[Prepared, Any]]:
        group: list[tuple[Prepared, Any]] = []
        events = 0
        item = self._queue.get()
        if self._crowded:
            time.sleep(GATHER_SECONDS)
        while True:
            if item is None:
                self._stopping = True
                return group
            group.append(item)
            events += len(item[0].keys)
            if events >= GROUP_EVENTS or self._queue.empty():
                return group
            item = self._queue.get()

    def _commit(self, group: Sequence[tuple[Prepared, Any]]) -> list[tuple[Any, Outcome]]:
        waiting = [(prepared, token) for prepared, token in group if token is not None]
        try:
            receipts = self._store([prepared for prepared, _ in waiting])
        except Overloaded as error:
            return [(token, error) for _, token in waiting]
        except Exception:
            log.exception("commit failed", events=sum(len(prepared.keys) for prepared, _ in waiting))
            # What the stores hold now, only a new process can tell.
            self._broken = True
            return [(token, Overloaded(_NOT_STORED)) for _, token in waiting]
        return [(token, receipt) for (_, token), receipt in zip(waiting, receipts, strict=True)]

    def _store(self, requests: list[Prepared]) -> list[Receipt]:
        if self._broken:
            raise Overloaded(_NOT_STORED)
        self._catch_up()
        decided = decide(requests, self._index, int(self._clock()))
        batch = to_batch(decided)
        if batch is not None:
            self._append(batch)
        elif self._gate.trim_through and self._log.trim(self._gate.trim_through):
            self.nudge()
        return [one.receipt for one in decided]

    def _append(self, batch: Batch) -> None:
        batch = msgspec.structs.replace(batch, seq=self._log.append(batch, self._gate.trim_through))
        # From here on the batch is durable: whatever the index does, the requests are answered with their receipts.
        self._unrecorded.append(batch)
        try:
            self._catch_up()
        except (Overloaded, StoreError):
            log.warning("the id index lags behind the journal", batches=len(self._unrecorded))

    def _catch_up(self) -> None:
        while self._unrecorded:
            try:
                self._index.record(self._unrecorded[0])
            except StoreError as exc:
                # Once a flush has found no room, RocksDB takes no more writes, even when there is room again. A new
                # process opens it anew, and the journal gives back what it had in memory.
                if not self._gate.is_disk_full():
                    raise
                raise Overloaded("The id index cannot be written just now; nothing of this request was kept.") from exc
            self._unrecorded.pop(0)


_NOT_STORED = "The events could not be stored just now; none of them was kept. Send them again."
_NOTHING = Prepared(
    app="", received_at=0, indexes=[], keys=[], packed=[], stored=[], id_texts=[], cells=[], rejections=[]
)  # fmt: skip


def decide(requests: Sequence[Prepared], index: IdIndex, now_seconds: int) -> list[_Decided]:
    """Tell new events from duplicates and conflicts, against the index and within the group."""
    keys = [key for request in requests for key in request.keys]
    found = index.lookup(keys, now_seconds) if keys else []
    if not any(found) and len(set(keys)) == len(keys):
        return [_Decided(request, None, _receipt(request, len(request.keys), 0)) for request in requests]
    known = {key: entry.payload_hash for key, entry in zip(keys, found, strict=True) if entry is not None}
    return [_decide_one(request, known) for request in requests]


def _decide_one(request: Prepared, known: dict[bytes, bytes]) -> _Decided:
    fresh: list[int] = []
    kept: list[int] = []
    for place, (key, packed) in enumerate(zip(request.keys, request.packed, strict=True)):
        hashed = packed[16:24]
        if key not in known:
            known[key] = hashed
            fresh.append(place)
        elif known[key] != hashed:
            request.rejections.append(_conflict(request, place))
            continue
        kept.append(place)
    request.id_texts = [request.id_texts[place] for place in kept]
    return _Decided(request, fresh, _receipt(request, len(fresh), len(kept) - len(fresh)))


def _conflict(request: Prepared, place: int) -> Rejection:
    event_id = request.id_texts[place].decode()
    message = f"event_id {event_id} is known with another payload: send a changed event under an id of its own."
    return Rejection(request.indexes[place], event_id, "conflict", "event_id", message)


def _receipt(request: Prepared, accepted: int, duplicates: int) -> Receipt:
    rejections = sorted(request.rejections, key=lambda rejection: rejection.index)
    return Receipt(accepted, duplicates, request.id_texts, rejections)


def to_batch(decided: Iterable[_Decided]) -> Batch | None:
    """The batch of what is new in a group; None when nothing is."""
    parts = [(one.prepared, one.fresh) for one in decided if one.receipt.accepted]
    if not parts:
        return None
    return Batch(
        received_at=max(prepared.received_at for prepared, _ in parts),
        events=sum(len(prepared.keys) if fresh is None else len(fresh) for prepared, fresh in parts),
        digest=digest((prepared.app, _pick(prepared.cells, fresh)) for prepared, fresh in parts),
        ids=b"".join([entry for prepared, fresh in parts for entry in _pick(prepared.packed, fresh)]),
        lines=codec.pack_lines([line for prepared, fresh in parts for line in _pick(prepared.stored, fresh)]),
    )


def _pick(entries: list[Any], places: list[int] | None) -> list[Any]:
    return entries if places is None else [entries[place] for place in places]
