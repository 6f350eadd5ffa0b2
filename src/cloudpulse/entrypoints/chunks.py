"""Rows of the journal become chunks, once for both consumers."""

import datetime as dt
import threading
from collections.abc import Callable

from cloudpulse.events.model import Batch
from cloudpulse.lake.chunk import Chunk, decode
from cloudpulse.ports import LogReader

CACHED_EVENTS = 600_000
CHUNK_EVENTS = 50_000
CHUNK_BATCHES = 2_000

Now = Callable[[], dt.datetime]


class PoisonBatch(Exception):
    """A batch that cannot be decoded."""

    def __init__(self, batch: Batch) -> None:
        super().__init__(f"batch {batch.seq} cannot be decoded")
        self.batch = batch


class ChunkSource:
    """Decodes each run of batches once for both consumers, with a bounded memory of what the slower one still needs."""

    def __init__(self, reader: LogReader, journal: str, now: Now) -> None:
        self.journal = journal
        self._reader = reader
        self._now = now
        self._lock = threading.Lock()
        self._cached: dict[int, Chunk] = {}

    def next(self, after: int, alone: bool = False) -> Chunk | None:
        """The chunk that begins above ``after``; one batch only when ``alone``. Raises ``PoisonBatch``."""
        with self._lock:
            chunk = self._cached.get(after)
            if chunk is None or (alone and len(chunk.batches) > 1):
                chunk = self._decode(after, alone)
            return chunk

    def is_decoded(self, after: int) -> bool:
        """Whether the chunk that begins above ``after`` is at hand: the other consumer is ahead."""
        return after in self._cached

    def forget(self, through: int) -> None:
        """Drop what the slower consumer has passed."""
        with self._lock:
            for after in [after for after, chunk in self._cached.items() if chunk.last <= through]:
                del self._cached[after]

    def _decode(self, after: int, alone: bool) -> Chunk | None:
        # End where a cached chunk begins, so that a consumer that lags meets the chunks of the other one.
        end = min((start for start in self._cached if start > after), default=None)
        batches = self._reader.read(after, 1 if alone else CHUNK_BATCHES, CHUNK_EVENTS)
        batches = [batch for batch in batches if end is None or batch.seq <= end]
        if not batches:
            return None
        try:
            chunk = decode(self.journal, batches, self._now())
        except Exception:
            chunk = self._decode_prefix(batches)
        if not alone:
            self._remember(after, chunk)
        return chunk

    def _decode_prefix(self, batches: list[Batch]) -> Chunk:
        good: list[Batch] = []
        for batch in batches:
            try:
                decode(self.journal, [batch], self._now())
            except Exception as exc:
                if good:
                    break
                raise PoisonBatch(batch) from exc
            good.append(batch)
        return decode(self.journal, good, self._now())

    def _remember(self, after: int, chunk: Chunk) -> None:
        self._cached[after] = chunk
        while sum(chunk.events for chunk in self._cached.values()) > CACHED_EVENTS:
            del self._cached[min(self._cached)]
