"""The loops of the pipeline process, one for each consumer of the journal: read, retry, set aside."""

import threading
import time

import structlog

from cloudpulse.entrypoints.chunks import CHUNK_BATCHES, CHUNK_EVENTS, ChunkSource, Now, PoisonBatch
from cloudpulse.entrypoints.consumers import Consumer
from cloudpulse.entrypoints.letters import Letters, fingerprint
from cloudpulse.errors import ServiceError
from cloudpulse.events import times
from cloudpulse.events.model import Batch, Position
from cloudpulse.lake.chunk import Chunk, decode, empty
from cloudpulse.lake.sift import sift
from cloudpulse.telemetry import told

PACE_SECONDS = 0.2
"""Between two chunks, unless the last one was full: every chunk costs some milliseconds, however small it is. Answers
do not wait for it, for they add the journal's tail."""
WAIT_SECONDS = (0.1, 0.5, 2.0)
"""For a store that refuses, before its first, second and any further try."""
RETRY_SECONDS = (0.2, 0.8)
"""Before the second and the third try of a batch alone: what lies behind it waits for about a second."""
REAP_SECONDS = 2.0
ATTEMPTS = 3

log = structlog.get_logger(__name__)


class Loop(threading.Thread):
    """Drives one consumer: reads, retries, and sets aside what can never be processed.

    What fails is taken again in ever fewer batches, until the one to blame is alone; three failures set it aside.
    """

    def __init__(self, consumer: Consumer, source: ChunkSource, letters: Letters, now: Now) -> None:
        super().__init__(name=consumer.name, daemon=True)
        self._consumer = consumer
        self._source = source
        self._letters = letters
        self._now = now
        self._stop_event = threading.Event()
        self._failures = 0
        self._is_dirty = False
        self._limit = CHUNK_BATCHES
        self._is_narrow = False
        self._narrow_through = 0
        self._chunk: Chunk | None = None
        self._failed_at: list[int] = []
        self._condemned: tuple[Batch, Exception] | None = None
        self._known_fault = ""
        self._reaped_at = 0.0

    def stop(self) -> None:
        """End after the step under way."""
        self._stop_event.set()
        self.join()

    def run(self) -> None:
        """Follow the journal until ``stop``."""
        wait = 0.0
        while not self._stop_event.wait(wait):
            try:
                wait = 0.0 if self.step() else PACE_SECONDS
                self._failures = 0
                self._failed_at = []
            except Exception as exc:
                wait = self._after_failure(exc)

    def step(self) -> bool:
        """Process one chunk; False when no more is likely to wait."""
        self._chunk = None
        if self._is_dirty:
            self._consumer.restart()
            self._is_dirty = False
        if self._condemned is not None:
            self._set_aside(*self._condemned)
            self._condemned = None
            return True
        self._reap()
        after = self._consumer.position()
        self._is_narrow = after < self._narrow_through
        self._limit = self._limit if self._is_narrow else CHUNK_BATCHES
        self._chunk = self._source.next(after, self._consumer.name, self._limit)
        if self._chunk is None:
            self._consumer.idle()
            return False
        self._consumer.take(self._chunk, settle=self._is_narrow)
        self._limit = min(2 * self._limit, CHUNK_BATCHES // 2)
        return self._is_narrow or self._chunk.events >= CHUNK_EVENTS or self._source.is_decoded(self._chunk.last)

    def _reap(self) -> None:
        if time.monotonic() - self._reaped_at > REAP_SECONDS:
            self._reaped_at = time.monotonic()
            self._letters.reap(self._consumer.name, Position(self._source.journal, self._consumer.stored()))

    def _after_failure(self, exc: Exception) -> float:
        """Decide what to do next; returns how long to wait before."""
        self._failures += 1
        log.error("a step failed", layer=self._consumer.name, failures=self._failures, **told(exc))
        condemned, self._condemned = self._condemned, None
        if isinstance(exc, PoisonBatch):
            # Nothing was taken: all that the consumer has gathered may stay.
            return self._blame(exc.batch, exc.cause)
        self._is_dirty = True
        wait = WAIT_SECONDS[min(self._failures, len(WAIT_SECONDS)) - 1]
        # A store that refuses is waited for. Anything else that fails again and again lies in the data.
        if isinstance(exc, ServiceError | OSError):
            self._failed_at = [] if condemned else self._failed_at
            return wait
        if condemned is not None and self._consumer.stored() == condemned[0].seq - 1:
            return self._blame(condemned[0], exc)
        if self._is_narrow and self._chunk is not None and len(self._chunk.batches) == 1:
            return self._blame(self._chunk.batches[0], exc)
        # Also when setting one aside has failed for the sake of what was gathered before it.
        self._failed_at = []
        return 0.0 if self._narrow() else wait

    def _narrow(self) -> bool:
        """Take fewer batches, each time durably, until behind what has failed; False when that does not help."""
        before = self._limit
        taken = len(self._chunk.batches) if self._chunk is not None and self._is_narrow else before
        self._limit = max(1, min(before, taken) // 2)
        failed = self._chunk.last if self._chunk is not None else self._consumer.position()
        self._narrow_through = max(self._narrow_through, failed)
        return self._limit < before and failed > self._consumer.stored()

    def _blame(self, batch: Batch, exc: Exception) -> float:
        """A batch has failed alone."""
        self._failed_at.append(times.micros(self._now()))
        self._narrow_through, self._limit = max(self._narrow_through, batch.seq), 1
        if len(self._failed_at) >= ATTEMPTS:
            self._condemned = (batch, exc)
        # Where the same fault has just been found in another batch, nobody needs to wait for it to pass.
        if len(self._failed_at) == ATTEMPTS or fingerprint(exc) == self._known_fault:
            return 0.0
        return RETRY_SECONDS[min(len(self._failed_at), len(RETRY_SECONDS)) - 1]

    def _set_aside(self, batch: Batch, exc: Exception) -> None:
        """Park the lines that fail, or the whole batch when it is not the lines, and pass it with all others."""
        position = Position(self._source.journal, batch.seq)
        good, bad = sift(batch) if len(self._failed_at) == ATTEMPTS else (None, batch)
        # Kept before the position passes it; after a crash in between, the journal delivers it again.
        self._letters.park(self._consumer.name, position, bad, exc, self._failed_at)
        rest = empty(position, self._now()) if good is None else decode(position.journal, [good], self._now())
        self._consumer.take(rest, settle=True)
        self._known_fault = fingerprint(exc)
