"""Which alarms ring, and which rang: kept by the one process that looks, and told of when something changes."""

import datetime as dt
from collections.abc import Mapping
from typing import Any, Literal

import msgspec
import structlog

from cloudpulse.events.times import rfc3339
from cloudpulse.ops.alarms import rules
from cloudpulse.ops.alarms.rules import Alarm, Episode, Judgement, Reading, Streak
from cloudpulse.ops.alarms.table import ALARMS, find
from cloudpulse.ops.publish import OUTBOX, Outbox
from cloudpulse.ports import Records
from cloudpulse.settings import AlarmName, Published, Settings
from cloudpulse.telemetry import Labelled

KIND = "episodes"
CHANGED: Published = "alarm.changed"
KEEP = 1000
"""So many episodes are remembered."""

State = Literal["raised", "cleared", "withdrawn"]

log = structlog.get_logger(__name__)


class AlarmState(msgspec.Struct, frozen=True, kw_only=True):
    """One alarm now. ``value`` is None while nothing is known, ``episode`` is there while it rings."""

    name: AlarmName
    state: Literal["ok", "raised"]
    value: float | None
    threshold: float
    unit: str
    watches: str
    todo: str
    episode: Episode | None


class AlarmBoard:
    """One thread looks and judges; any may ask."""

    def __init__(self, records: Records, settings: Settings, outbox: Outbox) -> None:
        self._records = records
        self._settings = settings
        self._outbox = outbox
        self._episodes = {key: msgspec.convert(document, Episode) for key, document in records.list(KIND)}
        self._ringing = {one.alarm: one for one in self._episodes.values() if one.cleared_at is None}
        self._streaks: dict[AlarmName, Streak] = {}
        self._values: dict[AlarmName, float] = {}
        self._unsaved: dict[str, dict[str, Any]] = {KIND: {}, OUTBOX: {}}

    def look(self, readings: Mapping[AlarmName, Reading], now: dt.datetime) -> None:
        """Take one look's readings in; an alarm without one stays as it is. Raises ``StoreError``."""
        for alarm in ALARMS:
            if (reading := readings.get(alarm.name)) is not None:
                self._look(alarm, reading, now)
        self._save()

    def judge(self, name: AlarmName, reading: Reading, now: dt.datetime) -> None:
        """Take in what the batch layer says of one window of time: confirm, withdraw, or raise late."""
        alarm, window = find(name), reading.window or 0
        threshold = rules.threshold_of(alarm, self._settings)
        about = [one for one in self._episodes.values() if one.alarm == name and rules.covers(one, window)]
        unjudged = [one for one in about if one.judged is None]
        if rules.is_over(alarm, threshold, reading.value):
            for episode in unjudged:
                self._keep(_judged(episode, "confirmed"))
            if not about and name not in self._ringing:
                self._change(rules.raised(alarm, threshold, reading, now, late=True), "raised")
        else:
            for episode in unjudged:
                if episode.window == window:
                    self._streaks.pop(name, None)
                    self._end(_judged(episode, "withdrawn"), now, "withdrawn")
        self._save()

    def states(self) -> list[AlarmState]:
        """All alarms."""
        return [
            AlarmState(
                name=alarm.name,
                state="raised" if alarm.name in self._ringing else "ok",
                value=self._values.get(alarm.name),
                threshold=rules.threshold_of(alarm, self._settings),
                unit=alarm.unit,
                watches=alarm.watches,
                todo=alarm.todo,
                episode=self._ringing.get(alarm.name),
            )
            for alarm in ALARMS
        ]

    def history(self, limit: int) -> list[Episode]:
        """The newest episodes, newest first."""
        return [episode for _, episode in sorted(self._episodes.items(), reverse=True)[:limit]]

    def gauges(self) -> dict[str, Labelled]:
        """For Prometheus: 1 for each alarm that rings, 0 for all others."""
        return {"alarm": Labelled("alarm", {alarm.name: float(alarm.name in self._ringing) for alarm in ALARMS})}

    def _look(self, alarm: Alarm, reading: Reading, now: dt.datetime) -> None:
        threshold = rules.threshold_of(alarm, self._settings)
        over = rules.is_over(alarm, threshold, reading.value)
        streak = rules.count(self._streaks.get(alarm.name, Streak()), over)
        self._streaks[alarm.name], self._values[alarm.name] = streak, reading.value
        ringing = self._ringing.get(alarm.name)
        if ringing is None and rules.rings(alarm, streak, rang=False):
            self._change(rules.raised(alarm, threshold, reading, now), "raised")
        elif ringing is not None and not rules.rings(alarm, streak, rang=True):
            self._end(ringing, now, "cleared")
        elif ringing is not None and over:
            self._remember(rules.went_on(alarm, ringing, reading))  # written when it ends

    def _end(self, episode: Episode, now: dt.datetime, state: State) -> None:
        if episode.cleared_at is None:
            self._change(msgspec.structs.replace(episode, cleared_at=rfc3339(now)), state)
        else:
            self._change(episode, state)

    def _change(self, episode: Episode, state: State) -> None:
        self._keep(episode)
        data = {**msgspec.to_builtins(episode), "state": state, "todo": find(episode.alarm).todo}
        data["url"] = self._settings.url
        self._unsaved[OUTBOX] |= self._outbox.documents(CHANGED, f"{episode.id}:{state}", data)
        tell = log.warning if state == "raised" else log.info
        tell(f"an alarm was {state}", alarm=episode.alarm, value=episode.value, threshold=episode.threshold)

    def _keep(self, episode: Episode) -> None:
        self._remember(episode)
        self._unsaved[KIND][episode.id] = msgspec.to_builtins(episode)

    def _remember(self, episode: Episode) -> None:
        self._episodes[episode.id] = episode
        if episode.cleared_at is None:
            self._ringing[episode.alarm] = episode
        elif self._ringing.get(episode.alarm, episode).id == episode.id:
            self._ringing.pop(episode.alarm, None)

    def _save(self) -> None:
        """State and message in one step; what cannot be written now is written at the next look."""
        if not self._unsaved[KIND]:
            return
        old = sorted(set(self._episodes) - {one.id for one in self._ringing.values()})[:-KEEP]
        self._records.exchange({KIND: old}, self._unsaved)
        self._episodes = {key: episode for key, episode in self._episodes.items() if key not in old}
        self._unsaved = {KIND: {}, OUTBOX: {}}
        self._outbox.changed.set()


def _judged(episode: Episode, judgement: Judgement) -> Episode:
    return msgspec.structs.replace(episode, judged=judgement)
