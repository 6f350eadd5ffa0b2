"""Every call of the ingest path fails, before and after it took effect, and its process dies between any two calls.

After each, whatever was acknowledged is in exactly one batch on the queue that counts, and a client that sends its
request again gets its receipt. Guards mechanism 22.
"""

import os
from collections.abc import Callable

import pytest

from cloud.faults import EXPIRED, INTERNAL, TIME_OUT, Faults, Killed, killed_after, throttle
from cloud.ingest import IngestCloud, event
from cloudpulse import telemetry
from cloudpulse.errors import Overloaded

Events = list[dict]


def fresh(world: IngestCloud) -> Events:
    """Nobody knows these events."""
    return [event(number) for number in range(3)]


def overlapping(world: IngestCloud) -> Events:
    """One is known, one contradicts what is known."""
    world.receive(event(0), event(1), client="other")
    return [event(0), event(1, user_id="u"), event(2)]


def repeated(world: IngestCloud) -> Events:
    """All are known by the same request."""
    world.receive(*fresh(world))
    return fresh(world)


def given_up(world: IngestCloud) -> Events:
    """A request claimed some of them and was never heard of again."""
    with killed_after(1), pytest.raises(Killed):
        world.receive(event(0), event(1), client="other")
    world.wait(60)
    return fresh(world)


def half_way(world: IngestCloud) -> Events:
    """The same request came as far as the queue, and was never heard of again."""
    with killed_after(2), pytest.raises(Killed):
        world.receive(*fresh(world))
    world.wait(1)
    return fresh(world)


def large(world: IngestCloud) -> Events:
    """They do not fit a message."""
    return [event(number, properties={"text": os.urandom(4_800).hex()}) for number in range(60)]


SITUATIONS = [fresh, overlapping, repeated, given_up, half_way, large]
UNCERTAIN = [(TIME_OUT, False), (TIME_OUT, True)]
ERRORS = [*UNCERTAIN, (INTERNAL, True), (EXPIRED, False), (None, False)]


def calls_of(situation: Callable[[IngestCloud], Events], faults: Faults) -> list[tuple[str, str]]:
    """The calls of a request where nothing fails."""
    world = IngestCloud()
    events = situation(world)
    with faults.recorded() as requests:
        world.receive(*events)
    return [(one.service, one.operation) for one in requests]


def settle(world: IngestCloud, events: Events) -> None:
    """What holds now holds when the client has sent its request again, and then it has all that it sent."""
    world.check()
    receipt = world.insist(*events)
    assert len(receipt.event_ids) + len(receipt.rejections) == len(events)
    assert world.insist(*events).accepted == 0
    world.check()


@pytest.mark.parametrize("times", [1, 3], ids=["once", "for good"])
@pytest.mark.parametrize("situation", SITUATIONS)
def test_each_call_fails(faults: Faults, situation, times: int):
    calls = calls_of(situation, faults)
    for place, (service, operation) in enumerate(calls):
        for error, after in ERRORS if situation is fresh else UNCERTAIN:
            world = IngestCloud()
            events = situation(world)
            skip = calls[:place].count((service, operation))
            faults.fail(service, operation, error or throttle(service), after=after, times=times, skip=skip)
            try:
                world.receive(*events)
                failed = False
            except Overloaded:
                failed = True
            assert not failed or service != "kinesis", "the stream never fails a request"
            assert faults.pending() < times, "the call was made"
            faults.clear()
            settle(world, events)


@pytest.mark.parametrize("situation", SITUATIONS)
def test_the_process_dies_after_each_call(faults: Faults, situation):
    for calls in range(1, len(calls_of(situation, faults)) + 1):
        world = IngestCloud()
        events = situation(world)
        with killed_after(calls) as made, pytest.raises(Killed):
            world.receive(*events)
        assert len(made) == calls
        settle(world, events)


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("fails", [False, True], ids=["once", "again"])
def test_the_queue_takes_a_part(faults: Faults, fails: bool, after: bool):
    world = IngestCloud()
    events = given_up(world)
    faults.fail_entries("sqs", "SendMessageBatch", [1], after=after)
    if fails:
        faults.fail_entries("sqs", "SendMessageBatch", [0], after=after)
    if fails:
        with pytest.raises(Overloaded):
            world.receive(*events)
    else:
        assert world.receive(*events).accepted == 3
    settle(world, events)


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize(("times", "lacks"), [(1, 0), (2, 1)], ids=["once", "again"])
def test_the_stream_takes_a_part(faults: Faults, times: int, lacks: int, after: bool):
    world = IngestCloud()
    events = large(world)
    before = telemetry.total(telemetry.stream_failures)
    faults.fail_entries("kinesis", "PutRecords", [0], after=after, times=times)
    assert world.receive(*events).accepted == len(events)
    assert telemetry.total(telemetry.stream_failures) - before == lacks
    settle(world, events)


def test_a_stream_that_is_away_costs_two_tries_and_is_counted(faults: Faults):
    world = IngestCloud()
    before = telemetry.total(telemetry.stream_failures)
    faults.fail("kinesis", "PutRecords", times=9)
    assert world.receive(event(1)).accepted == 1
    assert faults.pending() == 7
    assert telemetry.total(telemetry.stream_failures) - before == 1
    assert world.parts() == {}
    world.check()


@pytest.mark.parametrize("code", ["ThrottlingError", "InternalServerError"])
@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_some_claims_of_a_call_fail(faults: Faults, after: bool, code: str):
    world = IngestCloud()
    faults.fail_entries("dynamodb", "BatchExecuteStatement", [0, 2], after=after, times=2, code=code)
    assert world.receive(*fresh(world)).accepted == 3
    settle(world, fresh(world))


def test_claims_that_fail_again_and_again_fail_the_request(faults: Faults):
    world = IngestCloud()
    faults.fail_entries("dynamodb", "BatchExecuteStatement", [0], times=3)
    with pytest.raises(Overloaded):
        world.receive(*fresh(world))
    assert world.batches() == {}
    settle(world, fresh(world))


def test_ids_that_a_read_did_not_get_to_are_asked_for_again(faults: Faults):
    world = IngestCloud()
    events = overlapping(world)
    faults.fail_entries("dynamodb", "BatchGetItem", [0], times=2)
    receipt = world.receive(*events)
    assert (receipt.accepted, receipt.duplicates, len(receipt.rejections)) == (1, 1, 1)
    world.check()
    faults.fail_entries("dynamodb", "BatchGetItem", [0], times=3)
    with pytest.raises(Overloaded):
        world.receive(*events)
