"""Live counts: ``GET /v1/realtime``, and the same as server-sent events."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from functools import partial
from typing import Annotated, Any

import msgspec
import xxhash
from litestar import Request, get
from litestar.params import QueryParameter
from litestar.response import ServerSentEvent, ServerSentEventMessage

from cloudpulse.api.guards import requires
from cloudpulse.errors import ServiceError
from cloudpulse.serving.realtime import MAX_LOOKBACK_MINUTES, Realtime

_INTERVAL_SECONDS = 1.0
_SILENT_ROUNDS = 15
"""A comment goes out after so many rounds without a change, so that proxies keep the connection open."""

READER = requires("events:read")

Lookback = Annotated[int, QueryParameter(ge=1, le=MAX_LOOKBACK_MINUTES, description="How many minutes to look back.")]


@get("/v1/realtime", guards=[READER], sync_to_thread=True, summary="Live counts")
def get_realtime(request: Request[Any, Any, Any], lookback_minutes: Lookback = 5) -> Realtime:
    """Totals, error rate, active sessions and a timeline of the last minutes."""
    snapshot: Realtime = request.app.state.services.realtime.snapshot(lookback_minutes)
    return snapshot


@get(
    "/v1/realtime/stream",
    guards=[READER],
    media_type="text/event-stream",
    summary="Live counts as server-sent events",
)
async def stream_realtime(request: Request[Any, Any, Any], lookback_minutes: Lookback = 5) -> ServerSentEvent:
    """The object of ``/v1/realtime`` at once, and again each second that it changed; resumes at ``Last-Event-ID``.

    It ends with its token: come back with another one.
    """
    services = request.app.state.services
    take = partial(services.realtime.snapshot, lookback_minutes)
    is_admitted = partial(READER.still_admits, request)
    return ServerSentEvent(changes(take, request.headers.get("last-event-id"), is_admitted, services.stopping))


async def changes(
    take: Callable[[], Realtime],
    seen: str | None,
    is_admitted: Callable[[], Awaitable[bool]],
    stopping: asyncio.Event,
    interval_seconds: float = _INTERVAL_SECONDS,
) -> AsyncIterator[ServerSentEventMessage]:
    """Snapshots that differ from the one before; ``seen`` is the id of the client's last.

    They end when ``stopping`` is set, or when the client is not admitted any more.
    """
    silent = 0
    while not stopping.is_set() and await is_admitted():
        silent += 1
        with suppress(ServiceError):  # the next round tries again
            message = _message(await asyncio.to_thread(take))
            if message.id != seen:
                seen, silent = str(message.id), 0
                yield message
        if silent == _SILENT_ROUNDS:
            silent = 0
            yield ServerSentEventMessage(data=None, comment="no change")
        with suppress(TimeoutError):
            await asyncio.wait_for(stopping.wait(), interval_seconds)


def _message(snapshot: Realtime) -> ServerSentEventMessage:
    """The event of a snapshot; its id is a hash of all but ``as_of``, so that any server can resume a stream."""
    content = msgspec.json.encode(msgspec.structs.replace(snapshot, as_of=""))
    return ServerSentEventMessage(data=msgspec.json.encode(snapshot), id=xxhash.xxh3_64_hexdigest(content))


realtime_routes = [get_realtime, stream_realtime]
