"""A limit of how many expensive functions run at the same time, and of how many calls wait for them."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import ParamSpec, TypeVar

from litestar.concurrency import sync_to_thread

from cloudpulse.errors import Overloaded

MAX_RUNNING = 2
MAX_WAITING = 20
"""Two hashes of passwords take 50 ms: the last one waits half a second."""

P = ParamSpec("P")
R = TypeVar("R")


class ConcurrencyLimit:
    """Runs functions in threads, two at once. Calls that wait hold no thread: queries need the threads."""

    def __init__(self, refusal: str = "Too many sign in at this moment. Try again.") -> None:
        self._refusal = refusal
        self._running = asyncio.Semaphore(MAX_RUNNING)
        self._entered = 0

    async def run(self, function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """What ``function`` returns; raises ``Overloaded`` when too many wait."""
        async with self.turn():
            return await sync_to_thread(function, *args, **kwargs)

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Wait for one of the two places; raises ``Overloaded`` when too many wait."""
        if self._entered >= MAX_RUNNING + MAX_WAITING:
            raise Overloaded(self._refusal)
        self._entered += 1
        try:
            async with self._running:
                yield
        finally:
            self._entered -= 1
