"""Batches to what they add to the live counters: counts and session sketches per app and minute; pure.

Events that were more than 24 hours old when they were received add nothing (see ``events.times.is_live``).
"""

from collections import Counter
from collections.abc import Iterable

import pyarrow as pa
import pyarrow.compute as pc

from cloudpulse.events import sketch
from cloudpulse.events.model import Batch
from cloudpulse.events.times import LIVE_WINDOW, MINUTE_MICROS
from cloudpulse.ports import MinuteCount

_LIVE_WINDOW = pa.scalar(LIVE_WINDOW, pa.duration("us"))


def live_counts(batches: Iterable[Batch]) -> list[MinuteCount]:
    """The live part of the batches' digests, added up."""
    totals: Counter[tuple[str, int, str]] = Counter()
    for batch in batches:
        for row in batch.digest:
            if row.live:
                totals[row.app, row.minute, row.event_type] += row.events
    return [MinuteCount(*key, events) for key, events in totals.items()]


def live_sessions(table: pa.Table) -> dict[tuple[str, int], bytes]:
    """One sketch of the session ids in silver rows per (app, minute)."""
    table = table.select(["app", "timestamp", "received_at", "session_id"])
    live = table.filter(pc.less_equal(pc.subtract(table["received_at"], table["timestamp"]), _LIVE_WINDOW))
    minutes = pc.divide(live["timestamp"].cast(pa.int64()), MINUTE_MICROS)
    distinct = (
        live.append_column("minute", minutes)
        .group_by(["app", "minute"], use_threads=False)
        .aggregate([("session_id", "distinct")])
    )
    return {(row["app"], row["minute"]): sketch.of(row["session_id_distinct"]) for row in distinct.to_pylist()}
