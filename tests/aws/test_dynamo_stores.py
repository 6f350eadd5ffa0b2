"""What records, jobs and executions in DynamoDB promise beyond their ports: rivals, lost answers, limits."""

import datetime as dt

import msgspec
import pytest

from cloud.dynamodb import new_table
from cloud.faults import EXPIRED, TIME_OUT, throttle
from cloud.rivals import first_before, in_threads
from cloudpulse.engines.aws.dynamo import Table
from cloudpulse.engines.aws.executions import DynamoExecutions
from cloudpulse.engines.aws.jobs import DynamoJobs
from cloudpulse.engines.aws.line import Line
from cloudpulse.engines.aws.records import DynamoRecords
from cloudpulse.errors import StoreError
from cloudpulse.ports import Execution

NOW = dt.datetime(2026, 11, 20, 0, 5, tzinfo=dt.UTC)
HOUR = dt.timedelta(hours=1)
WRITE = "TransactWriteItems"


@pytest.fixture
def records(cloud):
    return DynamoRecords(new_table())


@pytest.fixture
def jobs(cloud):
    return DynamoJobs(new_table())


@pytest.fixture
def executions(cloud):
    return DynamoExecutions(new_table())


def documents(count: int) -> dict[str, int]:
    return {f"{number:04}": number for number in range(count)}


def test_a_hundred_documents_are_written_all_or_none(records, faults):
    faults.fail("dynamodb", WRITE, times=3)
    with pytest.raises(StoreError):
        records.put("one", documents(100))
    assert records.list("one") == []
    faults.fail("dynamodb", WRITE, after=True, times=3)
    with pytest.raises(StoreError):
        records.put("one", documents(100))
    assert len(records.list("one")) == 100


def test_more_than_a_transaction_takes_is_cut_and_the_same_call_does_the_rest(records, faults):
    faults.fail("dynamodb", WRITE, times=3, skip=1)
    with pytest.raises(StoreError):
        records.put("one", documents(150))
    assert len(records.list("one")) == 100
    records.put("one", documents(150))
    assert len(records.list("one")) == 150


def test_what_takes_two_steps_is_written_before_it_is_removed(records, faults):
    records.put("old", documents(60))
    faults.fail("dynamodb", WRITE, times=3, skip=1)
    with pytest.raises(StoreError):
        records.exchange({"old": documents(60)}, {"new": documents(60)})
    assert (len(records.list("old")), len(records.list("new"))) == (20, 60)
    records.exchange({"old": documents(60)}, {"new": documents(60)})
    assert (len(records.list("old")), len(records.list("new"))) == (0, 60)


def test_a_key_that_is_removed_and_written_stays(records):
    records.put("one", {"a": 1})
    records.exchange({"one": ["a", "b"]}, {"one": {"a": 2}})
    assert records.list("one") == [("a", 2)]


def test_a_document_too_large_for_dynamodb_is_refused_with_all_others(records):
    records.put("one", {"a": "x" * 400_000})
    with pytest.raises(StoreError, match=r"document of one has 409,6\d\d bytes; DynamoDB takes 409,600 at most"):
        records.put("one", {"b": 1, "c": "ä" * 204_800})
    assert [key for key, _ in records.list("one")] == ["a"]


def test_a_long_list_is_read_page_by_page(records, faults):
    records.put("one", dict.fromkeys(documents(60), "x" * 50_000))
    with faults.recorded() as requests:
        found = records.list("one", "0010", "0050")
    assert [key for key, _ in found] == [f"{number:04}" for number in range(10, 50)]
    assert [request.operation for request in requests] == ["Query"] * 3
    with faults.recorded() as requests:
        assert len(records.list("one", limit=3)) == 3
    assert [request.json()["Limit"] for request in requests] == [3]


def test_rivals_who_delete_the_same_share_the_count(records):
    records.put("one", documents(120))
    answers = in_threads([lambda: records.delete("one", documents(120))] * 3)
    assert sum(answers) == 120
    assert records.list("one") == []


def test_throttled_reads_and_writes_end_within_bounds(records, faults):
    for operation, call in [
        ("PutItem", lambda: records.put("one", {"a": 1})),
        ("GetItem", lambda: records.get("one", "a")),
        ("Query", lambda: records.list("one")),
        ("BatchGetItem", lambda: records.delete("one", ["a"])),
    ]:
        faults.fail("dynamodb", operation, throttle("dynamodb"), times=2)
        call()
        assert faults.pending() == 0
        faults.fail("dynamodb", operation, throttle("dynamodb"), times=1000)
        with faults.recorded() as requests, pytest.raises(StoreError, match=f"throttles {operation}"):
            call()
        assert len(requests) <= 18
        faults.clear()


def test_credentials_that_have_ended_are_a_sentence(records, faults):
    faults.fail("dynamodb", "GetItem", EXPIRED)
    with pytest.raises(StoreError, match=r"credentials of this process \(GetItem: ExpiredTokenException\): renew them"):
        records.get("one", "a")


def test_a_try_is_counted_once_when_its_answer_is_lost(jobs, faults):
    run = jobs.request("compact", {}, NOW)
    faults.fail("dynamodb", "PutItem", TIME_OUT, after=True)
    assert jobs.begin(run.id, NOW).attempts == 1
    assert faults.pending() == 0
    assert jobs.show(run.id).attempts == 1


def test_a_scheduled_time_is_put_in_line_by_one_of_many(jobs):
    assert not jobs.schedule("compact", NOW - HOUR, NOW)
    assert sorted(in_threads([lambda: jobs.schedule("compact", NOW, NOW)] * 4)) == [False, False, False, True]
    assert [run.scheduled_for for run in jobs.history()] == ["2026-11-20T00:05:00.000Z"]


def test_a_scheduled_time_that_a_later_one_has_passed_meanwhile_is_left_out(jobs):
    jobs.schedule("compact", NOW - HOUR, NOW)
    with first_before(WRITE, lambda: jobs.schedule("compact", NOW + HOUR, NOW)):
        assert not jobs.schedule("compact", NOW, NOW)
    assert not jobs.schedule("compact", NOW + HOUR, NOW)
    assert [run.scheduled_for for run in jobs.history()] == ["2026-11-20T01:05:00.000Z"]


def test_a_scheduled_time_is_put_in_line_once_when_no_answer_comes(jobs, faults):
    jobs.schedule("compact", NOW - HOUR, NOW)
    faults.fail("dynamodb", WRITE, TIME_OUT, after=True, times=3)
    with pytest.raises(StoreError):
        jobs.schedule("compact", NOW, NOW)
    assert not jobs.schedule("compact", NOW, NOW)
    assert len(jobs.history()) == 1


def test_the_newest_are_read_and_no_others(jobs, faults):
    for _ in range(5):
        jobs.request("compact", {}, NOW)
    with faults.recorded() as requests:
        assert len(jobs.history(limit=2)) == 2
        assert jobs.history("another", limit=1) == []
    assert [(request.operation, request.json().get("Limit")) for request in requests] == [("Query", 2), ("Query", None)]


def test_a_document_that_has_changed_since_it_was_read_is_not_removed(cloud):
    line = Line(Table(new_table()), "runs")
    line.append("a", b"1")
    (entry,) = line.newest()
    line.change("a", lambda document: b"2")
    assert not line.remove(entry)
    (entry,) = line.newest()
    assert (entry.document, line.remove(entry), line.find("a")) == (b"2", True, None)


def test_many_start_the_same_execution_and_all_get_the_first(executions):
    one = Execution(id="a", workflow="w", status="waiting", requested_at="", steps=())
    names = iter(range(4))
    answers = in_threads([lambda: executions.start(msgspec.structs.replace(one, workflow=str(next(names))))] * 4)
    assert len({answer.workflow for answer in answers}) == 1
    assert len(executions.history()) == 1
