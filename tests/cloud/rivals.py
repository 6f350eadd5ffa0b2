"""Others who do the same at the same moment, or just before."""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from cloudpulse.engines.aws.clients import client


def in_threads(calls: Sequence[Callable[[], Any]]) -> list[Any]:
    """What all of them return, begun at one moment."""
    begin, answers = threading.Barrier(len(calls)), []

    def run(call: Callable[[], Any]) -> None:
        begin.wait()
        answers.append(call())

    threads = [threading.Thread(target=run, args=(call,)) for call in calls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers


@contextmanager
def first_before(operation: str, act: Callable[[], Any]) -> Iterator[None]:
    """Do something just before the next call of an operation of DynamoDB."""
    left = [act]

    def acting(**_: Any) -> None:
        if left:
            left.pop()()

    events, name = client("dynamodb").meta.events, f"before-call.dynamodb.{operation}"
    events.register(name, acting)
    try:
        yield
    finally:
        events.unregister(name, acting)
    assert not left
