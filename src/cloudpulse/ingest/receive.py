"""One request in, one receipt out: stamps the time, prepares the events, and hands them to the sequencer."""

import datetime as dt
from collections.abc import Callable
from typing import Any

from cloudpulse.events import times
from cloudpulse.events.validate import Parsed
from cloudpulse.ingest.prepare import Sender, prepare
from cloudpulse.ingest.sequencer import Sequencer
from cloudpulse.settings import Settings


class Receiver:
    """Used by one thread: requests get their ``received_at`` in the order in which they join the queue."""

    def __init__(
        self, settings: Settings, sequencer: Sequencer, last_received_at: int, now: Callable[[], dt.datetime]
    ) -> None:
        self.settings = settings
        self._sequencer = sequencer
        self._last = times.from_micros(last_received_at)
        self._now = now

    def receive(self, parsed: Parsed, sender: Sender, token: Any) -> None:
        """Take the events of one request; the outcome is delivered with ``token``. Raises ``Overloaded``."""
        events, rejections = parsed
        prepared = prepare(events, rejections, sender, self._received_at(), self.settings.ip_addresses)
        self._sequencer.submit(prepared, token)

    def draw_line(self, token: Any) -> int:
        """Draw a line between what has come and what will: returns a moment, microseconds since 1970.

        All requests before were received before it, and all later ones at it or after. Once the empty outcome is
        delivered with ``token``, those before have been decided. Raises ``Overloaded``.
        """
        line = self._received_at() + dt.timedelta(microseconds=1)
        self._sequencer.mark(token)
        self._last = line
        return times.micros(line)

    def _received_at(self) -> dt.datetime:
        # A clock that is set back must not reorder the journal: received_at never runs backwards.
        self._last = max(self._last, self._now())
        return self._last
