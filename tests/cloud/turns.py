"""Lets several threads call AWS in turns that a test chooses, so that every order of their calls can be had again."""

from collections.abc import Callable, Sequence
from threading import Condition, Thread, current_thread
from typing import Any

import botocore.client
import pytest

from cloud.faults import Killed


class Turns:
    """Runs works, each in a thread; before it begins and before each call to AWS a thread waits for its turn."""

    def __init__(self, *works: Callable[[], None]) -> None:
        self._changed = Condition()
        self._threads = [Thread(target=self._run, args=(place, work)) for place, work in enumerate(works)]
        self._at_gate: set[int] = set()
        self._let: dict[int, bool] = {}
        self._ended: set[int] = set()
        self._errors: list[BaseException] = []

    def run(self, choose: Callable[[Sequence[int]], tuple[int, bool]]) -> None:
        """Run all to their end: ``choose`` says whose turn it is of those who wait, and whether that one dies now.

        Raises what a work raised, but ``Killed``.
        """
        call = botocore.client.BaseClient._make_api_call
        turns = self

        def in_turn(self: Any, operation: str, parameters: Any) -> Any:
            turns._wait()
            return call(self, operation, parameters)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(botocore.client.BaseClient, "_make_api_call", in_turn)
            for thread in self._threads:
                thread.start()
            try:
                while waiting := self._waiting():
                    self._let_one(*choose(waiting))
            finally:  # nobody waits any more when the test has given up
                while waiting := self._waiting():
                    self._let_one(waiting[0], dies=True)
                for thread in self._threads:
                    thread.join()
        if self._errors:
            raise self._errors[0]

    def _waiting(self) -> list[int]:
        """Those at the gate, once nobody is on the way."""
        with self._changed:
            self._changed.wait_for(lambda: not self._let and len(self._at_gate | self._ended) == len(self._threads))
            return sorted(self._at_gate)

    def _let_one(self, place: int, dies: bool) -> None:
        with self._changed:
            self._at_gate.remove(place)
            self._let[place] = dies
            self._changed.notify_all()

    def _wait(self) -> None:
        if current_thread() not in self._threads:
            return
        place = self._threads.index(current_thread())
        with self._changed:
            self._at_gate.add(place)
            self._changed.notify_all()
            self._changed.wait_for(lambda: place in self._let)
            dies = self._let.pop(place)
        if dies:
            raise Killed

    def _run(self, place: int, work: Callable[[], None]) -> None:
        try:
            self._wait()
            work()
        except Killed:
            pass
        except BaseException as exc:
            self._errors.append(exc)
        finally:
            with self._changed:
                self._ended.add(place)
                self._changed.notify_all()
