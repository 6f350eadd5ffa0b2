"""A limit of functions that run at once."""

import asyncio
import threading

import pytest

from cloudpulse.api.concurrency import MAX_RUNNING, MAX_WAITING, ConcurrencyLimit
from cloudpulse.errors import Overloaded


def test_so_many_run_at_once_so_many_wait_and_the_next_is_refused():
    running: list[int] = []
    most: list[int] = []
    release = threading.Event()

    def work() -> str:
        running.append(1)
        most.append(len(running))
        release.wait(30)
        running.pop()
        return "done"

    async def main() -> None:
        limit = ConcurrencyLimit()
        tasks = [asyncio.create_task(limit.run(work)) for _ in range(MAX_RUNNING + MAX_WAITING)]
        while len(running) < MAX_RUNNING:
            await asyncio.sleep(0.001)
        with pytest.raises(Overloaded):
            await limit.run(work)
        release.set()
        assert set(await asyncio.gather(*tasks)) == {"done"}
        assert await limit.run(work) == "done"

    asyncio.run(main())
    assert max(most) == MAX_RUNNING


def test_a_failure_makes_room_for_the_next():
    async def main() -> None:
        limit = ConcurrencyLimit()
        for _ in range(MAX_RUNNING + MAX_WAITING + 1):
            with pytest.raises(ZeroDivisionError):
                await limit.run(lambda: 1 / 0)

    asyncio.run(main())
