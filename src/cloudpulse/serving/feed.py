"""Accepted events in the order of the journal, for any number of streams: a batch is decoded once for all of them."""

import datetime as dt
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from cloudpulse.errors import InvalidParameter, LogTrimmed
from cloudpulse.events.model import Batch
from cloudpulse.lake.sift import to_rows
from cloudpulse.lake.tables import SILVER
from cloudpulse.lake.tombstones import Tombstones
from cloudpulse.ports import LogReader
from cloudpulse.serving.cache import LruCache
from cloudpulse.serving.events import listed_rows

STEP_EVENTS = 2_000
"""So many are looked at in one step."""
STEP_BYTES = 256 * 1024
"""A step ends behind the event with which it holds so much."""
KEPT_BYTES = 32 * 1024 * 1024
"""About so much of decoded batches is kept for the next stream."""
EVENT_BYTES = 1_500
"""About what an event takes in memory beside its columns."""
ENCODED_EVENTS = 200
TOMBSTONES_SECONDS = 1.0

_LINE = pa.field("line", pa.int32())
_NO_ROWS = SILVER.empty_table().append_column(_LINE, pa.array([], _LINE.type))

_encode = msgspec.json.Encoder().encode


class Cursor(NamedTuple):
    """What a stream shows next: from line ``line`` of batch ``seq`` on. Its text is the id of the event before it."""

    journal: str
    seq: int
    line: int = 0

    def __str__(self) -> str:
        return f"{self.journal}:{self.seq}:{self.line}"

    @classmethod
    def parse(cls, text: str) -> "Cursor":
        """Read an id; raises ``InvalidParameter``."""
        journal, *numbers = text.rsplit(":", 2)
        if not journal or len(numbers) != 2 or not all(one.isascii() and one.isdecimal() for one in numbers):
            raise InvalidParameter("Last-Event-ID is none that was given out; leave it out to begin now.")
        seq, line = (min(int(one[:19]), 1 << 62) for one in numbers)
        return cls(journal, seq, line)


class EventFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Which events a stream shows: those with exactly these values."""

    session_id: str | None = None
    user_id: str | None = None
    event_type: str | None = None
    app: str | None = None


class Step(NamedTuple):
    """Events as JSON, each with the cursor behind it, and what is next. With ``left_out`` some before them are gone."""

    events: list[tuple[Cursor, bytes]]
    cursor: Cursor
    left_out: bool = False


class EventFeed:
    """Reads the tail of the journal for streams; safe for many threads."""

    def __init__(self, log: LogReader, erased: Callable[[], Tombstones], now: Callable[[], dt.datetime]) -> None:
        self._log = log
        self._load_erased = erased
        self._now = now
        self._erased = Tombstones(b"", ())
        self._reload_at = dt.datetime.min.replace(tzinfo=dt.UTC)
        self._decoded: LruCache[int, _Shown] = self._nothing()

    def look(self) -> Cursor:
        """The end of the journal; learns of erasures, too."""
        state = self._log.state()
        if (now := self._now()) >= self._reload_at:
            self._reload_at = now + dt.timedelta(seconds=TOMBSTONES_SECONDS)
            erased = self._load_erased()
            if erased.tombstones != self._erased.tombstones:
                self._erased = erased
                self.forget()
        return Cursor(state.journal, state.head + 1)

    def begin(self, last_event_id: str | None) -> tuple[Cursor, bool]:
        """Where a stream begins: behind the last event that its client has, or now.

        True when nobody can tell what came between. Raises ``InvalidParameter``.
        """
        end = self.look()
        if not last_event_id:
            return end, False
        cursor = Cursor.parse(last_event_id)
        is_known = cursor.journal == end.journal and cursor.seq <= end.seq
        return (cursor, False) if is_known else (end, True)

    def step(self, cursor: Cursor, wanted: EventFilter) -> Step:
        """What comes next; nothing, and the same cursor, at the end of the journal."""
        try:
            batches = self._above(cursor.seq - 1)
        except LogTrimmed:
            oldest = self._log.state().trimmed + 1
            return Step([], cursor._replace(seq=oldest, line=0), left_out=True)
        events, size = [], 0
        for batch in batches:
            first = cursor.line if batch.seq == cursor.seq else 0
            for line, is_last, event in batch.events(wanted, first):
                behind = cursor._replace(seq=batch.seq + is_last, line=0 if is_last else line + 1)
                events.append((behind, event))
                size += len(event)
                if size >= STEP_BYTES:
                    return Step(events, behind)
        return Step(events, cursor._replace(seq=batches[-1].seq + 1, line=0) if batches else cursor)

    def forget(self) -> None:
        """Keep nothing decoded."""
        self._decoded = self._nothing()

    @staticmethod
    def _nothing() -> "LruCache[int, _Shown]":
        return LruCache(KEPT_BYTES, lambda shown: shown.weight)

    def _above(self, after: int) -> list["_Shown"]:
        """The next batches: those that another stream has had decoded, else from the journal."""
        found: list[_Shown] = []
        while (known := self._decoded.get(after + len(found) + 1)) is not None:
            found.append(known)
            if sum(batch.rows.num_rows for batch in found) >= STEP_EVENTS:
                break
        if found:
            return found
        kept = self._decoded
        for batch in self._log.read(after, max_events=STEP_EVENTS):
            found.append(_Shown(batch.seq, self._rows(batch)))
            kept.put(batch.seq, found[-1])
        return found

    def _rows(self, batch: Batch) -> pa.Table:
        """The rows of a batch, each with its line, without what is erased.

        Another try holds events that were shown before, and an erasure's own record holds none.
        """
        if batch.redrive_of is not None:
            return _NO_ROWS
        rows = to_rows(batch, self._now())
        rows = rows.append_column(_LINE, pa.array(range(rows.num_rows), _LINE.type))
        return rows.filter(pc.is_null(self._erased.of_rows(rows))) if self._erased else rows


class _Shown:
    """One batch as streams show it; an event is encoded when the first of them wants it."""

    def __init__(self, seq: int, rows: pa.Table) -> None:
        self.seq = seq
        self.rows = rows
        self.weight = rows.nbytes * 3 + (rows.num_rows + 1) * EVENT_BYTES
        self._encoded: dict[int, bytes] = {}

    def events(self, wanted: EventFilter, first: int) -> Iterator[tuple[int, bool, bytes]]:
        """(line, whether it is the last one, event) of the wanted events from line ``first`` on."""
        places = pc.indices_nonzero(self._mask(wanted, first)).to_pylist()
        for start in range(0, len(places), ENCODED_EVENTS):
            part = places[start : start + ENCODED_EVENTS]
            self._encode([place for place in part if place not in self._encoded])
            lines = self.rows[_LINE.name].take(part).to_pylist()
            for place, line in zip(part, lines, strict=True):
                yield line, place + 1 == self.rows.num_rows, self._encoded[place]

    def _mask(self, wanted: EventFilter, first: int) -> Any:
        mask = pc.greater_equal(self.rows[_LINE.name], first)
        for name, value in msgspec.structs.asdict(wanted).items():
            if value is not None:
                mask = pc.and_kleene(mask, pc.equal(self.rows[name], value))
        return mask

    def _encode(self, places: Sequence[int]) -> None:
        rows = listed_rows(self.rows.take(pa.array(places, pa.int64())))
        self._encoded.update(zip(places, map(_encode, rows), strict=True))
