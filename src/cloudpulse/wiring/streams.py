"""Wiring of the stream of events. Heavy imports wait until they are used."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from cloudpulse.settings import Settings
from cloudpulse.wiring import Serving, trust, utc_now

if TYPE_CHECKING:
    from cloudpulse.lake.tombstones import Tombstones
    from cloudpulse.serving.feed import EventFeed


def event_feed(settings: Settings, parts: Serving) -> EventFeed:
    """What streams of events are fed from."""
    from cloudpulse.serving.feed import EventFeed

    secrets = trust.local_secrets(settings)

    def erased() -> Tombstones:
        from cloudpulse.lake import erasures
        from cloudpulse.lake.tombstones import Tombstones

        found = erasures.tombstones(parts.records)
        key = erasures.known_key(secrets, int(time.time())) if found else None
        return Tombstones(key or b"", found)

    return EventFeed(parts.reader, erased, utc_now)
