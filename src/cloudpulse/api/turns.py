"""Turns: work that fills a processor and memory runs a little at a time, and no more waits than can be done soon."""

import asyncio
from collections.abc import Callable
from typing import ParamSpec, TypeVar

from litestar.concurrency import sync_to_thread

from cloudpulse.errors import Overloaded

AT_ONCE = 2
MAX_WAITING = 20
"""Two sign-ins take 50 ms: the last one waits half a second."""

P = ParamSpec("P")
R = TypeVar("R")


class Turns:
    """Runs functions in threads, two at once. Those that wait hold no thread: queries need them."""

    def __init__(self) -> None:
        self._turn = asyncio.Semaphore(AT_ONCE)
        self._entered = 0

    async def run(self, function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """What ``function`` returns; raises ``Overloaded`` when too many wait."""
        if self._entered >= AT_ONCE + MAX_WAITING:
            raise Overloaded("Too many sign in at this moment. Try again.")
        self._entered += 1
        try:
            async with self._turn:
                return await sync_to_thread(function, *args, **kwargs)
        finally:
            self._entered -= 1
