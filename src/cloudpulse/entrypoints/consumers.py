"""The consumers of the journal, one for each layer: the live counters and the lake."""

import datetime as dt
from pathlib import Path
from typing import Protocol

import structlog

from cloudpulse.batch.writer import LakeWriter
from cloudpulse.entrypoints.chunks import ChunkSource, Now
from cloudpulse.entrypoints.letters import Letters
from cloudpulse.events.model import LAKE, SPEED, Position
from cloudpulse.lake import tail
from cloudpulse.lake.chunk import Chunk
from cloudpulse.ports import LogReader
from cloudpulse.speed.processor import SpeedProcessor

log = structlog.get_logger(__name__)


class Consumer(Protocol):
    """What a loop drives: follows the journal at its own position."""

    name: str

    def position(self) -> int:
        """The highest seq taken in, durably or not."""

    def stored(self) -> int:
        """The highest seq taken in durably."""

    def restart(self) -> None:
        """Go back to the durable position."""

    def take(self, chunk: Chunk, settle: bool) -> None:
        """Take a chunk in; with ``settle`` make it durable before returning."""

    def idle(self) -> None:
        """Nothing new has come: do what is due."""


class SpeedConsumer:
    """Counters first, then the tail file that lets the api read the rows before the lake has them."""

    name = SPEED

    def __init__(
        self, processor: SpeedProcessor, reader: LogReader, letters: Letters, tail_folder: Path, now: Now
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

    stored = position

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
        # What the counters alone must try again is in the lake already.
        if any(batch.redrive_of is None for batch in chunk.batches):
            try:
                tail.write_tail(self._tail_folder, chunk)
            except OSError as exc:
                log.warning("a tail file could not be written", reason=str(exc))

    def idle(self) -> None:
        """Let expired minutes go."""
        if self._now() - self._expired_at > dt.timedelta(minutes=1):
            self._expired_at = self._now()
            self._processor.expire(self._now())


class LakeConsumer:
    """Chunks gather until a commit is due."""

    name = LAKE

    def __init__(
        self,
        writer: LakeWriter,
        reader: LogReader,
        letters: Letters,
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

    def stored(self) -> int:
        """What is committed."""
        return self._stored

    def restart(self) -> None:
        """Forget what is gathered; the journal gives it again."""
        self._writer.recover()
        stored, state = self._writer.position(), self._reader.state()
        follows = stored is not None and stored.journal == state.journal and stored.seq <= state.head
        # The place in another journal, or above the head of this one, says nothing: a new epoch skips nothing.
        self._taken = self._stored = max(state.trimmed, stored.seq if stored and follows else 0)
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
            self._stored = position.seq
            self._source.forget(position.seq)
            tail.prune(self._tail_folder, position)
