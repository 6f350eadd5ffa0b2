"""The alarms: what each watches, when it rings, and what to do then. Pure, with one table.

An alarm that rings is an *episode*, from the look that raised it to the one that cleared it.
"""

import datetime as dt
from typing import Literal, NamedTuple

import msgspec

from cloudpulse.events.times import rfc3339
from cloudpulse.settings import AlarmName

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


ALARMS: tuple[Alarm, ...] = (
    Alarm(
        name="dead_letters",
        watches="dead letters",
        unit="letters",
        threshold=0,
        sentence="{value} dead letters wait to be decided on.",
        todo="`cloudpulse dlq list` groups them by fault. Mend it, then `cloudpulse dlq redrive --all`.",
        raise_after=1,
        clear_after=1,
    ),
    Alarm(
        name="job_failures",
        watches="jobs whose newest run has failed",
        unit="jobs",
        threshold=0,
        sentence="{value} jobs failed when they ran last.",
        todo="`cloudpulse jobs history NAME` shows the error; `cloudpulse jobs run NAME` runs it again.",
        raise_after=1,
        clear_after=1,
    ),
    Alarm(
        name="workflow_failures",
        watches="executions of workflows that failed within a day",
        unit="executions",
        threshold=0,
        sentence="{value} executions of workflows have failed within a day.",
        todo="`cloudpulse workflows show ID` tells why; `cloudpulse workflows retry ID` takes it up again.",
        raise_after=1,
        clear_after=1,
    ),
    Alarm(
        name="stalled",
        watches="layers that have work and do not move",
        unit="layers",
        threshold=0,
        sentence="A layer stands still.",
        todo="Look for `a step failed` in the log; `GET /readyz` says what waits. A restart loses nothing.",
        raise_after=1,
    ),
    Alarm(
        name="restarts",
        watches="starts of one process within an hour",
        unit="starts",
        threshold=4,
        sentence="A process was started {value} times within an hour.",
        todo="The log says why it ended: memory (`dmesg`), a full disk, or a fault.",
        raise_after=1,
        clear_after=1,
    ),
    Alarm(
        name="speed_lag",
        watches="age of the oldest batch that the live counters lack",
        unit="seconds",
        threshold=60,
        sentence="The live counters are {value} seconds behind.",
        todo="Is the pipeline alive (`cloudpulse status`), does its log show failing steps? Else it lacks a processor.",
    ),
    Alarm(
        name="lake_lag",
        watches="age of the oldest batch that the lake lacks",
        unit="seconds",
        threshold=300,
        sentence="The lake is {value} seconds behind.",
        todo="As for `speed_lag`; then the disk, whose commits may have become slow.",
    ),
    Alarm(
        name="speed_backlog",
        watches="batches that the live counters lack",
        unit="batches",
        threshold=20_000,
        sentence="The live counters have {value} batches to do.",
        todo="More comes in than can be processed: larger batches cost less, or a faster machine is needed.",
    ),
    Alarm(
        name="lake_backlog",
        watches="batches that the lake lacks",
        unit="batches",
        threshold=200_000,
        sentence="The lake has {value} batches to do.",
        todo="As for `speed_backlog`.",
    ),
    Alarm(
        name="refusing",
        watches="whether new events are refused",
        unit="1 or 0",
        threshold=0,
        sentence="New events are refused.",
        todo="Free some space, or see why the pipeline is behind: the sentence says which. Clients send again.",
        raise_after=1,
    ),
    Alarm(
        name="journal_full",
        watches="how full the journal is, of `journal_max_bytes`",
        unit="%",
        threshold=80,
        sentence="The journal is {value} % full; at 100 % new events are refused.",
        todo="As for `lake_lag`: it is trimmed behind the slower layer.",
    ),
    Alarm(
        name="disk_free",
        watches="free disk above `min_free_bytes`",
        unit="MiB",
        threshold=1024,
        is_below=True,
        sentence="After {value} MiB more the disk is so full that new events are refused.",
        todo="Free some space, add a disk, or let old events go (`retain_days`); `cloudpulse doctor` tells the trend.",
    ),
    Alarm(
        name="failed_requests",
        watches="requests answered with 500 in five minutes",
        unit="requests",
        threshold=5,
        sentence="{value} requests were answered with status 500 within five minutes.",
        todo="Look for `request failed` in the log, with the request's id.",
    ),
    Alarm(
        name="refused_tokens",
        watches="refused tokens a minute, above three times the usual",
        unit="a minute",
        threshold=30,
        sentence="{value} requests a minute more than usual are refused for their token.",
        todo="`cloudpulse_refused_tokens_total` says why: a client with an old secret, or somebody who tries.",
    ),
    Alarm(
        name="refused_sign_ins",
        watches="refused sign-ins and client secrets a minute, above three times the usual",
        unit="a minute",
        threshold=10,
        sentence="{value} sign-ins a minute more than usual are refused.",
        todo="`audit.ndjson` says for whom. Guessing is slowed down anyway; block the address at the proxy.",
    ),
    Alarm(
        name="rejects",
        watches="share of rejected events in five minutes, of 100 or more",
        unit="%",
        threshold=10,
        sentence="{value} % of the events of the last five minutes were rejected.",
        todo="Receipts name the field (`errors`): a client was released that sends something else.",
    ),
    Alarm(
        name="throughput_drop",
        watches="how far below the usual number of events five minutes are",
        unit="%",
        threshold=80,
        sentence="{value} % fewer events than usual came within five minutes.",
        todo="Do clients still reach the server: name, certificate, proxy, write key, a release of theirs?",
        clear_after=3,
    ),
    Alarm(
        name="volume_jump",
        watches="events in five minutes, by the usual number",
        unit="times",
        threshold=3,
        sentence="{value} times as many events as usual came within five minutes.",
        todo="`cloudpulse query breakdown` by source, page or country: a campaign, a client in a loop, or a flood.",
        raise_after=2,
    ),
    Alarm(
        name="session_jump",
        watches="sessions in five minutes, by the usual number",
        unit="times",
        threshold=3,
        sentence="{value} times as many sessions as usual came within five minutes.",
        todo="As for `volume_jump`; a client that makes a session for every event does this, too.",
        raise_after=2,
    ),
    Alarm(
        name="error_jump",
        watches="share of `error` events in five minutes, by the usual share",
        unit="times",
        threshold=3,
        sentence="{value} times the usual share of errors came within five minutes.",
        todo="`cloudpulse query errors` shows the newest ones.",
        raise_after=2,
    ),
    Alarm(
        name="reconciliation",
        watches="whether the newest reconciliation found a divergence",
        unit="1 or 0",
        threshold=0,
        sentence="The layers and the ledger do not agree.",
        todo="`cloudpulse reconcile` names what differs, `cloudpulse reconcile --repair` mends it.",
        raise_after=1,
        clear_after=1,
    ),
    Alarm(
        name="backup_age",
        watches="age of the newest backup, once there was one",
        unit="days",
        threshold=7,
        sentence="The newest backup is {value} days old.",
        todo="`cloudpulse backup DIR`, best by cron. If backups are not wanted any more, remove that one.",
        raise_after=1,
        clear_after=1,
    ),
)


class Reading(NamedTuple):
    """What one look says of one alarm; ``detail`` is a sentence that says more, ``window`` the minutes it is about."""

    value: float
    detail: str = ""
    window: int | None = None


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


def find(name: AlarmName) -> Alarm:
    """The alarm of this name."""
    return next(alarm for alarm in ALARMS if alarm.name == name)


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
