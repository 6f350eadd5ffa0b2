"""The loops of the pipeline process: both layers follow the journal, each at its own position."""

import datetime as dt
import threading
import traceback
from pathlib import Path
from typing import Protocol

import structlog

from cloudpulse.batch.writer import LakeWriter
from cloudpulse.entrypoints.chunks import CHUNK_EVENTS, ChunkSource, Now, PoisonBatch
from cloudpulse.errors import ServiceError
from cloudpulse.events import times
from cloudpulse.events.model import Batch, Position
from cloudpulse.lake import tail
from cloudpulse.lake.chunk import Chunk, empty
from cloudpulse.ports import DeadLetter, DeadLetters, LogReader
from cloudpulse.speed.processor import SpeedProcessor
from cloudpulse.telemetry import told

PACE_SECONDS = 0.2
"""Between two chunks, unless the last one was full: every chunk costs some milliseconds, however small it is. Answers
do not wait for it, for they add the journal's tail."""
RETRY_SECONDS = (0.1, 0.5, 2.0)
ATTEMPTS = 3

log = structlog.get_logger(__name__)


class Layer(Protocol):
    """What a loop drives: one consumer of the journal."""

    name: str

    def position(self) -> int:
        """The highest seq taken in, durably or not."""

    def restart(self) -> None:
        """Go back to the durable position."""

    def take(self, chunk: Chunk, settle: bool) -> None:
        """Take a chunk in; with ``settle`` make it durable before returning."""

    def idle(self) -> None:
        """Nothing new has come: do what is due."""


class SpeedLayer:
    """Counters first, then the tail file that lets the api read the rows before the lake has them."""

    name = "speed"

    def __init__(
        self, processor: SpeedProcessor, reader: LogReader, letters: DeadLetters, tail_folder: Path, now: Now
    ) -> None:
        self._processor = processor
        self._reader = reader
        self._letters = letters
        self._tail_folder = tail_folder
        self._now = now
        self._expired_at = now()
        self.restart()

    def position(self) -> int:
        """Where the counters stand."""
        return self._taken

    def restart(self) -> None:
        """Ask the counters where they stand."""
        state = self._reader.state()
        self._taken = self._processor.position(state)
        self._letters.forget_above(self.name, Position(state.journal, self._taken))

    def take(self, chunk: Chunk, settle: bool) -> None:
        """Apply a chunk."""
        self._processor.handle(chunk)
        self._taken = chunk.last
        self.idle()
        if chunk.events:
            try:
                tail.write_tail(self._tail_folder, chunk)
            except OSError as exc:
                log.warning("a tail file could not be written", reason=str(exc))

    def idle(self) -> None:
        """Let expired minutes go."""
        if self._now() - self._expired_at > dt.timedelta(minutes=1):
            self._expired_at = self._now()
            self._processor.expire(self._now())


class LakeLayer:
    """Chunks gather until a commit is due."""

    name = "lake"

    def __init__(
        self,
        writer: LakeWriter,
        reader: LogReader,
        letters: DeadLetters,
        source: ChunkSource,
        tail_folder: Path,
        now: Now,
    ) -> None:
        self._writer = writer
        self._reader = reader
        self._letters = letters
        self._source = source
        self._tail_folder = tail_folder
        self._now = now
        self.restart()

    def position(self) -> int:
        """What is committed or gathered."""
        return self._taken

    def restart(self) -> None:
        """Forget what is gathered; the journal gives it again."""
        self._writer.recover()
        stored, state = self._writer.position(), self._reader.state()
        follows = stored is not None and stored.journal == state.journal and stored.seq <= state.head
        # The place in another journal, or above the head of this one, says nothing: a new epoch skips nothing.
        self._taken = max(state.trimmed, stored.seq if stored and follows else 0)
        self._letters.forget_above(self.name, Position(state.journal, self._taken))

    def take(self, chunk: Chunk, settle: bool) -> None:
        """Gather a chunk, and commit when it is time."""
        self._writer.add(chunk)
        self._taken = chunk.last
        if settle or self._writer.due(self._now()):
            self.commit()

    def idle(self) -> None:
        """Commit when it is time."""
        if self._writer.due(self._now()):
            self.commit()

    def commit(self) -> None:
        """Write out what is gathered."""
        position = self._writer.commit(self._now())
        if position is not None:
            self._source.forget(position.seq)
            tail.prune(self._tail_folder, position)


class Loop(threading.Thread):
    """Drives one layer: reads, retries, and sets aside what can never be processed (one batch, alone, three times)."""

    def __init__(self, layer: Layer, source: ChunkSource, letters: DeadLetters, now: Now) -> None:
        super().__init__(name=layer.name, daemon=True)
        self._layer = layer
        self._source = source
        self._letters = letters
        self._now = now
        self._stop_event = threading.Event()
        self._failures = 0
        self._blamed = 0
        self._alone = False
        self._alone_until = 0
        self._chunk: Chunk | None = None

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
                self._failures = self._blamed = 0
            except Exception as exc:
                wait = self._after_failure(exc)

    def step(self) -> bool:
        """Process one chunk; False when no more is likely to wait."""
        after = self._layer.position()
        self._alone = after < self._alone_until
        self._chunk = self._source.next(after, self._alone)
        if self._chunk is None:
            self._layer.idle()
            return False
        self._layer.take(self._chunk, settle=self._alone)
        return self._alone or self._chunk.events >= CHUNK_EVENTS or self._source.is_decoded(self._chunk.last)

    def _after_failure(self, exc: Exception) -> float:
        self._failures += 1
        log.error("a step failed", layer=self.name, failures=self._failures, **told(exc))
        reached = self._chunk.last if self._chunk is not None else self._layer.position()
        try:
            if not isinstance(exc, PoisonBatch):
                self._layer.restart()
            # A store that refuses is waited for. Anything else that fails again and again lies in the data.
            self._blamed += not isinstance(exc, ServiceError | OSError)
            if self._blamed >= ATTEMPTS:
                self._failures = self._blamed = 0
                self._single_out(exc, reached)
        except Exception as again:
            log.error("a restart failed", layer=self.name, **told(again))
        return RETRY_SECONDS[min(self._failures, len(RETRY_SECONDS) - 1)]

    def _single_out(self, exc: Exception, reached: int) -> None:
        if isinstance(exc, PoisonBatch):
            self._park(exc.batch, exc)
        elif self._alone and self._chunk is not None:
            self._park(self._chunk.batches[0], exc)
        else:
            self._alone_until = reached

    def _park(self, batch: Batch, exc: Exception) -> None:
        position = Position(self._source.journal, batch.seq)
        letter = DeadLetter(
            consumer=self.name,
            position=position,
            parked_at=times.micros(self._now()),
            attempts=ATTEMPTS,
            reason="".join(traceback.format_exception(exc)),
            batch=batch,
        )
        # Kept before the position passes it; after a crash in between, the journal delivers it again.
        self._letters.park(letter)
        self._layer.take(empty(position, self._now()), settle=True)
        log.error("a batch was set aside", layer=self.name, position=str(position))
