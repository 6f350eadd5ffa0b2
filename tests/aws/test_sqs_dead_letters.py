"""What a queue gave up: seen, tried again and purged, and never lost on the way."""

import json
import os

import pytest

from cloud.dynamodb import new_table
from cloud.ingest import IngestCloud, event, queue
from cloudpulse.engines.aws.clients import client
from cloudpulse.engines.aws.dead_letters import GAVE_UP, SqsDeadLetters
from cloudpulse.engines.aws.records import DynamoRecords
from cloudpulse.errors import StoreError
from cloudpulse.events import message

TRIES = 3


class Dead:
    """A queue whose worker fails, and its dead letters."""

    def __init__(self) -> None:
        self.world = IngestCloud()
        self.url = queue()
        self.records = DynamoRecords(new_table())
        self.letters = SqsDeadLetters(self.url, self.world.queue_url, self.world.bucket, self.records)
        arn = self._sqs.get_queue_attributes(QueueUrl=self.url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        policy = json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": TRIES})
        self._sqs.set_queue_attributes(QueueUrl=self.world.queue_url, Attributes={"RedrivePolicy": policy})

    @property
    def _sqs(self):
        return client("sqs")

    def give_up(self) -> None:
        """Let a worker fail until the queue has moved all that it held."""
        for _ in range(TRIES + 1):
            self._sqs.receive_message(
                QueueUrl=self.world.queue_url, MaxNumberOfMessages=10, VisibilityTimeout=0, AttributeNames=["All"]
            )

    def bodies(self, url: str) -> list[str]:
        """What a queue shows, without hiding it."""
        found = self._sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, VisibilityTimeout=0)
        return [one["Body"] for one in found.get("Messages", [])]

    def everywhere(self) -> set[str]:
        """The keys of batches on either queue."""
        bodies = self.bodies(self.url) + self.bodies(self.world.queue_url)
        return {message.decode(body).key for body in bodies}


@pytest.fixture
def dead(cloud) -> Dead:
    return Dead()


def given_up(dead: Dead, *numbers: int) -> str:
    """The id of the letter that these events became."""
    dead.world.receive(*(event(number) for number in numbers))
    dead.give_up()
    (letter,) = dead.letters.list()
    return letter.id


def test_a_batch_that_the_queue_gave_up_is_a_letter(dead):
    letter_id = given_up(dead, 1, 2)
    letter = dead.letters.show(letter_id)
    assert letter is not None
    assert (letter.consumer, letter.events, letter.attempts, letter.reason) == ("lake", 2, TRIES, GAVE_UP)
    (key,) = dead.everywhere()
    assert letter_id == f"lake:{key}:1"
    batch = dead.letters.batch(letter_id)
    assert batch is not None
    assert batch.events == 2
    assert dead.letters.list("speed") == []
    assert dead.letters.list() == [letter], "whoever looks at letters leaves them there"


def test_a_letter_is_tried_again_and_is_one_no_more(dead):
    letter_id = given_up(dead, 1, 2)
    assert dead.letters.redrive(letter_id)
    assert dead.letters.list() == []
    assert not dead.letters.redrive(letter_id)
    assert len(dead.bodies(dead.world.queue_url)) == 1
    dead.world.check()


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize(
    "call", [("sqs", "DeleteMessage"), ("dynamodb", "TransactWriteItems")], ids=lambda call: call[0]
)
def test_a_purged_letter_is_counted_once(dead, faults, call, after):
    letter_id = given_up(dead, 1, 2)
    key = letter_id.split(":")[1]
    faults.fail(*call, after=after, times=3)
    with pytest.raises(StoreError):
        dead.letters.remove(letter_id, "purged")
    assert faults.pending() == 0
    assert dead.letters.remove(letter_id, "purged") != (after and call[0] == "sqs")
    assert dead.letters.list() == []
    assert dead.records.get("ledger", f"purged:{key}") == {"events": 2}


def test_a_large_letter_is_read_from_its_object(dead):
    dead.world.receive(*(event(number, properties={"text": os.urandom(4_800).hex()}) for number in range(60)))
    dead.give_up()
    (letter,) = dead.letters.list()
    assert letter.events == 60
    batch = dead.letters.batch(letter.id)
    assert batch is not None
    assert dead.letters.shorten(letter.id, batch, "erased")
    assert [one.id for one in dead.letters.list()] == [letter.id]
    assert dead.letters.batch(letter.id) == batch


@pytest.mark.parametrize("body", ["no json", '{"v":1}', '{"v":9,"batch":"x"}'])
def test_what_is_no_message_of_ours_is_a_letter_too(dead, body):
    client("sqs").send_message(QueueUrl=dead.url, MessageBody=body)
    (letter,) = dead.letters.list()
    assert (letter.events, letter.reason) == (0, "It is no message of ours.")
    assert dead.letters.batch(letter.id) is None
    assert dead.letters.remove(letter.id, "purged")
    assert dead.letters.list() == []


def test_more_letters_than_one_call_gives(dead):
    for number in range(23):
        dead.world.receive(event(number))
    for _ in range(4 * TRIES):
        dead.give_up()
    assert len({letter.id for letter in dead.letters.list()}) == 23
    assert len(dead.letters.list()) == 23


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("operation", ["SendMessage", "DeleteMessage"])
def test_a_letter_is_never_lost_between_the_queues(dead, faults, operation, after):
    letter_id = given_up(dead, 1)
    keys = dead.everywhere()
    faults.fail("sqs", operation, after=after, times=3)
    with pytest.raises(StoreError):
        dead.letters.redrive(letter_id)
    assert dead.everywhere() == keys
    dead.letters.redrive(letter_id)
    assert dead.letters.list() == []
    assert dead.bodies(dead.world.queue_url)
    dead.world.check()
