"""What the ingest path needs of the cloud, under names of its own, and what can be seen of it from outside."""

import datetime as dt
import json
import uuid
from dataclasses import dataclass, field
from typing import Any

from cloud.dynamodb import new_table
from cloud.server import REGION
from cloudpulse.engines.aws.batch_states import DynamoBatchStates
from cloudpulse.engines.aws.clients import client
from cloudpulse.engines.aws.event_log import SqsKinesisLog
from cloudpulse.engines.aws.id_index import DynamoIdIndex
from cloudpulse.errors import Overloaded
from cloudpulse.events import codec, message
from cloudpulse.events.message import Message, Pointer
from cloudpulse.events.validate import parse_batch
from cloudpulse.ingest.claim import ClaimingReceiver, Grain
from cloudpulse.ingest.decide import Receipt
from cloudpulse.ingest.prepare import Sender

WINDOW_SECONDS = 7 * 86_400
START = dt.datetime(2026, 3, 9, 14, 22, 31, 402000, tzinfo=dt.UTC)


def queue() -> str:
    """The address of a new queue."""
    return str(client("sqs").create_queue(QueueName=f"q-{uuid.uuid4().hex}")["QueueUrl"])


def bucket() -> str:
    """The name of a new bucket."""
    name = f"b-{uuid.uuid4().hex}"
    client("s3").create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": REGION})
    return name


def stream(shards: int = 1) -> str:
    """The name of a new stream."""
    name = f"s-{uuid.uuid4().hex}"
    client("kinesis").create_stream(StreamName=name, ShardCount=shards)
    return name


@dataclass
class IngestCloud:
    """One ingest path: its stores, a clock that a test moves, and what its clients were told."""

    table: str = field(default_factory=new_table)
    queue_url: str = field(default_factory=queue)
    stream: str = field(default_factory=stream)
    bucket: str = field(default_factory=bucket)
    grain: Grain = "event"
    now: dt.datetime = START
    acknowledged: set[str] = field(default_factory=set)
    _seen: list[Message] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.claims = DynamoIdIndex(self.table, WINDOW_SECONDS)
        self.states = DynamoBatchStates(self.table)
        log = SqsKinesisLog(self.queue_url, self.stream, self.bucket, self.states)
        self.receiver = ClaimingReceiver(
            self.claims, self.states, log, lambda: self.now, WINDOW_SECONDS, grain=self.grain
        )

    @property
    def seconds(self) -> int:
        """The time as the stores have it."""
        return int(self.now.timestamp())

    def wait(self, seconds: float) -> None:
        """Move the clock."""
        self.now += dt.timedelta(seconds=seconds)

    def receive(self, *events: dict[str, Any], client: str = "client", key: str | None = None) -> Receipt:
        """Send one request; what its receipt names is acknowledged."""
        sender = Sender(client_id=client, app="shop", idempotency_key=key)
        receipt = self.receiver.receive(parse_batch(json.dumps({"events": events}).encode(), 10_000), sender)
        self.acknowledged |= {one.decode() for one in receipt.event_ids}
        return receipt

    def insist(self, *events: dict[str, Any], client: str = "client") -> Receipt:
        """Send one request as a patient client does: again, when it is told to, until it has a receipt."""
        for _ in range(5):
            try:
                return self.receive(*events, client=client)
            except Overloaded as exc:
                self.wait(exc.retry_after_seconds)
        raise AssertionError("no receipt after five tries")

    def messages(self) -> list[Message]:
        """All that the queue ever held."""
        sqs = client("sqs")
        while True:
            asked = {"QueueUrl": self.queue_url, "MaxNumberOfMessages": 10, "VisibilityTimeout": 40_000}
            found = sqs.receive_message(**asked).get("Messages", [])
            if not found:
                return self._seen
            self._seen += [self._whole(one["Body"]) for one in found]

    def batches(self) -> dict[str, set[str]]:
        """The ids of each batch on the queue that is not aborted, by its key; a batch that came twice is the same."""
        found: dict[str, set[str]] = {}
        for one in self.messages():
            ids = {line.event_id for line in codec.decode_lines(codec.decompress(one.batch.lines))}
            assert {str(uuid.UUID(bytes=entry[:16])) for entry in codec.unpack_ids(one.batch.ids)} == ids
            assert found.setdefault(one.key, ids) == ids, "one key, one set of events"
        states = self.states.get(found, self.seconds)
        return {key: ids for key, ids in found.items() if key not in states or states[key].state != "aborted"}

    def parts(self) -> dict[str, list[bytes]]:
        """The records of the stream by their partition keys."""
        kinesis = client("kinesis")
        found: dict[str, list[bytes]] = {}
        for shard in kinesis.list_shards(StreamName=self.stream)["Shards"]:
            at = kinesis.get_shard_iterator(
                StreamName=self.stream, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
            )
            for record in kinesis.get_records(ShardIterator=at["ShardIterator"])["Records"]:
                found.setdefault(record["PartitionKey"], []).append(record["Data"])
        return found

    def check(self) -> None:
        """Every acknowledged event is in exactly one batch that counts; none is in two."""
        held = [one for ids in self.batches().values() for one in ids]
        assert len(held) == len(set(held)), "an event counts twice"
        assert self.acknowledged <= set(held), "an acknowledged event is lost"

    def _whole(self, body: str) -> Message:
        found = message.decode(body)
        if isinstance(found, Pointer):
            stored = client("s3").get_object(Bucket=self.bucket, Key=found.object)["Body"].read()
            found = message.decode(stored)
        assert isinstance(found, Message)
        return found


def event(number: int, **fields: Any) -> dict[str, Any]:
    """One event as a client sends it; the same number, the same id."""
    base = {"event_id": str(uuid.UUID(int=number)), "event_type": "click", "session_id": "s", "source": "server"}
    return base | fields
