"""Live counts of the last minutes: the counters up to their position, and the journal's digests above it."""

import datetime as dt
from collections import Counter, defaultdict
from collections.abc import Callable

import msgspec

from cloudpulse.errors import InvalidParameter, LogTrimmed
from cloudpulse.events import sketch
from cloudpulse.events.model import SPEED, Position
from cloudpulse.events.times import FUTURE_LIMIT, from_minute, minute_of, rfc3339
from cloudpulse.ports import Counters, LiveCounts, LogReader, MinuteCount

MAX_LOOKBACK_MINUTES = 1440
_ATTEMPTS = 5


class Realtime(msgspec.Struct, frozen=True, kw_only=True):
    """What happened in the last minutes; ``timeline`` has the minutes with events, oldest first."""

    lookback_minutes: int
    total_events: int
    error_count: int
    error_rate_pct: float
    active_sessions: int
    by_event_type: dict[str, int]
    timeline: list[dict[str, str | int]]
    as_of: str


class RealtimeService:
    """Answers from the live counters, with all that was accepted up to now."""

    def __init__(self, counters: Counters, log: LogReader, now: Callable[[], dt.datetime]) -> None:
        self._counters = counters
        self._log = log
        self._now = now
        self._journal = ""

    def snapshot(self, lookback_minutes: int = 5) -> Realtime:
        """Events of the whole minutes that touch the lookback, and of the next minutes where clocks run ahead.

        Sessions come from the counters alone, which follow the journal within a second.
        """
        if not 1 <= lookback_minutes <= MAX_LOOKBACK_MINUTES:
            raise InvalidParameter(f"lookback_minutes must be between 1 and {MAX_LOOKBACK_MINUTES}.")
        now = self._now()
        first = minute_of(now - dt.timedelta(minutes=lookback_minutes))
        live, tail = self._read(first, minute_of(now + FUTURE_LIMIT))
        minutes = _per_minute([*live.counts, *tail])
        by_type = sum(minutes.values(), Counter[str]())
        total, errors = by_type.total(), by_type["error"]
        return Realtime(
            lookback_minutes=lookback_minutes,
            total_events=total,
            error_count=errors,
            error_rate_pct=round(100 * errors / total, 1) if total else 0.0,
            active_sessions=sketch.estimate(stored for _, _, stored in live.sessions),
            by_event_type=dict(by_type.most_common()),
            timeline=[{"minute": _label(minute), **minutes[minute]} for minute in sorted(minutes)],
            as_of=rfc3339(now),
        )

    def _read(self, first: int, last: int) -> tuple[LiveCounts, list[MinuteCount]]:
        for _ in range(_ATTEMPTS):
            live = self._counters.range(first, last)
            try:
                return live, self._tail(live, first, last)
            except LogTrimmed:
                continue  # the counters moved on between the two reads
        raise LogTrimmed("The live counters lag behind the journal. Try again in a moment.")

    def _tail(self, live: LiveCounts, first: int, last: int) -> list[MinuteCount]:
        _, rows = self._log.digests(self._counted_through(live.position), SPEED)
        return [
            MinuteCount(count.app, count.minute, count.event_type, count.events)
            for _, _, digest in rows
            for count in digest
            if count.live and first <= count.minute <= last
        ]

    def _counted_through(self, position: Position | None) -> int:
        if not self._journal:
            self._journal = self._log.state().journal  # stays the same while this process lives
        return position.seq if position and position.journal == self._journal else 0


def _per_minute(counts: list[MinuteCount]) -> dict[int, Counter[str]]:
    minutes: defaultdict[int, Counter[str]] = defaultdict(Counter)
    for count in counts:
        minutes[count.minute][count.event_type] += count.events
    return minutes


def _label(minute: int) -> str:
    return from_minute(minute).strftime("%Y-%m-%dT%H:%M")
