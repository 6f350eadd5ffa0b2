"""What the audit log in S3 does beyond the port."""

import boto3
import msgspec
import pytest

from cloud import s3
from cloud.faults import EXPIRED, TIME_OUT
from cloudpulse.engines.aws.audit_log import S3AuditLog
from cloudpulse.errors import StoreError
from cloudpulse.ports import AuditEntry

ENTRY = AuditEntry(at="2026-11-20T14:00:00Z", actor="client/ab12", action="client_removed", subject="client/1")


@pytest.fixture
def bucket(cloud: str) -> str:
    return s3.new_bucket()


def names(bucket: str) -> list[str]:
    return [found["Key"] for found in boto3.client("s3").list_objects_v2(Bucket=bucket).get("Contents", ())]


def test_an_entry_is_an_object_of_its_month(bucket):
    S3AuditLog(bucket).append(ENTRY)
    (name,) = names(bucket)
    assert name.startswith("audit/2026-11/2026-11-20T14:00:00Z-")


def test_a_name_that_is_there_is_never_written_again(bucket, faults):
    with faults.recorded() as requests:
        S3AuditLog(bucket).append(ENTRY)
    (name,) = names(bucket)
    with pytest.raises(boto3.client("s3").exceptions.ClientError, match="PreconditionFailed"):
        boto3.client("s3").put_object(Bucket=bucket, Key=name, Body=b"", IfNoneMatch="*")
    assert len(requests) == 1
    assert s3.objects(bucket) == [msgspec.json.encode(ENTRY)]


@pytest.mark.parametrize("after", [False, True])
def test_an_entry_is_there_once_when_its_answer_is_lost(bucket, faults, after):
    faults.fail("s3", "PutObject", TIME_OUT, after=after)
    S3AuditLog(bucket).append(ENTRY)
    assert faults.pending() == 0
    assert s3.objects(bucket) == [msgspec.json.encode(ENTRY)]


def test_what_is_missing_from_the_log_is_told(bucket, faults):
    faults.fail("s3", "PutObject", EXPIRED)
    with pytest.raises(
        StoreError, match=r"client_removed of client/1 by client/ab12 \(done\) is not in it.*renew them"
    ):
        S3AuditLog(bucket).append(ENTRY)
    with pytest.raises(StoreError, match=r"is not in it.*check the aws_ settings"):
        S3AuditLog(f"{bucket}-gone").append(ENTRY)
