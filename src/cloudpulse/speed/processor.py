"""Applies chunks to the live counters, each batch exactly once."""

import datetime as dt
from collections.abc import Iterable, Mapping

from cloudpulse.errors import StoreError
from cloudpulse.events.model import Position
from cloudpulse.events.times import minute_of
from cloudpulse.lake.chunk import Chunk
from cloudpulse.ports import Counters, LogState, MinuteCount
from cloudpulse.speed import minutes

KEPT = dt.timedelta(hours=26)
"""Two hours longer than counters are read, so that a late event never revives a minute that has gone."""


class SpeedProcessor:
    """The speed layer's consumer; its checkpoint moves in the transaction that adds the counts."""

    def __init__(self, counters: Counters) -> None:
        self._counters = counters

    def position(self, log: LogState) -> int:
        """The ``seq`` to read on from.

        A checkpoint of another journal, or above this one's head, starts a new epoch: the counters stay, and the
        journal is read from its oldest row. Rows that were trimmed are gone: a checkpoint below them moves up.
        """
        stored = self._counters.position()
        follows = stored is not None and stored.journal == log.journal and stored.seq <= log.head
        seq = max(log.trimmed, stored.seq if stored and follows else 0)
        if stored != (start := Position(log.journal, seq)):
            self._move(stored, start, (), {})
        return seq

    def handle(self, chunk: Chunk) -> None:
        """Count a chunk, without what is counted already."""
        stored = self._counters.position()
        through = stored.seq if stored and stored.journal == chunk.journal else 0
        if through >= chunk.last:
            return
        fresh = [batch for batch in chunk.batches if batch.seq > through]
        rows = chunk.table.slice(chunk.events - sum(batch.events for batch in fresh))
        self._move(stored, chunk.position, minutes.live_counts(fresh), minutes.live_sessions(rows))

    def expire(self, now: dt.datetime) -> int:
        """Remove counters older than 26 hours; returns how many rows went."""
        return self._counters.expire(minute_of(now - KEPT))

    def _move(
        self,
        stored: Position | None,
        position: Position,
        counts: Iterable[MinuteCount],
        sessions: Mapping[tuple[str, int], bytes],
    ) -> None:
        if not self._counters.apply(stored, position, counts, sessions):
            raise StoreError("The live counters were moved by another process: only the pipeline may write them.")
