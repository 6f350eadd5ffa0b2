"""Events, batches and chunks for the tests of the lake."""

import datetime as dt
from collections import Counter
from uuid import UUID, uuid4

from cloudpulse.events import codec, times
from cloudpulse.events.model import Batch, Count, Event, Remote, Stamp
from cloudpulse.lake.chunk import Chunk, decode

NOW = dt.datetime(2026, 11, 20, 10, 30, tzinfo=dt.UTC)
JOURNAL = "7f3a"


def event(timestamp=NOW, event_type="page_view", event_id: UUID | None = None, **fields) -> Event:
    fields = {"session_id": "s-1", "source": "web"} | fields
    return Event(event_id=event_id or uuid4(), timestamp=timestamp, event_type=event_type, **fields)


def lines(events: list[Event], received_at=NOW, remote: Remote | None = None) -> list[bytes]:
    stamp = Stamp(received_at=received_at, client_id="client-1", app="default", remote=remote)
    prefix = codec.stamp_prefix(stamp)
    return [prefix + codec.encode_event(event)[1:] for event in events]


def batch(
    seq: int, events: list[Event], received_at=NOW, remote: Remote | None = None, redrive_of: str | None = None
) -> Batch:
    minutes = Counter(
        (times.minute_of(times.effective(event.timestamp or received_at, received_at)), event.event_type)
        for event in events
    )
    return Batch(
        seq=seq,
        received_at=times.micros(received_at),
        events=len(events),
        digest=tuple(Count("default", minute, kind, True, n) for (minute, kind), n in minutes.items()),
        ids=b"".join([codec.pack_id(one.event_id.bytes, codec.hash_of(one), one.event_type) for one in events]),
        lines=codec.pack_lines(lines(events, received_at, remote)),
        redrive_of=redrive_of,
    )


def chunk(first: int, last: int, per_batch: int = 3, received_at=NOW, **fields) -> Chunk:
    """Batches ``first`` to ``last``, each of ``per_batch`` events."""
    batches = [
        batch(seq, [event(received_at, user_id=f"u{seq}", **fields) for _ in range(per_batch)], received_at)
        for seq in range(first, last + 1)
    ]
    return decode(JOURNAL, batches, received_at)
