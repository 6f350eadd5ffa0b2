"""Work that runs a little at a time."""

import asyncio
import threading

import pytest

from cloudpulse.api.turns import AT_ONCE, MAX_WAITING, Turns
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
        turns = Turns()
        tasks = [asyncio.create_task(turns.run(work)) for _ in range(AT_ONCE + MAX_WAITING)]
        while len(running) < AT_ONCE:
            await asyncio.sleep(0.001)
        with pytest.raises(Overloaded):
            await turns.run(work)
        release.set()
        assert set(await asyncio.gather(*tasks)) == {"done"}
        assert await turns.run(work) == "done"

    asyncio.run(main())
    assert max(most) == AT_ONCE


def test_who_fails_gives_the_turn_back():
    async def main() -> None:
        turns = Turns()
        for _ in range(AT_ONCE + MAX_WAITING + 1):
            with pytest.raises(ZeroDivisionError):
                await turns.run(lambda: 1 / 0)

    asyncio.run(main())
