"""Looks at everything every ten seconds: what the alarms read, and what the history of health keeps."""

import datetime as dt
import time
from collections.abc import Callable

from cloudpulse import telemetry
from cloudpulse.entrypoints.chunks import Now
from cloudpulse.entrypoints.rounds import Rounds
from cloudpulse.entrypoints.watch import Watch
from cloudpulse.events.model import LAKE
from cloudpulse.events.times import from_micros, micros
from cloudpulse.ingest import limits
from cloudpulse.ops.alarms import readings
from cloudpulse.ops.alarms.readings import Lag, Observation, RareObservation, RecentObservations, Totals
from cloudpulse.ops.alarms.rules import Readings
from cloudpulse.settings import Settings
from cloudpulse.wiring.notices import Overseen

EVERY_SECONDS = 10.0
RARE_SECONDS = 60.0
FRESH_SECONDS = 30.0
"""While the live counters are further behind, nobody concludes anything from what they lack."""


class Overseer(Rounds):
    """Drives the alarm board, the windows and the history; what cannot be read now is read at the next look."""

    def __init__(
        self,
        settings: Settings,
        parts: Overseen,
        watch: Watch,
        gate: limits.Gate,
        see_rare: Callable[[dt.datetime], RareObservation],
        now: Now,
    ) -> None:
        super().__init__("oversee", "could not look at everything", EVERY_SECONDS)
        self._settings = settings
        self._parts = parts
        self._watch = watch
        self._gate = gate
        self._see_rare = see_rare
        self._now = now
        self._recent = RecentObservations()
        self._rare_at = float("-inf")

    def stop(self) -> None:
        """End after the look under way, and keep what it has seen."""
        super().stop()
        self._attempt(self._parts.history.flush)

    def look(self) -> None:
        """One look."""
        now, found = self._now(), Readings()
        self._attempt(lambda: found.update(self._read_now(now)))
        self._attempt(lambda: found.update(self._read_rare(now)))
        self._attempt(lambda: found.update(self._read_windows(now)))
        self._attempt(lambda: self._parts.board.look(found, now))
        self._attempt(lambda: self._judge(now))

    def _read_now(self, now: dt.datetime) -> Readings:
        seen = observe(self._watch, self._gate, self._settings, now)
        sample = self._recent.add(seen)
        self._attempt(lambda: self._parts.history.add(sample, now))
        found, rates = readings.of_observation(seen, self._settings), self._recent.rates()
        if rates is not None:
            names = ("refused_tokens", "refused_sign_ins")
            typical = {name: self._parts.history.typical(f"{name}_per_minute", now) for name in names}
            found |= readings.of_rates(rates, typical)
        return found

    def _read_rare(self, now: dt.datetime) -> Readings:
        if time.monotonic() - self._rare_at < RARE_SECONDS:
            return {}
        self._rare_at = time.monotonic()
        return readings.of_rare(self._see_rare(now), now)

    def _read_windows(self, now: dt.datetime) -> Readings:
        since = self._watch.lacking_since().get("speed")
        is_fresh = since is None or now - from_micros(since) < dt.timedelta(seconds=FRESH_SECONDS)
        return self._parts.windows.look(now, is_fresh)

    def _judge(self, now: dt.datetime) -> None:
        since = self._watch.lacking_since().get(LAKE)
        for name, reading in self._parts.windows.judge(now, now if since is None else from_micros(since)).items():
            self._parts.board.judge(name, reading, now)


def observe(watch: Watch, gate: limits.Gate, settings: Settings, now: dt.datetime) -> Observation:
    """What one look sees."""
    gauges, since = watch.gauges(), watch.lacking_since()
    return Observation(
        at=time.monotonic(),
        totals=totals(),
        lags={
            name: Lag(gauges[f"{name}_lag_batches"], 0.0 if at is None else max(0, micros(now) - at) / 1e6)
            for name, at in since.items()
        },
        letters=int(sum(value for name, value in gauges.items() if name.endswith("_dead_letters"))),
        waiting_events=gate.waiting,
        journal_bytes=int(gauges["journal_bytes"]),
        free_bytes=limits.free_bytes(settings.data),
        refusal=gate.refusal,
        stalled=watch.stalled(),
    )


def totals() -> Totals:
    """What this process has counted. A token that has expired is no attempt, and is asked for again."""
    expired = telemetry.total(telemetry.refused_tokens, reason="expired")
    clients = telemetry.total(telemetry.requests, route="/v1/token", status="401")
    return Totals(
        accepted=telemetry.total(telemetry.events_accepted),
        duplicates=telemetry.total(telemetry.events_duplicate),
        rejected=telemetry.total(telemetry.events_rejected),
        failed_requests=telemetry.total(telemetry.requests, status="500"),
        refused_tokens=telemetry.total(telemetry.refused_tokens) - expired,
        refused_sign_ins=telemetry.total(telemetry.sign_ins)
        - telemetry.total(telemetry.sign_ins, outcome="done")
        + clients,
    )
