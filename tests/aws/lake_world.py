"""A lake on Glue and S3, its workers, and batches for them."""

import datetime as dt
import hashlib
import json
import uuid
from collections import Counter
from pathlib import Path

import boto3
import msgspec

from cloud.dynamodb import new_table
from cloud.ingest import bucket
from cloudpulse.batch.worker import Delivery, LakeWorker
from cloudpulse.engines.aws.batch_states import DynamoBatchStates
from cloudpulse.engines.aws.records import DynamoRecords
from cloudpulse.events import codec, message
from cloudpulse.events.model import Batch, Count, Event, Stamp
from cloudpulse.events.times import micros, minute_of
from cloudpulse.lake import bronze
from cloudpulse.lake.chunk import Chunk, decode
from cloudpulse.lake.commit import Lake
from cloudpulse.lake.glue import objects
from cloudpulse.settings import Settings

NOW = dt.datetime(2026, 11, 20, 10, 30, tzinfo=dt.UTC)
SECONDS = int(NOW.timestamp())


class LakeWorld:
    """A bucket, a database and a table of states that nobody else uses."""

    def __init__(self, data: Path) -> None:
        name = bucket()
        self.settings = Settings(data=data, engine="aws", aws_bucket=name, aws_database=name.replace("-", "_"))
        self.s3 = boto3.client("s3")
        table = new_table()
        self.records = DynamoRecords(table)
        self.states = DynamoBatchStates(table)
        self.objects = objects(self.settings)

    def worker(self) -> LakeWorker:
        """A new process, as it were."""
        return LakeWorker(Lake(self.settings), self.objects, self.records, self.states)

    def send(self, *batches: Batch) -> list[Delivery]:
        """What the queue delivers of batches that were accepted."""
        for batch in batches:
            self.states.queue(key_of(batch), SECONDS)
        return [Delivery(key_of(batch), message.encode(key_of(batch), batch).decode()) for batch in batches]

    def state(self, batch: Batch) -> str | None:
        """What became of a batch."""
        status = self.states.get([key_of(batch)], SECONDS).get(key_of(batch))
        return status.state if status else None

    def rows(self) -> Counter[str]:
        """How often each event is in the lake."""
        return Counter(Lake(self.settings)._table.scan().to_arrow()["event_id"].to_pylist())

    def bronze_rows(self) -> Counter[str]:
        """How often each event is in a listed bronze object."""
        found: Counter[str] = Counter()
        for file in bronze.listed(self.records):
            content = self.objects.read(file.path)
            assert hashlib.sha256(content).hexdigest() == file.sha256, "the object is not the one that was listed"
            found.update(json.loads(line)["event_id"] for line in codec.decompress(content).splitlines())
        return found

    def names(self, prefix: str) -> list[str]:
        """The objects in the bucket below a prefix."""
        pages = self.s3.get_paginator("list_objects_v2").paginate(Bucket=self.settings.aws_bucket, Prefix=prefix)
        return [item["Key"] for page in pages for item in page.get("Contents", [])]

    def holds_once(self, *batches: Batch) -> None:
        """Check that the lake and bronze hold each of these events once, and nothing else, and that all know it."""
        expected = {event_id: 1 for batch in batches for event_id in ids_of(batch)}
        assert self.rows() == expected
        assert self.bronze_rows() == expected
        assert {self.state(batch) for batch in batches} <= {"stored"}


def batch(events: int = 2, received_at: dt.datetime = NOW) -> Batch:
    """A batch of new events."""
    made = [
        Event(event_id=uuid.uuid4(), timestamp=received_at, event_type="click", session_id="s", source="web")
        for _ in range(events)
    ]
    prefix = codec.stamp_prefix(Stamp(received_at=received_at, client_id="client", app="default"))
    return Batch(
        seq=1,
        received_at=micros(received_at),
        events=events,
        digest=(Count("default", minute_of(received_at), "click", True, events),),
        ids=b"".join([codec.pack_id(one.event_id.bytes, codec.hash_of(one), one.event_type) for one in made]),
        lines=codec.pack_lines([prefix + codec.encode_event(one)[1:] for one in made]),
    )


def sent_again(batch: Batch) -> Batch:
    """The same request, received two seconds later."""
    lines = codec.decompress(batch.lines).replace(b":30:00", b":30:02").splitlines()
    return msgspec.structs.replace(batch, received_at=batch.received_at + 2_000_000, lines=codec.pack_lines(lines))


def key_of(batch: Batch) -> str:
    """The key under which a batch is sent."""
    return message.batch_key("client", codec.unpack_ids(batch.ids))


def ids_of(batch: Batch) -> list[str]:
    """The ids of its events."""
    return [str(uuid.UUID(bytes=packed[:16])) for packed in codec.unpack_ids(batch.ids)]


def chunk_of(batch: Batch) -> Chunk:
    """A batch, decoded."""
    return decode(key_of(batch), [batch], NOW)
