"""The audit log: one object per entry in the bucket of the lake, under ``audit/<month>/``, named by its time."""

from itertools import count
from uuid import uuid4

import msgspec
from botocore.exceptions import ClientError

from cloudpulse.engines.aws.clients import client, code_of, translated
from cloudpulse.errors import StoreError
from cloudpulse.ports import AuditEntry

PREFIX = "audit"
MONTH_CHARS = len("2026-11")


class S3AuditLog:
    """Port ``AuditLog``; any number of processes may append.

    Names sort by time, and those of one process in the order of its entries. S3 refuses to write a name twice, and a
    policy can refuse to delete, so that nothing which stands there changes.
    """

    def __init__(self, bucket: str) -> None:
        self._bucket = bucket
        self._writer = uuid4().hex[:12]
        self._numbers = count()

    def append(self, entry: AuditEntry) -> None:
        """Write one entry durably under a name of its own."""
        name = f"{PREFIX}/{entry.at[:MONTH_CHARS]}/{entry.at}-{self._writer}-{next(self._numbers):08}.json"
        try:
            with translated():
                self._put(name, msgspec.json.encode(entry))
        except StoreError as exc:
            raise StoreError(
                f"The audit log cannot be written: "
                f"{entry.action} of {entry.subject} by {entry.actor} ({entry.outcome}) is not in it. {exc}"
            ) from exc

    def _put(self, name: str, body: bytes) -> None:
        try:
            client("s3").put_object(
                Bucket=self._bucket, Key=name, Body=body, ContentType="application/json", IfNoneMatch="*"
            )
        except ClientError as exc:
            if code_of(exc) != "PreconditionFailed":  # it was our own: a try took effect whose answer was lost
                raise
