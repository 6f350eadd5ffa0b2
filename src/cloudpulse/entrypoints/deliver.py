"""Delivers the messages of a process, beside everything else."""

import datetime as dt
import threading
from collections.abc import Callable

import structlog

from cloudpulse.entrypoints.chunks import Now
from cloudpulse.entrypoints.rounds import END_SECONDS
from cloudpulse.ops.deliver import Delivery
from cloudpulse.ops.publish import Outbox
from cloudpulse.telemetry import told

PACE_SECONDS = 1.0
IDLE_SECONDS = 600.0
RETRY_SECONDS = 10.0
NEVER = dt.datetime.max.replace(tzinfo=dt.UTC)

log = structlog.get_logger(__name__)


class DeliveryLoop(threading.Thread):
    """Sends when there is something, and asks ``gather`` once a second whether there is."""

    def __init__(self, outbox: Outbox, delivery: Delivery, now: Now, gather: Callable[[], None] | None = None) -> None:
        super().__init__(name="delivery", daemon=True)
        self._outbox = outbox
        self._delivery = delivery
        self._now = now
        self._gather = gather
        self._again_at = now()
        self._ended = threading.Event()

    def run(self) -> None:
        """Deliver until ``stop``."""
        while not self._ended.is_set():
            try:
                wait = self.step()
            except Exception as exc:
                log.error("messages could not be sent", **told(exc))
                self._again_at, wait = self._now(), RETRY_SECONDS
            self._outbox.changed.wait(wait)

    def step(self) -> float:
        """Send what can be sent; returns the seconds until the next time."""
        if self._gather is not None:
            self._gather()
        if self._outbox.changed.is_set() or self._now() >= self._again_at:
            self._outbox.changed.clear()
            self._again_at = self._delivery.step(self._now()) or NEVER
        longest = IDLE_SECONDS if self._gather is None else PACE_SECONDS
        return min(longest, max(0.0, (self._again_at - self._now()) / dt.timedelta(seconds=1)))

    def stop(self) -> None:
        """End soon; what is under way is sent again by the next process."""
        self._ended.set()
        self._outbox.changed.set()
        self.join(END_SECONDS)
