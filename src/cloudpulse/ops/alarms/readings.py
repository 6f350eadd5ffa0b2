"""From what was seen in the last minutes to what the alarms read. Pure."""

import datetime as dt
from collections import deque
from collections.abc import Mapping, Sequence

import msgspec

from cloudpulse.ops.alarms.rules import Reading, Readings
from cloudpulse.ops.health_history import Sample
from cloudpulse.settings import MIB, Settings

SPAN_SECONDS = 300.0
SHORTEST_SECONDS = 50.0
FEWEST_EVENTS = 100
USUAL = 3
"""Refusals up to three times the usual are no news."""


class Totals(msgspec.Struct, frozen=True, kw_only=True):
    """What the api process has counted since it began."""

    accepted: float = 0
    duplicates: float = 0
    rejected: float = 0
    failed_requests: float = 0
    refused_tokens: float = 0
    refused_sign_ins: float = 0


class Lag(msgspec.Struct, frozen=True):
    """How far a layer is behind: batches, and the age of the oldest of them."""

    batches: float
    seconds: float


class Observation(msgspec.Struct, frozen=True, kw_only=True):
    """What one look sees; ``at`` is seconds on a clock that never jumps."""

    at: float
    totals: Totals
    lags: Mapping[str, Lag]
    letters: int = 0
    waiting_events: int = 0
    journal_bytes: int = 0
    free_bytes: int = 0
    refusal: str | None = None
    stalled: str | None = None


class RareObservation(msgspec.Struct, frozen=True, kw_only=True):
    """What is looked at once a minute; None for what nobody has done yet."""

    failed_jobs: Sequence[str] = ()
    failed_executions: int = 0
    starts: Mapping[str, int] = {}
    diverged: str | None = None
    newest_backup: dt.datetime | None = None


class Rates(msgspec.Struct, frozen=True, kw_only=True):
    """Totals of the last minutes, and over how many seconds; None for the first minute of a process."""

    totals: Totals
    seconds: float

    def per_minute(self, name: str) -> float:
        """How often a minute."""
        return 60 * float(getattr(self.totals, name)) / self.seconds


class RecentObservations:
    """The observations of the last five minutes."""

    def __init__(self) -> None:
        self._seen: deque[Observation] = deque()

    def add(self, seen: Observation) -> Sample:
        """Take one in; returns its sample for the history, with the rates since the one before."""
        rates = _between(self._seen[-1], seen) if self._seen else None
        self._seen.append(seen)
        while self._seen[0].at < seen.at - SPAN_SECONDS:
            self._seen.popleft()
        return sample(seen, rates)

    def rates(self) -> Rates | None:
        """What was counted within them; None while they span too little to tell."""
        first, last = self._seen[0], self._seen[-1]
        return _between(first, last) if last.at - first.at >= SHORTEST_SECONDS else None


def sample(seen: Observation, rates: Rates | None) -> Sample:
    """What the history keeps of an observation."""
    found = {f"{name}_lag_{unit}": getattr(lag, unit) for name, lag in seen.lags.items() for unit in _UNITS}
    found |= {name: float(getattr(seen, name)) for name in ("waiting_events", "journal_bytes", "free_bytes")}
    if rates is not None and rates.seconds > 0:
        found |= {
            "events_per_second": rates.per_minute("accepted") / 60,
            "rejects_per_second": rates.per_minute("rejected") / 60,
            "refused_tokens_per_minute": rates.per_minute("refused_tokens"),
            "refused_sign_ins_per_minute": rates.per_minute("refused_sign_ins"),
        }
    return found


def of_observation(seen: Observation, settings: Settings) -> Readings:
    """What the alarms read of the moment."""
    speed, lake = seen.lags["speed"], seen.lags["lake"]
    return {
        "dead_letters": Reading(seen.letters),
        "stalled": Reading(1 if seen.stalled else 0, seen.stalled or ""),
        "speed_lag": Reading(speed.seconds),
        "lake_lag": Reading(lake.seconds),
        "speed_backlog": Reading(speed.batches),
        "lake_backlog": Reading(lake.batches),
        "refusing": Reading(1 if seen.refusal else 0, seen.refusal or ""),
        "journal_full": Reading(100 * seen.journal_bytes / settings.journal_max_bytes),
        "disk_free": Reading(max(0, seen.free_bytes - settings.min_free_bytes) / MIB),
    }


def of_rates(rates: Rates, typical: Mapping[str, float]) -> Readings:
    """What they read of the last five minutes; ``typical`` is how often a minute something is refused on other days."""
    totals = rates.totals
    events = totals.accepted + totals.duplicates + totals.rejected
    share = 100 * totals.rejected / events if events >= FEWEST_EVENTS else 0.0
    beyond = {
        name: max(0.0, rates.per_minute(name) - USUAL * typical[name])
        for name in ("refused_tokens", "refused_sign_ins")
    }
    return {
        "failed_requests": Reading(totals.failed_requests),
        "rejects": Reading(share),
        "refused_tokens": Reading(beyond["refused_tokens"]),
        "refused_sign_ins": Reading(beyond["refused_sign_ins"]),
    }


def of_rare(rare: RareObservation, now: dt.datetime) -> Readings:
    """What they read once a minute."""
    failed = ", ".join(rare.failed_jobs)
    found: Readings = {
        "job_failures": Reading(len(rare.failed_jobs), f"They are: {failed}." if failed else ""),
        "workflow_failures": Reading(rare.failed_executions),
        "restarts": Reading(max(rare.starts.values(), default=0)),
        "reconciliation": Reading(1 if rare.diverged else 0, rare.diverged or ""),
        "backup_age": Reading(0),
    }
    if rare.newest_backup is not None:
        found["backup_age"] = Reading((now - rare.newest_backup) / dt.timedelta(days=1))
    return found


_UNITS = ("seconds", "batches")


def _between(first: Observation, last: Observation) -> Rates:
    names = Totals.__struct_fields__
    gained = {name: getattr(last.totals, name) - getattr(first.totals, name) for name in names}
    return Rates(totals=Totals(**gained), seconds=last.at - first.at)
