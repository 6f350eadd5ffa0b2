"""When an alarm rings, and what is told of it. Pure; ``table`` says which there are.

An alarm that rings is an *episode*, from the look that raised it to the one that cleared it.
"""

import datetime as dt
from typing import Literal, NamedTuple

import msgspec

from cloudpulse.events.times import rfc3339
from cloudpulse.settings import AlarmName, Settings

Judgement = Literal["confirmed", "withdrawn"]


class Alarm(msgspec.Struct, frozen=True, kw_only=True):
    """One alarm: it rings when ``watches`` (in ``unit``) is above ``threshold``, or below it.

    It is raised at the ``raise_after``-th look in a row that says so, and cleared at the ``clear_after``-th that does
    not; a look comes every ten seconds. ``sentence`` may use {value} and {threshold}.
    """

    name: AlarmName
    watches: str
    unit: str
    threshold: float
    sentence: str
    todo: str
    is_below: bool = False
    raise_after: int = 3
    clear_after: int = 6


class Reading(NamedTuple):
    """What one look says of one alarm; ``detail`` is a sentence that says more, ``window`` the minutes it is about."""

    value: float
    detail: str = ""
    window: int | None = None


Readings = dict[AlarmName, Reading]


class Episode(msgspec.Struct, frozen=True, kw_only=True):
    """One time that an alarm rang. ``value`` is the worst that was seen, ``cleared_at`` is None while it rings.

    Where an alarm watches windows of time, ``window`` is the first (minute since 1970) that raised it, ``last_window``
    the last, and ``judged`` what the batch layer said; ``late``: the batch layer raised it, which knows more.
    """

    alarm: AlarmName
    raised_at: str
    cleared_at: str | None = None
    value: float
    threshold: float
    sentence: str
    window: int | None = None
    last_window: int | None = None
    late: bool = False
    judged: Judgement | None = None

    @property
    def id(self) -> str:
        """In the order of time."""
        return f"{self.raised_at}:{self.alarm}"


class Streak(NamedTuple):
    """Looks in a row that were over the threshold, and that were not."""

    over: int = 0
    calm: int = 0


def threshold_of(alarm: Alarm, settings: Settings) -> float:
    """What the settings say, or else the alarm itself."""
    return settings.alarm_thresholds.get(alarm.name, alarm.threshold)


def is_over(alarm: Alarm, threshold: float, value: float) -> bool:
    """Whether a value is beyond the threshold."""
    return value < threshold if alarm.is_below else value > threshold


def count(streak: Streak, over: bool) -> Streak:
    """One look more."""
    return Streak(streak.over + 1, 0) if over else Streak(0, streak.calm + 1)


def rings(alarm: Alarm, streak: Streak, rang: bool) -> bool:
    """Whether it rings after these looks, given whether it rang before them."""
    return streak.calm < alarm.clear_after if rang else streak.over >= alarm.raise_after


def went_on(alarm: Alarm, episode: Episode, reading: Reading) -> Episode:
    """An episode that still rings, with the worst value and the last window."""
    value = (min if alarm.is_below else max)(episode.value, reading.value)
    return msgspec.structs.replace(episode, value=value, last_window=reading.window)


def covers(episode: Episode, window: int) -> bool:
    """Whether an episode is about a window of time, among others."""
    return episode.window is not None and episode.window <= window <= (episode.last_window or 0)


def sentence(alarm: Alarm, threshold: float, reading: Reading) -> str:
    """What people are told."""
    text = alarm.sentence.format(value=shown(reading.value), threshold=shown(threshold))
    return f"{text} {reading.detail}".strip()


def shown(value: float) -> str:
    """A number for people."""
    return f"{value:,.0f}" if value >= 100 or value == int(value) else f"{value:,.1f}"


def raised(alarm: Alarm, threshold: float, reading: Reading, now: dt.datetime, late: bool = False) -> Episode:
    """The episode that begins now."""
    return Episode(
        alarm=alarm.name,
        raised_at=rfc3339(now),
        value=reading.value,
        threshold=threshold,
        sentence=sentence(alarm, threshold, reading),
        window=reading.window,
        last_window=reading.window,
        late=late,
        judged="confirmed" if late else None,
    )
