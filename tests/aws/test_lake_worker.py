"""The lake's workers: each batch is in the lake once, whatever fails, however often it is delivered, and to whom."""

import datetime as dt
import json
import time
from collections import Counter
from functools import partial

import boto3
import msgspec
import pyarrow as pa
import pytest
from lake_world import NOW, SECONDS, LakeWorld, batch, key_of, sent_again
from pyiceberg.catalog.glue import GlueCatalog

from cloud.calls import count
from cloud.faults import EXPIRED, THROTTLES
from cloud.rivals import in_threads
from cloudpulse.batch import worker
from cloudpulse.batch.worker import Delivery
from cloudpulse.events import message
from cloudpulse.events.model import Batch
from cloudpulse.lake import commit, parquet
from cloudpulse.lake.commit import Lake


@pytest.fixture
def world(cloud, tmp_path):
    return LakeWorld(tmp_path)


def test_batches_of_one_delivery_are_one_commit_and_an_object_for_each_hour(world):
    early, late, later = batch(3, NOW - dt.timedelta(hours=1)), batch(), batch()
    assert world.worker().handle(world.send(early, late, later), NOW) == []
    world.holds_once(early, late, later)
    objects = world.names("bronze/")
    assert [name.rpartition("/")[0] for name in objects] == [
        "bronze/year=2026/month=11/day=20/hour=09",
        "bronze/year=2026/month=11/day=20/hour=10",
    ]
    assert world.states.get([key_of(early)], SECONDS)[key_of(early)].location == objects[0]
    assert len(world.names("lake/events/metadata/snap-")) == 1


def test_a_commit_holds_a_hundred_batches_at_most(world):
    sent = [batch(1) for _ in range(101)]
    assert world.worker().handle(world.send(*sent), NOW) == []
    world.holds_once(*sent)
    assert sorted(len(commit.keys) for commit in Lake(world.settings).keyed_commits()) == [1, 100]


def test_a_commit_holds_no_more_events_than_memory_does(world, monkeypatch):
    monkeypatch.setattr(worker, "MAX_EVENTS", 5)
    sent = [batch(3) for _ in range(3)]
    assert world.worker().handle(world.send(*sent), NOW) == []
    world.holds_once(*sent)
    assert sorted(len(commit.keys) for commit in Lake(world.settings).keyed_commits()) == [1, 2]


def test_a_delivery_that_comes_again_changes_nothing(world):
    sent = world.send(batch())
    assert world.worker().handle(sent, NOW) == []
    before = world.names("")
    assert world.worker().handle([*sent, *sent], NOW) == []
    assert world.names("") == before


def test_an_aborted_batch_is_dropped(world):
    aborted, sound = batch(), batch()
    sent = [Delivery(key_of(aborted), message.encode(key_of(aborted), aborted).decode()), *world.send(sound)]
    assert world.states.abort(key_of(aborted), SECONDS)
    assert world.worker().handle(sent, NOW) == []
    world.holds_once(sound)
    assert world.state(aborted) == "aborted"


def test_a_batch_that_nobody_has_called_queued_is_stored(world):
    """The queue has it, and whoever sent it died before saying so."""
    sent = batch()
    assert world.worker().handle([Delivery("1", message.encode(key_of(sent), sent).decode())], NOW) == []
    world.holds_once(sent)


def test_a_batch_too_large_for_a_message_is_read_from_its_object(world):
    large, small = batch(), batch()
    world.send(large)
    world.objects.write(message.object_name(key_of(large)), message.encode(key_of(large), large))
    pointer = Delivery("1", message.encode_pointer(key_of(large)).decode())
    assert world.worker().handle([pointer, *world.send(small)], NOW) == []
    world.holds_once(large, small)


def poison(kind: str) -> str:
    good = batch()
    key = key_of(good)
    damaged = {
        "no JSON": "{",
        "no batch": json.dumps({"v": 1, "batch": key, "received_at": "soon"}),
        "no zstd": message.encode(key, msgspec.structs.replace(good, lines=b"damaged")).decode(),
        "fewer lines": message.encode(key, msgspec.structs.replace(good, events=3)).decode(),
        "no digest": message.encode(key, msgspec.structs.replace(good, digest=())).decode(),
        "no object": message.encode_pointer(key).decode(),
    }
    return damaged[kind]


@pytest.mark.parametrize("kind", ["no JSON", "no batch", "no zstd", "fewer lines", "no digest", "no object"])
def test_a_poison_batch_fails_alone(world, kind):
    before, after = batch(), batch()
    sent = [*world.send(before), Delivery("poison", poison(kind)), *world.send(after)]
    assert world.worker().handle(sent, NOW) == ["poison"]
    world.holds_once(before, after)


def test_a_commit_whose_answer_is_lost_is_looked_up(world, faults):
    """Guards mechanism 23: it is neither given up, nor undone, nor done again."""
    sent = batch()
    faults.fail("glue", "UpdateTable", after=True)
    assert world.worker().handle(world.send(sent), NOW) == []
    assert faults.pending() == 0
    world.holds_once(sent)


@pytest.mark.parametrize("lands", ["before", "after"], ids=["before the next try", "after it"])
def test_a_commit_may_land_long_after_its_worker_gave_up(world, faults, lands):
    """Guards mechanism 23: its files stay, and the version that it was made for decides whether it counts."""
    sent = batch()
    deliveries = world.send(sent)
    faults.fail("glue", "UpdateTable")
    with faults.recorded() as asked:
        assert world.worker().handle(deliveries, NOW) == [key_of(sent)]
    (request,) = [request for request in asked if request.operation == "UpdateTable"]
    glue = boto3.client("glue")
    if lands == "before":
        glue.update_table(**request.json())
    assert world.worker().handle(deliveries, NOW) == []
    if lands == "after":
        with pytest.raises(glue.exceptions.ConcurrentModificationException):
            glue.update_table(**request.json())
    world.holds_once(sent)


WRITES = {"PutItem", "PutObject", "TransactWriteItems", "UpdateTable"}


def test_a_worker_may_die_between_any_two_writes(world, faults):
    """A fresh worker that gets the same delivery stores what the dead one has not, whatever it left behind."""
    stored = pair()
    worker, deliveries = world.worker(), world.send(*stored)
    with faults.recorded() as asked:
        assert worker.handle(deliveries, NOW) == []
    writes = [number for number, request in enumerate(asked) if request.operation in WRITES]
    assert count(asked[number] for number in writes) == {
        ("dynamodb", "PutItem"): 4,  # both batches are said to be applied, then to be stored
        ("s3", "PutObject"): 6,  # two of bronze, one of silver, then manifest, list of manifests and metadata
        ("glue", "UpdateTable"): 1,
        ("dynamodb", "TransactWriteItems"): 1,  # the list of bronze
    }
    for calls in writes:
        for unheard in (False, True):
            worker, sent = world.worker(), pair()
            deliveries = world.send(*sent)
            with faults.lost_after(calls, unheard=unheard):
                worker.handle(deliveries, NOW)
            assert world.worker().handle(deliveries, NOW) == []
            stored += sent
    world.holds_once(*stored)


def pair() -> list[Batch]:
    return [batch(1), batch(1, NOW - dt.timedelta(hours=1))]


@pytest.mark.parametrize(
    ("service", "operation"),
    [
        ("dynamodb", "PutItem"),
        ("dynamodb", "BatchGetItem"),
        ("s3", "PutObject"),
        ("s3", "GetObject"),
        ("glue", "GetTable"),
    ],
)
def test_a_store_that_fails_for_a_while_fails_the_delivery_and_nothing_else(world, faults, service, operation):
    sent, worker = batch(), world.worker()
    deliveries = world.send(sent)
    faults.fail(service, operation, EXPIRED if service != "s3" else THROTTLES["s3"], times=9)
    assert worker.handle(deliveries, NOW) == [key_of(sent)]
    faults.clear()
    assert worker.handle(deliveries, NOW) == []
    world.holds_once(sent)


def test_a_batch_that_another_worker_stores_meanwhile_is_not_stored_again(world, monkeypatch):
    """Guards mechanism 23: the look at the history is for the version that the commit is made for."""
    shared, mine, theirs = batch(), batch(), batch()
    deliveries = world.send(mine, shared)
    worker, other = world.worker(), world.worker()
    original = GlueCatalog.commit_table

    def overtaken(self, *args):
        monkeypatch.setattr(GlueCatalog, "commit_table", original)
        assert other.handle(world.send(shared, theirs), NOW) == []
        return original(self, *args)

    monkeypatch.setattr(GlueCatalog, "commit_table", overtaken)
    assert worker.handle(deliveries, NOW) == []
    world.holds_once(shared, mine, theirs)


def test_a_request_that_was_made_again_is_stored_as_it_came_first(world, monkeypatch):
    """Both messages have one key, and lines that differ: bronze must not hold one's, and the lake the other's."""
    first = batch()
    second = sent_again(first)
    assert key_of(second) == key_of(first)
    assert second.lines != first.lines
    deliveries, worker, other = world.send(second), world.worker(), world.worker()
    append = worker._lake.append_keyed

    def overtaken(*args):
        assert other.handle(world.send(first), NOW) == []
        return append(*args)

    monkeypatch.setattr(worker._lake, "append_keyed", overtaken)
    assert worker.handle(deliveries, NOW) == []
    world.holds_once(first)
    assert {row["received_at"] for row in Lake(world.settings)._table.scan().to_arrow().to_pylist()} == {NOW}


def test_workers_that_get_the_same_deliveries_at_once_store_them_once(world):
    sent = [batch() for _ in range(4)]
    deliveries = world.send(*sent)
    assert in_threads([partial(world.worker().handle, deliveries, NOW) for _ in range(3)]) == [[], [], []]
    world.holds_once(*sent)


def test_what_leaves_the_history_is_known_to_be_stored(world, faults, monkeypatch):
    """Else a delivery that comes late, of a worker that died after its commit, would be stored again."""
    shorten_history(monkeypatch)
    late, others = batch(), [batch(1) for _ in range(6)]
    delivery = world.send(late)
    faults.fail("dynamodb", "PutItem", EXPIRED, skip=1, times=9)
    assert world.worker().handle(delivery, NOW) == [key_of(late)]
    faults.clear()
    assert world.state(late) == "applying"
    for other in others:
        assert world.worker().handle(world.send(other), NOW) == []
    assert not any(key_of(late) in commit.keys for commit in Lake(world.settings).keyed_commits())
    assert world.worker().handle(delivery, NOW) == []
    world.holds_once(late, *others)


def test_a_batch_that_is_stored_and_leaves_the_history_while_a_worker_waits_is_not_stored_again(world, monkeypatch):
    """The states are read after the history: what is in neither is not in the lake."""
    shorten_history(monkeypatch)
    shared, others = batch(), [batch(1) for _ in range(6)]
    deliveries, worker, other = world.send(shared), world.worker(), world.worker()
    append = worker._lake.append_keyed

    def delayed(*args):
        for one in [shared, *others]:
            assert other.handle(world.send(one), NOW) == []
        return append(*args)

    monkeypatch.setattr(worker._lake, "append_keyed", delayed)
    assert worker.handle(deliveries, NOW) == []
    world.holds_once(shared, *others)


def test_a_merge_of_files_leaves_the_history_of_batches(world):
    first, second = batch(), batch()
    deliveries = [world.send(one) for one in (first, second)]
    for delivery in deliveries:
        assert world.worker().handle(delivery, NOW) == []
    lake = Lake(world.settings)
    files = lake.live_files()
    assert lake.replace(files, pa.concat_tables([parquet.read(lake._table.io, file) for file in files]))
    assert len(lake.live_files()) == 1
    assert {key for commit in lake.keyed_commits() for key in commit.keys} == {key_of(first), key_of(second)}
    world.holds_once(first, second)


def shorten_history(monkeypatch) -> None:
    monkeypatch.setattr(commit, "KEEP_SNAPSHOTS", 1)
    monkeypatch.setattr(commit, "EXPIRE_EVERY", 2)


def test_metadata_that_the_history_has_forgotten_is_unlinked_late(world, monkeypatch):
    """Guards mechanism 12: and nothing that a version names ever is."""
    shorten_history(monkeypatch)
    sent = [batch(1) for _ in range(4)]
    worker = world.worker()
    for one in sent:
        assert worker.handle(world.send(one), NOW) == []
    lists = len(world.names("lake/events/metadata/snap-"))
    assert worker.handle([], NOW + dt.timedelta(seconds=world.settings.unlink_delay_seconds)) == []
    assert len(world.names("lake/events/metadata/snap-")) < lists
    world.holds_once(*sent)


def test_eight_workers_commit_to_one_table_at_once(world, faults):
    """Refused commits are made again, by the worker and, when it has had enough, by the queue (docs/decisions/0016)."""
    workers = [(world.worker(), [batch(1) for _ in range(5)]) for _ in range(8)]
    again: list[str] = []

    def work(worker, sent):
        for one in sent:
            deliveries = world.send(one)
            while failed := worker.handle(deliveries, NOW):
                again.extend(failed)

    began = time.perf_counter()
    with faults.recorded() as asked:
        in_threads([partial(work, worker, sent) for worker, sent in workers])
    seconds = time.perf_counter() - began
    world.holds_once(*(one for _, sent in workers for one in sent))
    updates = Counter(request.status for request in asked if request.operation == "UpdateTable")
    assert updates[200] == 40
    assert updates[400] > 0, "nobody was ever overtaken, so this says nothing"
    print(f"40 commits at {40 / seconds:.1f}/s, {updates[400]} refused by Glue, {len(again)} delivered again")
