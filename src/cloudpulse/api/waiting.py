"""Work in a thread, for as long as the client waits for it."""

import asyncio
import threading
from collections.abc import Callable
from typing import Any, TypeVar

from litestar import Request
from litestar.concurrency import sync_to_thread

Result = TypeVar("Result")


async def while_wanted(request: Request[Any, Any, Any], function: Callable[[threading.Event], Result]) -> Result:
    """What ``function`` returns; the event that it is given is set when the client goes away."""
    gone = threading.Event()
    watcher = asyncio.ensure_future(_until_gone(request))
    watcher.add_done_callback(lambda _: gone.set())
    try:
        return await sync_to_thread(function, gone)
    finally:
        watcher.cancel()


async def _until_gone(request: Request[Any, Any, Any]) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
