"""Delivers messages: each kind in order, again and again for a day, without holding anything else up. Pure but for
the outbox and the channels.
"""

import datetime as dt
from collections.abc import Mapping

import structlog

from cloudpulse.errors import NotDelivered
from cloudpulse.events.times import parse
from cloudpulse.ops.publish import Outbox
from cloudpulse.ports import Channel, Message, Target
from cloudpulse.telemetry import told

FIRST_WAIT_SECONDS = 5.0
LONGEST_WAIT_SECONDS = 900.0
GIVE_UP = dt.timedelta(days=1)

log = structlog.get_logger(__name__)

Lane = tuple[Target, str]


class Delivery:
    """One lane for each target and kind of message: a message that is not taken holds up its own lane alone."""

    def __init__(self, outbox: Outbox, channels: Mapping[Target, Channel]) -> None:
        self._outbox = outbox
        self._channels = channels
        self._failures: dict[Lane, int] = {}
        self._next_at: dict[Lane, dt.datetime] = {}

    def step(self, now: dt.datetime) -> dt.datetime | None:
        """Send what can be sent; returns when to come again for what could not, None when nothing waits."""
        lanes: dict[Lane, list[tuple[str, Message]]] = {}
        for key, message in self._outbox.waiting():
            if parse(message.made_at) + GIVE_UP < now:
                self._outbox.remove([key])
                log.error("a message was not delivered for a day", message=message.id, target=message.target)
            else:
                lanes.setdefault((message.target, message.kind), []).append((key, message))
        for lane, messages in lanes.items():
            if self._next_at.get(lane, now) <= now:
                self._send(lane, [key for key, _ in messages], now)
        return min((self._next_at[lane] for lane in lanes if lane in self._next_at), default=None)

    def _send(self, lane: Lane, keys: list[str], now: dt.datetime) -> None:
        channel = self._channels.get(lane[0])
        for key in keys:
            message = self._outbox.take(key)
            if message is None:
                continue
            try:
                if channel is None:
                    raise NotDelivered(f"The settings name no {lane[0]} any more.")
                channel.send(message)
            except Exception as exc:
                self._wait(lane, message, now, exc)
                return
            self._outbox.remove([key])
            self._failures.pop(lane, None)
            self._next_at.pop(lane, None)

    def _wait(self, lane: Lane, message: Message, now: dt.datetime, exc: Exception) -> None:
        failures = self._failures[lane] = self._failures.get(lane, 0) + 1
        seconds = min(FIRST_WAIT_SECONDS * 2 ** min(failures - 1, 30), LONGEST_WAIT_SECONDS)
        self._next_at[lane] = now + dt.timedelta(seconds=seconds)
        log.warning(
            "a message was not delivered", message=message.id, target=message.target, failures=failures, **told(exc)
        )
