"""Rows of the journal become chunks, once for both consumers."""

import datetime as dt
import threading
from collections.abc import Callable
from itertools import takewhile

from cloudpulse.events.model import Batch, Position
from cloudpulse.lake.chunk import Chunk, decode, empty
from cloudpulse.ports import LogReader

CACHED_EVENTS = 600_000
CHUNK_EVENTS = 50_000
CHUNK_BATCHES = 2_000

Now = Callable[[], dt.datetime]


class PoisonBatch(Exception):
    """A batch that cannot be decoded, and why."""

    def __init__(self, batch: Batch, cause: Exception) -> None:
        super().__init__(f"batch {batch.seq} cannot be decoded")
        self.batch = batch
        self.cause = cause


class ChunkSource:
    """Decodes each run of batches once for both consumers, with a bounded memory of what the slower one still needs."""

    def __init__(self, reader: LogReader, journal: str, now: Now) -> None:
        self.journal = journal
        self._reader = reader
        self._now = now
        self._lock = threading.Lock()
        self._cached: dict[int, Chunk] = {}

    def next(self, after: int, consumer: str, limit: int = CHUNK_BATCHES) -> Chunk | None:
        """The chunk that begins above ``after``, of ``limit`` batches at most. Raises ``PoisonBatch``.

        The next try of a dead letter is a chunk of its own, empty for all but the letter's consumer.
        """
        with self._lock:
            chunk = self._cached.get(after)
            if chunk is None or len(chunk.batches) > limit:
                chunk = self._decode(after, consumer, limit)
            return chunk

    def is_decoded(self, after: int) -> bool:
        """Whether the chunk that begins above ``after`` is at hand: the other consumer is ahead."""
        return after in self._cached

    def forget(self, through: int) -> None:
        """Drop what the slower consumer has passed."""
        with self._lock:
            for after in [after for after, chunk in self._cached.items() if chunk.last <= through]:
                del self._cached[after]

    def _decode(self, after: int, consumer: str, limit: int) -> Chunk | None:
        # End where a cached chunk begins, so that a consumer that lags meets the chunks of the other one.
        end = min((start for start in self._cached if start > after), default=None)
        batches = self._reader.read(after, limit, CHUNK_EVENTS)
        batches = [batch for batch in batches if end is None or batch.seq <= end]
        if not batches:
            return None
        if batches[0].redrive_of is not None:
            return self._redriven(batches[0], consumer)
        batches = list(takewhile(lambda batch: batch.redrive_of is None, batches))
        try:
            chunk = decode(self.journal, batches, self._now())
        except Exception:
            chunk = self._decode_prefix(batches)
        if limit == CHUNK_BATCHES:
            self._remember(after, chunk)
        return chunk

    def _redriven(self, batch: Batch, consumer: str) -> Chunk:
        if not batch.is_for(consumer):
            return empty(Position(self.journal, batch.seq), self._now())
        return self._decode_prefix([batch])

    def _decode_prefix(self, batches: list[Batch]) -> Chunk:
        good: list[Batch] = []
        for batch in batches:
            try:
                decode(self.journal, [batch], self._now())
            except Exception as exc:
                if good:
                    break
                raise PoisonBatch(batch, exc) from exc
            good.append(batch)
        return decode(self.journal, good, self._now())

    def _remember(self, after: int, chunk: Chunk) -> None:
        self._cached[after] = chunk
        while sum(chunk.events for chunk in self._cached.values()) > CACHED_EVENTS:
            del self._cached[min(self._cached)]
