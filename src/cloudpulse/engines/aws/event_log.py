"""Batches into a queue for the batch layer, and into a stream for the speed layer.

The queue comes first, and it decides. The stream may fail: the worker applies later what the counters lack.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

import structlog

from cloudpulse import telemetry
from cloudpulse.engines.aws.clients import client, translated
from cloudpulse.errors import Overloaded, StoreError
from cloudpulse.events import message
from cloudpulse.events.message import MAX_MESSAGE_BYTES, Message
from cloudpulse.ports import BatchStates

MESSAGES_PER_CALL = 10
RECORDS_PER_CALL = 500
RECORD_BYTES_PER_CALL = 4_500_000
"""Limits of the services, of 5 MiB with some room."""

STREAM_READ_SECONDS = 2
"""Nobody should wait long for what may fail."""

log = structlog.get_logger(__name__)

Entry = dict[str, Any]
Given = TypeVar("Given")


class SqsKinesisLog:
    """Port ``BatchLog``."""

    def __init__(self, queue_url: str, stream: str, bucket: str, states: BatchStates) -> None:
        self._queue_url = queue_url
        self._stream = stream
        self._bucket = bucket
        self._states = states

    def append(self, messages: Sequence[Message], now_seconds: int) -> None:
        """Queue, then state, then stream."""
        bodies = [self._body(one) for one in messages]
        for some in _cut(bodies, len, MESSAGES_PER_CALL, MAX_MESSAGE_BYTES):
            self._send(some)
        for one in messages:
            if not self._states.queue(one.key, now_seconds):
                raise Overloaded("Another request took over events of this one; send it again.")
        self._stream_out(messages)

    def _body(self, one: Message) -> str:
        body = message.encode(one.key, one.batch)
        if len(body) > MAX_MESSAGE_BYTES:
            with translated():
                client("s3").put_object(Bucket=self._bucket, Key=message.object_name(one.key), Body=body)
            body = message.encode_pointer(one.key)
        return body.decode()

    def _send(self, bodies: Sequence[str]) -> None:
        waiting = [{"Id": str(number), "MessageBody": body} for number, body in enumerate(bodies)]
        for _ in range(2):
            with translated():
                answer = client("sqs").send_message_batch(QueueUrl=self._queue_url, Entries=waiting)
            failed = {one["Id"] for one in answer.get("Failed", [])}
            waiting = [one for one in waiting if one["Id"] in failed]
            if not waiting:
                return
        raise StoreError(f"SQS did not take {len(waiting)} of {len(bodies)} messages; try again.")

    def _stream_out(self, messages: Sequence[Message]) -> None:
        records = [
            {"Data": part, "PartitionKey": message.part_name(one.key, number)}
            for one in messages
            for number, part in enumerate(message.parts(one.batch))
        ]
        for some in _cut(records, lambda record: len(record["Data"]), RECORDS_PER_CALL, RECORD_BYTES_PER_CALL):
            left, reason = self._put(some)
            if left:
                telemetry.stream_failures.inc(len(left))
                parts = [record["PartitionKey"] for record in left]
                log.warning("the stream lacks parts of batches", parts=parts, reason=reason)

    def _put(self, records: Sequence[Entry]) -> tuple[Sequence[Entry], str]:
        """Put records, what failed once more; returns what the stream did not take, and why."""
        waiting, reason = list(records), ""
        for _ in range(2):
            try:
                with translated():
                    answers = client("kinesis", STREAM_READ_SECONDS, 1).put_records(
                        StreamName=self._stream, Records=waiting
                    )["Records"]
            except StoreError as exc:
                reason = exc.detail
                continue
            reason = ", ".join(sorted({answer["ErrorCode"] for answer in answers if "ErrorCode" in answer}))
            waiting = [one for one, answer in zip(waiting, answers, strict=True) if "ErrorCode" in answer]
            if not waiting:
                break
        return waiting, reason


def _cut(
    given: Sequence[Given], size_of: Callable[[Given], int], max_entries: int, max_bytes: int
) -> Iterator[list[Given]]:
    """What is given in the same order, cut so that no cut has too many entries or bytes."""
    cut: list[Given] = []
    size = 0
    for one in given:
        if cut and (len(cut) == max_entries or size + size_of(one) > max_bytes):
            yield cut
            cut, size = [], 0
        cut.append(one)
        size += size_of(one)
    if cut:
        yield cut
