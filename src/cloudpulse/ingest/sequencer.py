"""The only thread that decides and writes. It takes what waits (group commit) and does, in this order: look the ids
up → decide → journal commit, synced → index write → answer. Nothing is reserved before the journal holds it; a
duplicate is answered only after the commit that holds its first copy.
"""

import queue
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Any, TypeVar

import msgspec
import structlog

from cloudpulse.errors import CloudPulseError, Overloaded, StoreError
from cloudpulse.events.model import Batch
from cloudpulse.ingest.decide import Receipt, decide, to_batch
from cloudpulse.ingest.limits import Gate
from cloudpulse.ingest.prepare import Prepared
from cloudpulse.ports import EventLog, IdIndex
from cloudpulse.telemetry import told

GROUP_EVENTS = 2_000
"""A group takes requests until it holds this many events: one journal row. Larger ones gain nothing, and would let all
callers wait for one commit, after which the process has nothing to prepare during the next."""

GATHER_SECONDS = 0.001
GATHER_EVENTS = 1_000
"""Where several callers wait with few events, a group gathers for so long: fewer, larger commits. A lone caller never
waits for it."""

TASK_SECONDS = 30
VACUUM_SECONDS = 600
"""Writing the journal anew takes a second for 100 MB; it holds what came within the last minutes."""

log = structlog.get_logger(__name__)


Outcome = Receipt | CloudPulseError
Deliver = Callable[[list[tuple[Any, Outcome]]], None]
Result = TypeVar("Result")


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
        self._tasks: queue.SimpleQueue[tuple[Callable[[], Any], Future[Any]]] = queue.SimpleQueue()
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

    def append_once(self, batch: Batch, check: Callable[[Batch], None] | None = None) -> int:
        """Append a batch that no request brought: the next try of a dead letter, or the record of an erasure.

        Returns its number, 0 for a purged letter. Waits for it. ``check`` is called when nothing else can be appended
        any more before it, and may raise. Raises ``Overloaded`` or ``StoreError`` too.
        """

        def append() -> int:
            if check is not None:
                check(batch)
            return self._append(batch)

        self._gate.enter(batch.events)
        try:
            return self._call(append)
        finally:
            self._gate.leave(batch.events)

    def purge(self, letter_id: str) -> bool:
        """Decide that a dead letter is never appended again; False when it was. Waits for it."""
        return self._call(lambda: self._log.purge(letter_id))

    def vacuum(self) -> None:
        """Leave nothing in the log's file of what was trimmed; meanwhile nothing is appended. Waits for it."""
        self._call(self._log.vacuum, VACUUM_SECONDS)

    def _call(self, task: Callable[[], Result], seconds: float = TASK_SECONDS) -> Result:
        """Have a task done by the thread that owns the log, between two groups."""
        future: Future[Result] = Future()
        self._tasks.put((task, future))
        self.nudge()
        try:
            return future.result(seconds)
        except TimeoutError as exc:
            raise Overloaded("The journal is too busy just now; try again.") from exc

    def _do_tasks(self) -> None:
        while not self._tasks.empty():
            task, future = self._tasks.get()
            try:
                if self._broken:
                    raise Overloaded(_NOT_STORED)
                future.set_result(task())
            except Exception as exc:
                future.set_exception(exc)

    def mark(self, token: Any) -> None:
        """Have an empty outcome delivered once all requests that were submitted before have been decided."""
        self.submit(_NOTHING, token)

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
        except Exception as exc:
            log.error("the sequencer ended", **told(exc))
            self._fatal()

    def _serve(self, group: list[tuple[Prepared, Any]]) -> None:
        self._crowded = len(group) > 1 and sum(len(prepared.keys) for prepared, _ in group) < GATHER_EVENTS
        was_broken = self._broken
        outcomes = self._commit(group)
        self._gate.leave(sum(len(prepared.keys) for prepared, _ in group))
        self._deliver(outcomes)
        self._do_tasks()
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
        except Exception as exc:
            log.error("commit failed", events=sum(len(prepared.keys) for prepared, _ in waiting), **told(exc))
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

    def _append(self, batch: Batch) -> int:
        batch = msgspec.structs.replace(batch, seq=self._log.append(batch, self._gate.trim_through))
        # From here on the batch is durable: whatever the index does, the requests are answered with their receipts.
        self._unrecorded.append(batch)
        try:
            self._catch_up()
        except (Overloaded, StoreError):
            log.warning("the id index lags behind the journal", batches=len(self._unrecorded))
        return batch.seq

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
