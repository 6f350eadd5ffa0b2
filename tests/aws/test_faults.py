"""The test cloud fails as it is told to, and keeps a log."""

import uuid

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError, ConnectionClosedError

from cloud.calls import count
from cloud.faults import CONDITION, EXPIRED, INTERNAL, Error, Killed, killed_after, throttle

CONFIG = Config(retries={"mode": "standard", "total_max_attempts": 3}, s3={"addressing_style": "path"})


@pytest.fixture
def queue(cloud):
    sqs = boto3.client("sqs", config=CONFIG)
    return sqs, sqs.create_queue(QueueName=uuid.uuid4().hex)["QueueUrl"]


def sent(queue) -> list[str]:
    sqs, url = queue
    found = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", [])
    return [message["Body"] for message in found]


def send(queue, body: str = "x") -> None:
    sqs, url = queue
    sqs.send_message(QueueUrl=url, MessageBody=body)


@pytest.mark.parametrize(("after", "held"), [(False, []), (True, ["x"] * 3)], ids=["before", "after"])
def test_a_call_that_gets_no_answer_may_have_taken_effect(queue, faults, after, held):
    faults.fail("sqs", "SendMessage", after=after, times=3)
    with pytest.raises(ConnectionClosedError):
        send(queue)
    assert sent(queue) == held
    assert faults.pending() == 0
    send(queue, "y")
    assert sent(queue) == ["y"]


def test_the_sdk_repeats_what_failed_once(queue, faults):
    faults.fail("sqs", "SendMessage", after=True)
    with faults.recorded() as requests:
        send(queue)
    assert sent(queue) == ["x", "x"]
    assert count(requests) == {("sqs", "SendMessage"): 2}


@pytest.mark.parametrize("error", [EXPIRED, CONDITION, throttle("sqs"), INTERNAL], ids=lambda error: error.code)
def test_a_service_says_why(queue, faults, error: Error):
    faults.fail("sqs", "SendMessage", error, times=3, skip=1)
    send(queue, "first")
    with pytest.raises(ClientError) as caught:
        send(queue)
    assert caught.value.response["Error"]["Code"] == error.code
    assert sent(queue) == ["first"]


@pytest.mark.parametrize("after", [False, True])
def test_objects_fail_like_all_else(cloud, faults, after):
    s3 = boto3.client("s3", config=CONFIG)
    bucket = uuid.uuid4().hex
    s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})
    faults.fail("s3", "PutObject", throttle("s3"), times=3, after=after)
    with pytest.raises(ClientError, match="SlowDown"):
        s3.put_object(Bucket=bucket, Key="a/b", Body=b"x")
    assert s3.list_objects_v2(Bucket=bucket)["KeyCount"] == after
    s3.put_object(Bucket=bucket, Key="a/b", Body=b"x")
    assert s3.get_object(Bucket=bucket, Key="a/b")["Body"].read() == b"x"


@pytest.mark.parametrize(("after", "held"), [(False, ["b"]), (True, ["a", "b", "c"])], ids=["before", "after"])
def test_some_messages_of_many_fail(queue, faults, after, held):
    sqs, url = queue
    faults.fail_entries("sqs", "SendMessageBatch", (0, 2), after=after)
    entries = [{"Id": letter, "MessageBody": letter} for letter in "abc"]
    answer = sqs.send_message_batch(QueueUrl=url, Entries=entries)
    assert [entry["Id"] for entry in answer["Successful"]] == ["b"]
    assert [entry["Id"] for entry in answer["Failed"]] == ["a", "c"]
    assert sorted(sent(queue)) == held


@pytest.mark.parametrize(("after", "held"), [(False, [b"b"]), (True, [b"a", b"b"])], ids=["before", "after"])
def test_some_records_of_many_fail(cloud, faults, after, held):
    kinesis = boto3.client("kinesis", config=CONFIG)
    name = uuid.uuid4().hex
    kinesis.create_stream(StreamName=name, ShardCount=1)
    faults.fail_entries("kinesis", "PutRecords", after=after)
    records = [{"Data": data, "PartitionKey": "k"} for data in (b"a", b"b")]
    answer = kinesis.put_records(StreamName=name, Records=records)
    assert answer["FailedRecordCount"] == 1
    assert ["ErrorCode" in record for record in answer["Records"]] == [True, False]
    shard = kinesis.get_shard_iterator(
        StreamName=name, ShardId="shardId-000000000000", ShardIteratorType="TRIM_HORIZON"
    )
    found = kinesis.get_records(ShardIterator=shard["ShardIterator"])["Records"]
    assert [record["Data"] for record in found] == held


def test_a_process_dies_between_two_calls(queue):
    with killed_after(1) as made:
        with pytest.raises(Killed):
            send(queue)
        with pytest.raises(Killed):
            send(queue)
    assert made == ["SendMessage"]
    assert sent(queue) == ["x"]
