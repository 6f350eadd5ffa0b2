"""Receiving events on AWS: receipts as locally, and batches in the queue and the stream; guards mechanism 22."""

import json
import os
import uuid

import pytest

from cloud.calls import count, units
from cloud.ingest import START, WINDOW_SECONDS, IngestCloud, event
from cloudpulse.engines.aws.clients import client
from cloudpulse.errors import Overloaded
from cloudpulse.events import message
from cloudpulse.events.validate import parse_batch
from cloudpulse.ingest.prepare import Sender, prepare


@pytest.fixture
def world(cloud) -> IngestCloud:
    return IngestCloud()


def told(receipt) -> tuple[int, int, list[tuple[int, str]]]:
    return receipt.accepted, receipt.duplicates, [(one.index, one.code) for one in receipt.rejections]


def ids(*numbers: int) -> list[bytes]:
    return [str(uuid.UUID(int=number)).encode() for number in numbers]


def packed(number: int) -> bytes:
    """An event of ``event`` as the index has it."""
    events, rejections = parse_batch(json.dumps({"events": [event(number)]}).encode(), 10)
    return prepare(events, rejections, Sender(client_id="c", app="a"), START, "drop").packed[0]


def test_new_events_are_on_the_queue_and_in_the_stream_once(world):
    receipt = world.receive(event(1), event(2))
    assert told(receipt) == (2, 0, [])
    assert receipt.event_ids == ids(1, 2)
    ((key, held),) = world.batches().items()
    assert held == {one.decode() for one in ids(1, 2)}
    assert world.states.get([key], world.seconds)[key].state == "queued"
    (sent,) = world.messages()
    assert world.parts() == {f"{key}.0": message.parts(sent.batch)}
    assert sent.batch.events == 2
    assert sum(cell.events for cell in sent.batch.digest) == 2
    world.check()


def test_the_same_request_again_has_duplicates(world):
    world.receive(event(1), event(2))
    world.wait(1)
    again = world.receive(event(2), event(1))
    assert told(again) == (0, 2, [])
    assert again.event_ids == ids(2, 1)
    assert len(world.messages()) == 1


def test_another_request_stores_what_is_new(world):
    world.receive(event(1), event(2))
    assert told(world.receive(event(2), event(3), client="other")) == (1, 1, [])
    assert sorted(map(len, world.batches().values())) == [1, 2]
    world.check()


def test_an_id_with_another_payload_is_a_conflict(world):
    world.receive(event(1), event(2))
    receipt = world.receive(event(1, user_id="u"), event(2), event(3))
    assert told(receipt) == (1, 1, [(0, "conflict")])
    assert receipt.event_ids == ids(2, 3)
    world.check()


def test_a_request_may_hold_an_event_twice(world):
    receipt = world.receive(event(1), event(1), event(1, user_id="u"), event(2))
    assert told(receipt) == (2, 1, [(2, "conflict")])
    assert receipt.event_ids == ids(1, 1, 2)
    assert [one.batch.events for one in world.messages()] == [2]


def test_events_without_ids_are_told_apart_by_an_idempotency_key(world):
    plain = {"event_type": "click", "session_id": "s", "source": "server"}
    first = world.receive(plain, plain, key="k")
    again = world.receive(plain, plain, key="k")
    other = world.receive(plain, plain, key="l")
    assert [told(one) for one in (first, again, other)] == [(2, 0, []), (0, 2, []), (2, 0, [])]
    assert again.event_ids == first.event_ids
    changed = world.receive(plain, plain | {"user_id": "u"}, key="k")
    assert told(changed) == (0, 1, [(1, "conflict")])
    assert told(world.receive(plain)) == (1, 0, [])
    world.check()


def test_what_breaks_a_rule_is_refused_and_the_rest_is_stored(world):
    receipt = world.receive(event(1), event(2, event_type="clack"))
    assert told(receipt) == (1, 0, [(1, "invalid_enum")])
    assert told(world.receive(event(2, event_type="clack"))) == (0, 0, [(0, "invalid_enum")])
    assert len(world.messages()) == 1


def test_an_id_is_new_again_when_its_window_has_ended(world):
    world.receive(event(1), event(2))
    world.wait(WINDOW_SECONDS)
    assert told(world.receive(event(1), event(2))) == (0, 2, [])
    world.wait(2)
    assert told(world.receive(event(1), event(2))) == (2, 0, [])
    assert told(world.receive(event(1), event(3))) == (1, 1, [])
    keys = [one.key for one in world.messages()]
    assert len(set(keys)) == 3, "a key never carries events twice"


def test_a_batch_too_large_for_a_message_travels_as_an_object(world):
    receipt = world.receive(*(event(number, properties={"text": os.urandom(4_800).hex()}) for number in range(110)))
    assert receipt.accepted == 110
    ((key, held),) = world.batches().items()
    assert len(held) == 110
    stored = client("s3").list_objects_v2(Bucket=world.bucket)["Contents"]
    assert [one["Key"] for one in stored] == [f"overflow/{key}.json"]
    assert sorted(world.parts()) == [f"{key}.0", f"{key}.1"]
    assert b"".join(part for _, (part,) in sorted(world.parts().items())).count(b"\n") == 110
    world.check()


def test_a_request_makes_few_calls(world, faults):
    events = [event(number) for number in range(50)]
    with faults.recorded() as requests:
        world.receive(*events)
    assert count(requests) == {
        ("dynamodb", "BatchExecuteStatement"): 2,
        ("dynamodb", "PutItem"): 1,
        ("sqs", "SendMessageBatch"): 1,
        ("kinesis", "PutRecords"): 1,
    }
    assert units(requests) == {"write": 51}
    with faults.recorded() as requests:
        world.receive(*events)
    assert count(requests) == {("dynamodb", "BatchExecuteStatement"): 2, ("dynamodb", "BatchGetItem"): 2}
    assert units(requests) == {"write": 50, "read": 51}


def test_a_claim_of_a_whole_request_is_one_write(cloud, faults):
    world = IngestCloud(grain="request")
    with faults.recorded() as requests:
        assert told(world.receive(event(1), event(2))) == (2, 0, [])
    assert units(requests) == {"write": 2}
    assert told(world.receive(event(2), event(1))) == (0, 2, [])
    assert told(world.receive(event(1), event(2, user_id="u"))) == (0, 0, [(0, "conflict"), (1, "conflict")])
    assert told(world.receive(event(1), event(3))) == (2, 0, []), "what it gives up: overlaps are not seen"


def test_events_of_a_request_under_way_must_wait_and_are_taken_over_when_it_is_given_up(world):
    assert world.claims.claim("f" * 32, [packed(1)], world.seconds) == [None]
    with pytest.raises(Overloaded) as caught:
        world.receive(event(1), event(2))
    assert caught.value.retry_after_seconds == 60
    world.wait(59)
    with pytest.raises(Overloaded) as caught:
        world.receive(event(1), event(2))
    assert caught.value.retry_after_seconds == 1
    world.wait(1)
    assert told(world.receive(event(1), event(2))) == (2, 0, [])
    assert world.states.get(["f" * 32], world.seconds)["f" * 32].state == "aborted"
    assert sorted(map(len, world.batches().values())) == [1, 1], "what changes owner is in a batch of its own"
    assert told(world.receive(event(1), event(2))) == (0, 2, [])
    world.check()


def test_a_batch_that_the_worker_has_is_not_given_up(world):
    world.claims.claim("f" * 32, [packed(1)], world.seconds)
    assert world.states.apply("f" * 32, world.seconds) is None
    assert told(world.receive(event(1), event(2))) == (1, 1, [])
    world.wait(100)
    assert told(world.receive(event(1))) == (0, 1, [])


def test_what_a_take_over_costs(world, faults):
    entries = [packed(number) for number in range(50)]
    world.claims.claim("f" * 32, entries, world.seconds)
    world.wait(60)
    with faults.recorded() as requests:
        assert world.receive(*(event(number) for number in range(50))).accepted == 50
    assert (units(requests)["write"], count(requests)["dynamodb", "TransactWriteItems"]) == (152, 1)
    world.check()
