"""All connections of the server together: how many, how long each may wait, and how much they may hold in memory.

uvicorn has no such limits, and for what it has it starts a timer for each request. Here one look a second at all
connections does: a limit may be up to two seconds late.
"""

import asyncio
import resource
from collections.abc import Collection
from operator import itemgetter
from typing import Protocol

import structlog

from cloudpulse.settings import Settings

SWEEP_SECONDS = 1.0
RESERVED_FILES = 256
"""File descriptors that stores and logs need beside the connections."""

log = structlog.get_logger(__name__)


class Connection(Protocol):
    """What is asked of a connection; times are seconds of the loop's clock."""

    since: float

    def is_waiting(self) -> bool:
        """Whether the next move is the client's, and nothing of a request is lost when it ends."""

    def unread_bytes(self) -> int:
        """How much of its answers the client has not taken yet."""

    def sweep(self, now: float) -> None:
        """End what has taken too long."""

    def end(self) -> None:
        """Close at once."""


class Connections:
    """The limits, and the clock that all connections read: it stands still between two sweeps."""

    def __init__(self, settings: Settings, keep_alive_seconds: float) -> None:
        self.header_timeout_seconds = settings.header_timeout_seconds
        self.body_timeout_seconds = settings.body_timeout_seconds
        self.keep_alive_seconds = keep_alive_seconds
        self.now = 0.0
        self._most = min(settings.max_connections, raise_file_limit() - RESERVED_FILES)
        self._max_buffered_bytes = settings.max_buffered_bytes
        self._buffered_bytes = 0
        self._none_waits = False

    def start(self, loop: asyncio.AbstractEventLoop, connections: Collection[Connection]) -> None:
        """Look at ``connections`` from now on."""
        if not self.now:
            self._sweep(loop, connections)

    def make_room(self, connections: Collection[Connection]) -> bool:
        """Whether there is room for one more; where there is none, the connection that waits longest ends.

        It is an idle one, or one that has not sent its request yet: a client that opens many and sends nothing loses
        its own connections first, and does not shut others out.
        """
        if len(connections) < self._most:
            return True
        if self._none_waits:  # looked a moment ago: a flood must not make us look again for each
            return False
        longest = min((one for one in connections if one.is_waiting()), key=lambda one: one.since, default=None)
        self._none_waits = longest is None
        if longest is not None:
            longest.end()
        return longest is not None

    def hold(self, size: int) -> bool:
        """Count ``size`` more bytes of bodies in memory; False, and not counted, when they are too many."""
        if self._buffered_bytes + size > self._max_buffered_bytes:
            return False
        self._buffered_bytes += size
        return True

    def release(self, size: int) -> None:
        """These bytes are not needed any more."""
        self._buffered_bytes -= size

    def _sweep(self, loop: asyncio.AbstractEventLoop, connections: Collection[Connection]) -> None:
        self.now = loop.time()
        self._none_waits = False
        for connection in list(connections):
            connection.sweep(self.now)
        self._bound_unread(connections)
        loop.call_later(SWEEP_SECONDS, self._sweep, loop, connections)

    def _bound_unread(self, connections: Collection[Connection]) -> None:
        """End the connections that leave the most unread, while all together leave too much."""
        sizes = [(connection.unread_bytes(), connection) for connection in connections]
        total = sum(size for size, _ in sizes)
        if total <= self._max_buffered_bytes:
            return
        for size, connection in sorted(sizes, key=itemgetter(0), reverse=True):
            connection.end()
            total -= size
            if total <= self._max_buffered_bytes:
                return


def raise_file_limit() -> int:
    """Let this process open as many files as the system allows it; returns how many."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    except (ValueError, OSError):  # some systems say "unlimited" and do not mean it
        log.warning("cannot raise the limit of open files", limit=soft)
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return limit if limit != resource.RLIM_INFINITY else 1 << 20
