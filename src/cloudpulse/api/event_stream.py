"""``GET /v1/events/stream``: accepted events as they come, as server-sent events."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from functools import partial
from typing import Annotated, Any

from litestar import Request, get
from litestar.params import QueryParameter
from litestar.response import Stream

from cloudpulse.api.guards import requires
from cloudpulse.api.parameters import OfSession, OfType, OfUser, refuse_unknown
from cloudpulse.errors import Overloaded, ServiceError
from cloudpulse.events.model import MAX_ID_CHARS
from cloudpulse.serving.feed import Cursor, EventFilter, Step

LOOK_SECONDS = 0.25
"""How often the journal is looked at while there are streams, once for all of them."""
ROUND_SECONDS = 1.0
"""How often a quiet stream looks whether its token is valid."""
SILENT_SECONDS = 15.0
"""A comment goes out after so long, so that proxies keep the connection open."""
LEFT_OUT = "event: left_out\ndata: {}\n"

READER = requires("events:read")
_PARAMETERS = frozenset(EventFilter.__struct_fields__)


class EventStreams:
    """All open streams: how many there may be, one look at the journal for all, and one thread that reads for them."""

    def __init__(self, services: Any) -> None:
        self.open = 0
        self._services = services
        self._end: Cursor | None = None
        self._changed = asyncio.Event()
        self._turn = asyncio.Lock()
        self._watch: asyncio.Task[None] | None = None

    async def begin(self, last_event_id: str | None) -> tuple[Cursor, bool]:
        """Where a stream begins, and whether events are left out before it; raises ``Overloaded`` or ``UserError``."""
        if self.open >= self._services.settings.max_event_streams:
            raise Overloaded(f"There are {self.open} streams of events already. Try again.", retry_after_seconds=10)
        return await asyncio.to_thread(self._services.event_feed.begin, last_event_id)

    async def follow(
        self, cursor: Cursor, left_out: bool, wanted: EventFilter, is_admitted: Callable[[], Awaitable[bool]]
    ) -> AsyncIterator[bytes]:
        """Messages from ``cursor`` on, until the client is not admitted any more or the server ends."""
        self._enter()
        try:
            yield _position(cursor, LEFT_OUT if left_out else "")
            async for message in self._messages(cursor, wanted, is_admitted):
                yield message
        finally:
            self._leave()

    async def _messages(
        self, cursor: Cursor, wanted: EventFilter, is_admitted: Callable[[], Awaitable[bool]]
    ) -> AsyncIterator[bytes]:
        clock = asyncio.get_running_loop().time
        spoken_at = clock()
        while not self._services.stopping.is_set() and await is_admitted():
            changed = self._changed  # before the journal is read: what comes meanwhile sets it
            step = await self._step(cursor, wanted)
            if step.left_out:
                yield _position(step.cursor, LEFT_OUT)
            if step.events:
                spoken_at = clock()
                yield b"".join([_event(behind, event) for behind, event in step.events])
            elif clock() - spoken_at >= SILENT_SECONDS:
                spoken_at = clock()
                yield _position(step.cursor)
            if step.cursor == cursor:
                with suppress(TimeoutError):
                    await asyncio.wait_for(changed.wait(), ROUND_SECONDS)
            cursor = step.cursor

    async def _step(self, cursor: Cursor, wanted: EventFilter) -> Step:
        """One at a time: however many streams there are, they take no more than one thread."""
        async with self._turn:
            with suppress(ServiceError):  # the next round tries again
                return await asyncio.to_thread(self._services.event_feed.step, cursor, wanted)
        return Step([], cursor)

    def _enter(self) -> None:
        self.open += 1
        if self._watch is None:
            self._watch = asyncio.create_task(self._look())

    def _leave(self) -> None:
        self.open -= 1
        if not self.open and self._watch is not None:
            self._watch.cancel()
            self._watch = None
            self._services.event_feed.forget()

    async def _look(self) -> None:
        """Wake the streams when the journal has grown, or when the server ends."""
        while not self._services.stopping.is_set():
            with suppress(ServiceError):
                end = await asyncio.to_thread(self._services.event_feed.look)
                if end != self._end:
                    self._end = end
                    self._wake()
            with suppress(TimeoutError):
                await asyncio.wait_for(self._services.stopping.wait(), LOOK_SECONDS)
        self._wake()

    def _wake(self) -> None:
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()


@get(
    "/v1/events/stream",
    guards=[READER],
    media_type="text/event-stream",
    summary="Accepted events as server-sent events",
)
async def stream_events(
    request: Request[Any, Any, Any],
    session_id: OfSession = None,
    user_id: OfUser = None,
    event_type: OfType = None,
    app: Annotated[str | None, QueryParameter(max_length=MAX_ID_CHARS, description="Only events of this app.")] = None,
) -> Stream:
    """Each event as in `GET /v1/events`, as soon as it is accepted; resumes behind `Last-Event-ID`.

    Whoever is too slow, or comes back too late, is told by a message `left_out` that events are missing. It ends with
    its token: come back with another one.
    """
    refuse_unknown(request, _PARAMETERS)
    wanted = EventFilter(session_id=session_id, user_id=user_id, event_type=event_type, app=app)
    streams: EventStreams = request.app.state.event_streams
    cursor, left_out = await streams.begin(request.headers.get("last-event-id"))
    messages = streams.follow(cursor, left_out, wanted, partial(READER.still_admits, request))
    return Stream(messages, headers={"Cache-Control": "no-cache", "X-Accel-Buffering": "no"})


def _event(behind: Cursor, event: bytes) -> bytes:
    return b"id: %b\ndata: %b\n\n" % (str(behind).encode(), event)


def _position(cursor: Cursor, message: str = "") -> bytes:
    """A message or none, a comment that passes every proxy, and where to resume."""
    return f": cloudpulse\n{message}id: {cursor}\n\n".encode()


event_stream_routes = [stream_events]
