"""What the counters on DynamoDB promise beyond the port; guards mechanism 24."""

import math
from collections import Counter
from functools import partial

import boto3
import pytest

from cloud.dynamodb import new_table
from cloud.faults import EXPIRED, TIME_OUT, Error, Faults, Request, throttle
from cloud.rivals import first_before, in_threads
from cloudpulse.engines.aws.counters import DynamoCounters, Step
from cloudpulse.engines.aws.dynamo import size_of
from cloudpulse.errors import StoreError
from cloudpulse.events import sketch
from cloudpulse.events.model import Position
from cloudpulse.ports import MinuteCount

MINUTE = 29_716_200
"""The first one of an hour."""

WRITE = "TransactWriteItems"
THROTTLED = throttle("dynamodb")


@pytest.fixture
def table(cloud: str) -> str:
    return new_table()


@pytest.fixture
def counters(table: str) -> DynamoCounters:
    return DynamoCounters(table)


def batch(number: int) -> Position:
    return Position(f"{number:032x}.0", 1)


def step(number: int, minute: int = MINUTE, sessions: int = 3) -> Step:
    """Two views and a click of a batch, in sessions of its own."""
    counts = [MinuteCount("shop", minute, "page_view", 2), MinuteCount("shop", minute, "click", 1)]
    ids = (f"{number}-{session}" for session in range(sessions))
    return Step(batch(number), counts, {("shop", minute): sketch.of(ids)})


def apply(counters: DynamoCounters, one: Step) -> bool:
    return counters.apply(None, *one)


def totals(counters: DynamoCounters, first: int = MINUTE, last: int = MINUTE + 59) -> dict[str, int]:
    found: Counter[str] = Counter()
    for count in counters.range(first, last).counts:
        found[count.event_type] += count.events
    return dict(found)


def sessions(counters: DynamoCounters) -> int:
    return sketch.estimate(body for _, _, body in counters.range(MINUTE, MINUTE + 59).sessions)


def test_writers_at_once_on_one_minute_add_up_and_merge_their_sessions(counters):
    def write(writer: int) -> int:
        return sum(apply(counters, step(10 * writer + number)) for number in range(6))

    answers = in_threads([partial(write, writer) for writer in range(4)])
    assert answers == [6] * 4
    assert totals(counters) == {"page_view": 48, "click": 24}
    assert sessions(counters) == 72


def test_a_batch_that_many_apply_at_once_counts_once(counters):
    answers = in_threads([lambda: apply(counters, step(1))] * 6)
    assert sorted(answers) == [False] * 5 + [True]
    assert totals(counters) == {"page_view": 2, "click": 1}
    assert sessions(counters) == 3


@pytest.mark.parametrize("error", [TIME_OUT, THROTTLED, Error("InternalServerError", 500)])
def test_a_write_that_took_effect_before_its_error_counts_once(counters, faults, error):
    faults.fail("dynamodb", WRITE, error, after=True, times=2)
    apply(counters, step(1))
    assert faults.pending() == 0
    assert not apply(counters, step(1))
    assert totals(counters) == {"page_view": 2, "click": 1}


def test_a_caller_who_never_gets_an_answer_applies_again_and_nothing_doubles(counters, faults):
    faults.fail("dynamodb", WRITE, TIME_OUT, after=True, times=3)
    with pytest.raises(StoreError, match="did not answer"):
        apply(counters, step(1))
    assert not apply(counters, step(1))
    assert totals(counters) == {"page_view": 2, "click": 1}
    assert sessions(counters) == 3


def test_what_an_error_has_left_out_the_same_call_adds(counters, faults):
    one, other = step(1), step(1, MINUTE + 1)
    both = Step(batch(1), [*one.counts, *other.counts], {**one.sessions, **other.sessions})
    faults.fail("dynamodb", WRITE, TIME_OUT, times=3, skip=1)
    with pytest.raises(StoreError):
        apply(counters, both)
    assert totals(counters) == {"page_view": 2, "click": 1}
    assert apply(counters, both)
    assert totals(counters) == {"page_view": 4, "click": 2}
    assert not apply(counters, both)


@pytest.mark.parametrize(
    "error", [THROTTLED, Error("TransactionCanceledException", reasons=("None", "TransactionConflict"))]
)
def test_what_passes_is_tried_again(counters, faults, error):
    faults.fail("dynamodb", WRITE, error, times=4)
    assert apply(counters, step(1))
    assert totals(counters) == {"page_view": 2, "click": 1}


@pytest.mark.parametrize(
    ("error", "sentence", "calls"),
    [
        (THROTTLED, "throttles TransactWriteItems", 18),
        (Error("TransactionCanceledException", reasons=("ThrottlingError", "None")), "throttles.*ThrottlingError", 6),
        (Error("TransactionCanceledException", reasons=("ValidationError", "None")), "ValidationError", 1),
        (EXPIRED, "credentials.*renew them", 1),
    ],
)
def test_what_does_not_pass_ends_within_bounds(counters, faults: Faults, error, sentence, calls):
    faults.fail("dynamodb", WRITE, error, times=1000)
    with faults.recorded() as requests, pytest.raises(StoreError, match=sentence):
        apply(counters, step(1))
    assert [request.operation for request in requests].count(WRITE) == calls
    faults.clear()
    assert totals(counters) == {}


def test_batches_of_one_minute_are_one_write_and_those_that_are_counted_are_left_out(counters, faults):
    assert apply(counters, step(7))
    with faults.recorded() as requests:
        new = counters.apply_all([step(number) for number in [*range(20), 3]])
    assert new == {batch(number) for number in range(20) if number != 7}
    assert [request.operation for request in requests if request.status == 200] == ["GetItem", "GetItem", WRITE]
    assert totals(counters) == {"page_view": 40, "click": 20}
    assert sessions(counters) == 60


def test_more_batches_than_a_transaction_takes_are_several(counters, faults):
    with faults.recorded() as requests:
        assert len(counters.apply_all(step(number) for number in range(120))) == 120
    assert [request.operation for request in requests].count(WRITE) == 2
    assert totals(counters) == {"page_view": 240, "click": 120}


def test_a_batch_without_live_events_is_counted_at_no_cost(counters, faults):
    with faults.recorded() as requests:
        assert counters.apply(None, batch(1), [], {})
    assert requests == []


def test_which_batches_are_counted_is_asked_for_many_at_once(counters, faults):
    for number in range(0, 6, 2):
        apply(counters, step(number))
    wanted = [(batch(number), ("shop", MINUTE)) for number in range(150)]
    with faults.recorded() as requests:
        found = counters.applied([*wanted, (batch(2), ("shop", MINUTE + 1))])
    assert found == {(batch(number), ("shop", MINUTE)) for number in (0, 2, 4)}
    assert [request.operation for request in requests] == ["BatchGetItem"] * 2


def test_a_range_reads_only_its_minutes_by_the_hour(counters, faults):
    for number in range(0, 180, 10):
        apply(counters, step(number, MINUTE + number))
    with faults.recorded() as requests:
        live = counters.range(MINUTE + 30, MINUTE + 89)
    assert [minute - MINUTE for _, minute, _ in live.sessions] == [30, 40, 50, 60, 70, 80]
    assert [request.operation for request in requests] == ["Query"] * 2
    assert sum(request.json()["ConsistentRead"] for request in requests) == 2
    with faults.recorded() as requests:
        counters.range(MINUTE - 24 * 60, MINUTE)
    assert len(requests) == 25
    with faults.recorded() as requests:
        everything = counters.range(0, MINUTE + 1_000_000)
    assert len(everything.counts) == 36
    assert [request.operation for request in requests] == ["Scan"]


def test_an_hour_of_large_sketches_is_read_page_by_page(counters, faults):
    body = sketch.of(map(str, range(6000)))
    for number in range(40):
        counters.apply(None, batch(number), [], {("shop", MINUTE + number): body})
    with faults.recorded() as requests:
        live = counters.range(MINUTE, MINUTE + 59)
    assert [minute - MINUTE for _, minute, _ in live.sessions] == list(range(40))
    assert len(requests) > 1


def test_a_replacement_is_refused_when_a_batch_is_counted_meanwhile(counters):
    apply(counters, step(1))
    repaired = [MinuteCount("shop", MINUTE, "error", 9)]
    with first_before("PutItem", lambda: apply(counters, step(2))):
        assert not counters.replace(batch(1), MINUTE, MINUTE + 59, repaired, {})
    assert totals(counters) == {"page_view": 4, "click": 2}
    assert counters.replace(batch(1), MINUTE, MINUTE + 59, repaired, {})
    assert totals(counters) == {"error": 9}
    assert not apply(counters, step(2)), "a batch stays counted in what replaced it"


def test_all_that_is_written_has_an_end(counters, table):
    apply(counters, step(1))
    items = boto3.client("dynamodb").scan(TableName=table)["Items"]
    assert len(items) == 2
    assert {int(item["expires"]["N"]) for item in items} == {MINUTE * 60 + 26 * 3600}


def units_written(requests: list[Request], table: str) -> int:
    """What DynamoDB charges for transactions: two units for each KiB, begun, of each item as it stands."""
    writes = [write for one in requests if one.operation == WRITE for write in one.json()["TransactItems"]]
    keys = [put["Put"]["Item"] if "Put" in put else put["Update"]["Key"] for put in writes]
    dynamodb = boto3.client("dynamodb")
    items = [dynamodb.get_item(TableName=table, Key={k: key[k] for k in ("pk", "sk")})["Item"] for key in keys]
    return sum(2 * math.ceil(size_of(item) / 1024) for item in items)


@pytest.mark.parametrize(
    ("known", "alone", "together"), [(0, 4, 2.1), (100, 4, 2.1), (500, 12, 2.5), (1000, 18, 2.8), (5000, 68, 5.3)]
)
def test_what_a_batch_costs(counters, table, faults, known, alone, together):
    """The figures of docs/decisions/0015: units to write a batch into a minute with so many sessions, or 20 at once."""
    apply(counters, step(1, sessions=known))
    with faults.recorded() as requests:
        apply(counters, step(2, sessions=0))
    assert units_written(requests, table) == alone
    with faults.recorded() as requests:
        counters.apply_all(step(number, sessions=0) for number in range(3, 23))
    assert units_written(requests, table) / 20 == together
