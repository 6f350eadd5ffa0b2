"""Wiring of the stream of events. Heavy imports wait until they are used."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cloudpulse.settings import Settings
from cloudpulse.wiring import Serving, utc_now
from cloudpulse.wiring.tombstones import known_tombstones

if TYPE_CHECKING:
    from cloudpulse.serving.feed import EventFeed


def event_feed(settings: Settings, parts: Serving) -> EventFeed:
    """What streams of events are fed from."""
    from cloudpulse.serving.feed import EventFeed

    return EventFeed(parts.reader, known_tombstones(settings, parts.records), utc_now)
