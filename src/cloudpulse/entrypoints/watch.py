"""The api process's look around, once a second: room on the disk, progress of the consumers, what may be trimmed."""

import time
from collections.abc import Callable, Mapping

import msgspec

from cloudpulse.entrypoints.rounds import Rounds
from cloudpulse.events.model import Position
from cloudpulse.ingest import limits
from cloudpulse.ops.progress import Progress, TrimBound
from cloudpulse.ports import IdIndex, LogReader, LogState
from cloudpulse.settings import Settings

EVERY_SECONDS = 1.0
FLUSH_SECONDS = 10.0


class Watch(Rounds):
    """Sets the gate, and tells what ``/readyz`` and the gauges of ``/metrics`` say.

    Without it nothing is trimmed or refused any more.
    """

    end_seconds = None
    """It flushes the index, which is closed behind it."""

    def __init__(
        self,
        settings: Settings,
        gate: limits.Gate,
        reader: LogReader,
        index: IdIndex,
        positions: dict[str, Callable[[], Position | None]],
        nudge: Callable[[], None],
        count_letters: Callable[[], Mapping[str, int]],
    ) -> None:
        super().__init__("watch", "could not look around", EVERY_SECONDS)
        self._settings = settings
        self._gate = gate
        self._reader = reader
        self._index = index
        self._positions = positions
        self._nudge = nudge
        self._count_letters = count_letters
        self._progress = Progress()
        self._bound = TrimBound(settings.trim_delay_seconds)
        self._reserve = limits.Reserve(settings.data, settings.reserve_bytes)
        self._state: LogState | None = None
        self._passed: dict[str, int] = {}
        self._flushed_at = 0.0
        self._flushed = 0

    def look(self) -> None:
        """One look."""
        now = time.monotonic()
        state = self._state = self._reader.state()
        passed = self._passed = {name: _seq(position(), state) for name, position in self._positions.items()}
        self._progress.observe(now, state.head, passed)
        free = limits.free_bytes(self._settings.data)
        waiting = msgspec.structs.replace(state, oldest_received_at=self._waiting_since(state, min(passed.values())))
        self._gate.refusal = limits.refusal(waiting, free, self._settings, time.time_ns() // 1000)
        self._hold_reserve(free)
        self._allow_trim(now, min(passed.values()), state)

    def ready(self) -> str | None:
        """Why no new events should be sent here; None when all is well."""
        return self._gate.refusal or self.stalled()

    def stalled(self) -> str | None:
        """The sentence for a layer that has work and does not move."""
        return self._progress.stalled(time.monotonic())

    def lacking_since(self) -> dict[str, int | None]:
        """When the oldest batch came that each layer lacks, in microseconds since 1970; None where it lacks none."""
        state = self._state
        return {} if state is None else {name: self._waiting_since(state, seq) for name, seq in self._passed.items()}

    def gauges(self) -> dict[str, float]:
        """Backlog, lag and dead letters, for Prometheus."""
        gauges = {f"{name}_lag_batches": float(lag) for name, lag in self._progress.lags().items()}
        gauges |= {f"{name}_dead_letters": float(letters) for name, letters in self._count_letters().items()}
        state = self._state
        if state is None:
            return gauges
        return gauges | {
            "journal_bytes": float(state.stored_bytes),
            "journal_batches": float(state.head - state.trimmed),
            "journal_head": float(state.head),
            "journal_accepted_events": float(state.accepted),
        }

    def _waiting_since(self, state: LogState, passed: int) -> int | None:
        """When the oldest batch came that a layer still lacks; those that all have passed wait for the trim alone."""
        if passed <= state.trimmed:
            return state.oldest_received_at
        waiting = self._reader.read(passed, limit=1)
        return waiting[0].received_at if waiting else None

    def _hold_reserve(self, free: int) -> None:
        if free < self._settings.min_free_bytes:
            self._reserve.release()
        elif free > self._settings.min_free_bytes + 4 * self._settings.reserve_bytes:
            self._reserve.keep()

    def _allow_trim(self, now: float, passed: int, state: LogState) -> None:
        bound = self._bound.observe(now, passed)
        if bound > self._flushed and now - self._flushed_at > FLUSH_SECONDS:
            # What the index holds in memory alone, only the journal can give again.
            self._flushed, self._flushed_at = self._index.flush(), now
        self._gate.trim_through = min(bound, self._flushed)
        if self._gate.trim_through > state.trimmed:
            self._nudge()


def _seq(position: Position | None, state: LogState) -> int:
    return position.seq if position is not None and position.journal == state.journal else 0
