"""Ranges of live counters put right while the speed layer goes on (mechanism 16).

What is right is told for one position; meanwhile the counters move on. So what came since is added, and the swap is
refused, and tried again, when they have moved once more.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable

import msgspec
import pyarrow as pa

from cloudpulse.errors import StoreError
from cloudpulse.events import sketch
from cloudpulse.events.model import SPEED, Count, Position
from cloudpulse.events.times import from_micros
from cloudpulse.lake.sift import to_rows
from cloudpulse.ports import Counters, LiveCounts, LogReader, MinuteCount
from cloudpulse.speed import minutes

TRIES = 100
_NOW = from_micros(0)


class Right(msgspec.Struct, frozen=True, kw_only=True):
    """What the counters of a range of minutes are at ``position``, and its rows in the lake up to batch ``lake``.

    Sketches are made of these rows, and, but for ``afresh``, of what is stored: it may hold what a dead letter has.
    """

    first: int
    last: int
    position: Position
    counts: Iterable[MinuteCount]
    lake: int
    rows: pa.Table
    afresh: bool = False


class CounterRepair:
    """Puts ranges right; any thread may."""

    def __init__(self, counters: Counters, log: LogReader) -> None:
        self._counters = counters
        self._log = log

    def run(self, right: Right) -> None:
        """Swap counts and sketches of one range in one step.

        Raises ``LogTrimmed`` when what is right was told too long ago, ``StoreError`` when the counters do not rest.
        """
        truth = _Truth(right, self._log)
        for _ in range(TRIES):
            live = self._counters.range(right.first, right.last)
            if live.position is None or live.position.journal != right.position.journal:
                break
            truth.advance(live.position.seq)
            if self._counters.replace(live.position, right.first, right.last, truth.counts(), truth.sessions(live)):
                return
        raise StoreError("The live counters move too fast to be put right; try again.")


class _Truth:
    """What is right, further and further on."""

    def __init__(self, right: Right, log: LogReader) -> None:
        self._right = right
        self._log = log
        self._through = right.lake
        self._counts = Counter(
            {(one.app, one.minute, one.event_type): one.events for one in right.counts if one.events}
        )
        self._sketches: defaultdict[tuple[str, int], list[bytes]] = defaultdict(list)
        self._merge(right.rows)

    def advance(self, seq: int) -> None:
        """Take in batches up to ``seq``: rows of those above the lake's position, counts of those above ``right``'s."""
        _, digests = self._log.digests(self._through, SPEED)
        for number, _, digest in digests:
            touched = [count for count in digest if self._is_touched(count)]
            if number <= seq and touched:
                self._add_rows(number)
                if number > self._right.position.seq:
                    for count in touched:
                        self._counts[count.app, count.minute, count.event_type] += count.events
        self._through = max(self._through, seq)

    def counts(self) -> list[MinuteCount]:
        """The counters of the range."""
        return [MinuteCount(*key, events) for key, events in self._counts.items()]

    def sessions(self, live: LiveCounts) -> dict[tuple[str, int], bytes]:
        """Sketches of all minutes that have events."""
        found = {(app, minute): self._sketches[app, minute] for app, minute, _ in self._counts}
        for app, minute, body in () if self._right.afresh else live.sessions:
            if (app, minute) in found and sketch.is_readable(body):
                found[app, minute] = [*found[app, minute], body]
        return {key: sketch.union(bodies) for key, bodies in found.items() if bodies}

    def _is_touched(self, count: Count) -> bool:
        return count.live and self._right.first <= count.minute <= self._right.last

    def _add_rows(self, seq: int) -> None:
        for batch in self._log.read(seq - 1, limit=1):
            self._merge(to_rows(batch, _NOW))

    def _merge(self, rows: pa.Table) -> None:
        for (app, minute), body in minutes.live_sessions(rows).items():
            if self._right.first <= minute <= self._right.last:
                self._sketches[app, minute].append(body)
