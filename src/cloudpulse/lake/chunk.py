"""A run of batches decoded once, for both layers."""

import datetime as dt
from collections.abc import Sequence

import msgspec
import pyarrow as pa

from cloudpulse.events import codec
from cloudpulse.events.model import Batch, Position
from cloudpulse.lake.tables import SILVER, to_arrow


class Chunk(msgspec.Struct, frozen=True, kw_only=True):
    """Batches ``first`` to ``last`` of one journal, in order, and their silver rows."""

    journal: str
    first: int
    last: int
    events: int
    batches: tuple[Batch, ...]
    table: pa.Table
    processed_at: dt.datetime

    @property
    def position(self) -> Position:
        """Where a consumer stands that has applied this chunk."""
        return Position(self.journal, self.last)


def decode(journal: str, batches: Sequence[Batch], processed_at: dt.datetime) -> Chunk:
    """Decode batches that follow each other (at least one); raises when any of them is damaged."""
    table = to_arrow(b"".join([codec.decompress(batch.lines) for batch in batches]), processed_at)
    events = sum(batch.events for batch in batches)
    if table.num_rows != events:
        raise ValueError(f"batches {batches[0].seq} to {batches[-1].seq} say {events} events and hold {table.num_rows}")
    return Chunk(
        journal=journal,
        first=batches[0].seq,
        last=batches[-1].seq,
        events=events,
        batches=tuple(batches),
        table=table,
        processed_at=processed_at,
    )


def empty(position: Position, processed_at: dt.datetime) -> Chunk:
    """A chunk without events: it moves a consumer over a batch that was set aside."""
    return Chunk(
        journal=position.journal,
        first=position.seq,
        last=position.seq,
        events=0,
        batches=(),
        table=SILVER.empty_table(),
        processed_at=processed_at,
    )
