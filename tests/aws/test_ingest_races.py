"""Requests with events in common, from several clients at once, in any order of their calls; some of them die.

Whatever happens: an acknowledged event is in exactly one batch that counts, and none is in two. Guards mechanism 22.
"""

from contextlib import suppress

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cloud.faults import Killed, killed_after
from cloud.ingest import IngestCloud, event
from cloud.turns import Turns
from cloudpulse.errors import Overloaded

SENT = [
    ("a", [1, 2]),
    ("a", [2, 1]),
    ("a", [2, 3]),
    ("b", [1, 2]),
    ("b", [3]),
    ("b", [1, 2, 3]),
]
"""Clients and the numbers of events that they send; the first two are one request, sent twice."""

requests = st.lists(st.sampled_from(SENT), min_size=2, max_size=4)


class Worker:
    """What the worker does with states: it lets a batch into the lake unless it is aborted."""

    def __init__(self, world: IngestCloud) -> None:
        self._world = world
        self.applied: set[str] = set()

    def __call__(self) -> None:
        for one in self._world.messages():
            if self._world.states.apply(one.key, self._world.seconds) != "aborted":
                self.applied.add(one.key)


def client(world: IngestCloud, name: str, numbers: list[int]):
    """A client that is not patient."""

    def send() -> None:
        with suppress(Overloaded):
            world.receive(*(event(number) for number in numbers), client=name)

    return send


@pytest.mark.usefixtures("faults")
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(requests, st.data())
def test_events_count_once_in_any_order_of_calls(sent, data):
    world = IngestCloud()
    worker = Worker(world)
    turns = Turns(*(client(world, *one) for one in sent), worker)

    def choose(waiting):
        if data.draw(st.integers(0, 5), "time") == 5:
            world.wait(data.draw(st.sampled_from([1, 30, 61])))
        return data.draw(st.sampled_from(waiting), "turn"), data.draw(st.integers(0, 9), "death") == 9

    turns.run(choose)
    world.check()
    for name, numbers in sent:
        receipt = world.insist(*(event(number) for number in numbers), client=name)
        assert len(receipt.event_ids) == len(numbers)
    worker()
    world.check()
    assert worker.applied == set(world.batches())
    assert {one for ids in world.batches().values() for one in ids} == world.acknowledged


@pytest.mark.usefixtures("faults")
@pytest.mark.parametrize("second", [1, 3, 5])
@pytest.mark.parametrize("first", range(1, 7))
def test_two_take_over_the_same_events(first, second):
    """Each has had so many turns when the other begins, or goes on."""
    world = IngestCloud()
    with killed_after(1), pytest.raises(Killed):
        world.receive(event(1), event(2), client="gone")
    world.wait(60)
    order = [0] * first + [1] * second + [0] * 20 + [1] * 20

    def choose(waiting):
        place = order.pop(0)
        return (place if place in waiting else waiting[0]), False

    Turns(client(world, "a", [1, 2, 3]), client(world, "b", [1, 4])).run(choose)
    world.check()
    for name, numbers in (("a", [1, 2, 3]), ("b", [1, 4]), ("gone", [1, 2])):
        world.insist(*(event(number) for number in numbers), client=name)
    world.check()
    assert len(world.acknowledged) == 4


@pytest.mark.usefixtures("faults")
@pytest.mark.parametrize("calls", range(1, 6))
@pytest.mark.parametrize("worker_calls", [0, 9])
def test_a_request_that_was_given_up_comes_back(calls, worker_calls):
    """It stood still for a minute after so many turns; meanwhile another one asked for one of its events."""
    world = IngestCloud()
    worker = Worker(world)
    order = [0] * calls + [2] * worker_calls + [1] * 20 + [0] * 20 + [2] * 20

    def choose(waiting):
        while order[0] not in waiting:
            place = order.pop(0)
            if place == 0 and order[0] != 0:
                world.wait(61)
        place = order.pop(0)
        if place == 0 and order[0] != 0:
            world.wait(61)
        return place, False

    Turns(client(world, "a", [1, 2]), client(world, "b", [1, 3]), worker).run(choose)
    world.check()
    world.insist(event(1), event(2), client="a")
    world.insist(event(1), event(3), client="b")
    worker()
    world.check()
    assert worker.applied == set(world.batches())
