"""Is a window of five minutes unlike what is usual? Pure.

What is usual is the median of windows before it, and what is ordinary their median deviation: one odd window moves
neither. A window is held against two baselines, the last hour and the same time of past days, and must be unlike
both, where both are known: every morning rises, and no Sunday is like a Monday.
"""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from statistics import median
from typing import NamedTuple

import msgspec

from cloudpulse.ops.alarms.rules import Reading, Readings
from cloudpulse.settings import AlarmName

MINUTES = 5
PER_HOUR = 60 // MINUTES
PER_DAY = 24 * PER_HOUR
PER_WEEK = 7 * PER_DAY
KEEP_WINDOWS = 4 * PER_WEEK + PER_HOUR

ORDINARY = 5.0
"""Up to so many typical deviations from the median are noise."""
SIGMA_OF_MAD = 1.4826
RECENT = 3 * PER_HOUR
FEWEST_RECENT = PER_HOUR // 2
FEWEST_PAST = 10
AROUND = 2
"""So many windows before and after belong to the same time of another day."""
FEWEST_ERRORS = 10
LOWEST_ERROR_RATE = 0.01
SESSION_SHARE = 4
"""A jump of sessions needs a quarter of the events that a jump of events needs."""


class Window(msgspec.Struct, frozen=True, kw_only=True):
    """What five minutes held; ``start`` is a minute since 1970, divisible by five.

    ``odd``: the live layer found it unlike the usual. ``is_judged``: its counts are those of the batch layer.
    """

    start: int
    events: int
    errors: int
    sessions: int
    odd: tuple[AlarmName, ...] = ()
    is_judged: bool = False

    @property
    def error_rate(self) -> float:
        """Errors by events."""
        return self.errors / self.events if self.events else 0.0


Windows = Mapping[int, Window]
Measure = Callable[[Window], float]


class Usual(NamedTuple):
    """A baseline: the median, and what deviates from it by chance."""

    value: float
    deviation: float


def start_of(minute: int) -> int:
    """The start of the window that a minute is in."""
    return minute - minute % MINUTES


def judge(window: Window, before: Windows, min_events: int, is_whole: bool = True) -> Readings:
    """How unlike the usual a window is. One that is not over yet can only be more than usual."""
    found = {
        "volume_jump": _jump(window, before, _events, min_events, min_events),
        "session_jump": _jump(window, before, _sessions, min_events // SESSION_SHARE, min_events),
        "error_jump": _error_jump(window, before, min_events),
    }
    if is_whole:
        found["throughput_drop"] = _drop(window, before, min_events)
    return {name: Reading(value, detail, window.start) for name, (value, detail) in found.items()}  # type: ignore[misc]  # literals


def _jump(window: Window, before: Windows, measure: Measure, floor: int, min_events: int) -> tuple[float, str]:
    """Times the usual; at most once for what may be chance."""
    value, usuals = measure(window), _usuals(window, before, measure, lasts=True)
    if window.events < min_events or not usuals:
        return 0.0, ""
    times = min(value / max(usual.value, floor, 1) for usual in usuals)
    is_chance = any(value - usual.value <= ORDINARY * max(usual.deviation, math.sqrt(usual.value)) for usual in usuals)
    return min(times, 1.0) if is_chance else times, _told(value, usuals)


def _error_jump(window: Window, before: Windows, min_events: int) -> tuple[float, str]:
    usuals = _usuals(window, {k: one for k, one in before.items() if one.events >= min_events}, _error_rate, lasts=True)
    if window.events < min_events or window.errors < FEWEST_ERRORS or not usuals:
        return 0.0, ""
    rate = window.error_rate
    times = min(rate / max(usual.value, LOWEST_ERROR_RATE) for usual in usuals)
    is_chance = any(_is_chance_of_errors(window, usual) for usual in usuals)
    percents = [Usual(100 * usual.value, 0) for usual in usuals]
    return min(times, 1.0) if is_chance else times, _told(100 * rate, percents, " %")


def _is_chance_of_errors(window: Window, usual: Usual) -> bool:
    expected = max(usual.value, LOWEST_ERROR_RATE) * window.events
    return (
        window.errors - expected <= ORDINARY * math.sqrt(expected)
        or window.error_rate - usual.value <= ORDINARY * usual.deviation
    )


def _drop(window: Window, before: Windows, min_events: int) -> tuple[float, str]:
    """Percent below the usual; 0 for what may be chance, and where little is usual."""
    value, usuals = window.events, _usuals(window, before, _events, lasts=False)
    if not usuals or any(usual.value < min_events for usual in usuals):
        return 0.0, ""
    if any(usual.value - value <= ORDINARY * max(usual.deviation, math.sqrt(usual.value)) for usual in usuals):
        return 0.0, ""
    return min(100 * (1 - value / usual.value) for usual in usuals), _told(value, usuals)


def _usuals(window: Window, before: Windows, measure: Measure, lasts: bool) -> list[Usual]:
    """What is usual by the last hours, and by other days, as far as enough is known.

    With ``lasts`` a new level becomes the usual one after some hours; a drop to nothing never does.
    """
    recent = _at(before, range(window.start - RECENT * MINUTES, window.start, MINUTES))
    even = [one for one in recent if not one.odd][-PER_HOUR:]
    if len(even) < FEWEST_RECENT and lasts:
        even = recent
    pools = [(even, FEWEST_RECENT), (_past(window, before), FEWEST_PAST)]
    return [_usual([measure(one) for one in pool]) for pool, fewest in pools if len(pool) >= fewest]


def _past(window: Window, before: Windows) -> list[Window]:
    """The same time on the same weekday of four weeks, or on seven days while fewer weeks are known."""
    weeks = _same_time(window, before, PER_WEEK, 4)
    return weeks if len(weeks) >= FEWEST_PAST else _same_time(window, before, PER_DAY, 7)


def _same_time(window: Window, before: Windows, period: int, count: int) -> list[Window]:
    starts = (
        window.start - (number * period + offset) * MINUTES
        for number in range(1, count + 1)
        for offset in range(-AROUND, AROUND + 1)
    )
    return _at(before, starts)


def _at(windows: Windows, starts: Iterable[int]) -> list[Window]:
    return [windows[start] for start in starts if start in windows]


def _usual(values: Sequence[float]) -> Usual:
    middle = median(values)
    return Usual(middle, SIGMA_OF_MAD * median(abs(value - middle) for value in values))


def _told(value: float, usuals: Sequence[Usual], unit: str = "") -> str:
    return f"{value:,.0f}{unit} in five minutes; usual are {' or '.join(f'{one.value:,.0f}{unit}' for one in usuals)}."


def _events(window: Window) -> float:
    return window.events


def _sessions(window: Window) -> float:
    return window.sessions


def _error_rate(window: Window) -> float:
    return window.error_rate
