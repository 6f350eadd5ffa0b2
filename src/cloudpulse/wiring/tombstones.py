"""Wiring of tombstones: they keep what was erased from coming back."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from cloudpulse.settings import Settings
from cloudpulse.wiring import trust

if TYPE_CHECKING:
    from cloudpulse.lake.tombstones import Tombstones
    from cloudpulse.ports import Records


def known_tombstones(settings: Settings, records: Records) -> Callable[[], Tombstones]:
    """What tells which events were erased, at the moment at which it is asked."""
    from cloudpulse.lake import erasure_state
    from cloudpulse.lake.tombstones import Tombstones

    secrets = trust.local_secrets(settings)

    def load() -> Tombstones:
        found = erasure_state.tombstones(records)
        key = erasure_state.known_key(secrets, int(time.time())) if found else None
        return Tombstones(key or b"", found)

    return load
