"""What could not be processed, in an SQS queue: the worker's queue moves a message there by itself after some tries.

A queue has no list and no look-up: both receive all messages, hide them for a moment, and show them again. What has
gone to the queue by itself has no letter yet; it is made of what the queue knows.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import msgspec

from cloudpulse.engines.aws.clients import client, translated
from cloudpulse.events import message
from cloudpulse.events.message import MAX_MESSAGE_BYTES, Message, Pointer
from cloudpulse.events.model import LAKE, Batch, Position
from cloudpulse.ports import DeadLetter, Records

HIDDEN_SECONDS = 60
"""How long a letter is out of others' sight while somebody looks through all of them."""

MESSAGES_PER_CALL = 10
GAVE_UP = "The worker tried this batch until its queue gave up; its log says why."

_LETTER = "letter"

Received = dict[str, Any]
Messages = list[Received]
Found = list[tuple[DeadLetter, Received]]


class SqsDeadLetters:
    """Port ``DeadLetters``; a batch's key is the journal of its position."""

    def __init__(self, url: str, source_url: str, bucket: str, records: Records) -> None:
        self._url = url
        self._source_url = source_url
        self._bucket = bucket
        self._records = records

    def park(self, letter: DeadLetter, batch: Batch) -> None:
        """Send a letter with its events; an earlier one of the same name goes when this one is there."""
        with self._seen() as found:
            self._send(letter, batch)
            self._delete([received for known, received in found if known.id == letter.id])

    def list(self, consumer: str | None = None) -> list[DeadLetter]:
        """All letters that nobody else looks at just now, oldest first."""
        with self._seen() as found:
            letters = {letter.id: letter for letter, _ in found if consumer in (None, letter.consumer)}
        return sorted(letters.values(), key=lambda one: (one.parked_at, one.id))

    def show(self, letter_id: str) -> DeadLetter | None:
        """One letter, or None."""
        return next((letter for letter in self.list() if letter.id == letter_id), None)

    def batch(self, letter_id: str) -> Batch | None:
        """The events of one letter, or None."""
        with self._seen() as found:
            held = [received for letter, received in found if letter.id == letter_id]
            whole = self._whole(held[0]["Body"]) if held else None
        return whole.batch if whole else None

    def remove(self, letter_id: str, place: str | None = None) -> bool:
        """Count a letter's events, then delete it; whoever dies in between and does it again counts them once."""
        with self._seen() as found:
            held = [one for one in found if one[0].id == letter_id]
            if held and place is not None:
                self._count(held[0][0], place, 0)
            self._delete([received for _, received in held])
        return bool(held)

    def shorten(self, letter_id: str, batch: Batch, place: str | None = None) -> bool:
        """Count what goes, send what stays, then delete the letter as it was."""
        with self._seen() as found:
            held = [one for one in found if one[0].id == letter_id]
            if held:
                letter = held[0][0]
                if place is not None:
                    self._count(letter, place, batch.events)
                self._send(msgspec.structs.replace(letter, events=batch.events), batch)
                self._delete([received for _, received in held])
        return bool(held)

    def forget_above(self, consumer: str, position: Position | None) -> int:
        """Nothing: no queue delivers again what it has moved here."""
        return 0

    def redrive(self, letter_id: str) -> bool:
        """Have the worker try a letter again, as it is; False when there is none.

        Whoever dies in between and does it again sends it twice, which counts once.
        """
        with self._seen() as found:
            held = [received for letter, received in found if letter.id == letter_id]
            if held:
                with translated():
                    client("sqs").send_message(QueueUrl=self._source_url, MessageBody=held[0]["Body"])
                self._delete(held)
        return bool(held)

    @contextmanager
    def _seen(self) -> Iterator[Found]:
        """All letters with their messages, which nobody else sees meanwhile; what is not deleted is shown again."""
        received = self._receive()
        try:
            tries = self._tries() if received else 0
            yield [(self._letter(one, tries), one) for one in received]
        finally:
            self._show_again([one for one in received if "Deleted" not in one])

    def _receive(self) -> Messages:
        found: Messages = []
        waiting = int(self._attribute(self._url, "ApproximateNumberOfMessages") or 0)
        with translated():
            while len(found) < waiting:
                answer = client("sqs").receive_message(
                    QueueUrl=self._url,
                    MaxNumberOfMessages=MESSAGES_PER_CALL,
                    VisibilityTimeout=HIDDEN_SECONDS,
                    WaitTimeSeconds=1,  # a queue that is asked for less looks at a part of itself only
                    MessageAttributeNames=[_LETTER],
                    AttributeNames=["SentTimestamp"],
                )
                if not (some := answer.get("Messages", [])):
                    break
                found += some
        return found

    def _letter(self, received: Received, tries: int) -> DeadLetter:
        if said := received.get("MessageAttributes", {}).get(_LETTER):
            return msgspec.json.decode(said["StringValue"], type=DeadLetter)
        whole = self._whole(received["Body"])
        return DeadLetter(
            consumer=LAKE,
            position=Position(whole.key if whole else received["MessageId"].replace("-", ""), 1),
            events=whole.batch.events if whole else 0,
            parked_at=int(received["Attributes"]["SentTimestamp"]) * 1_000,
            attempts=tries,
            failed_at=(),
            fingerprint="",
            reason=GAVE_UP if whole else "It is no message of ours.",
            stack="",
        )

    def _whole(self, body: str) -> Message | None:
        """The batch of a message; None when it is none of ours."""
        try:
            found = message.decode(body)
            if isinstance(found, Pointer):
                with translated():
                    stored = client("s3").get_object(Bucket=self._bucket, Key=found.object)["Body"].read()
                found = message.decode(stored)
        except msgspec.MsgspecError:
            return None
        return found if isinstance(found, Message) else None

    def _tries(self) -> int:
        """How often the queue lets the worker try."""
        policy = msgspec.json.decode(self._attribute(self._source_url, "RedrivePolicy") or "{}")
        return int(policy.get("maxReceiveCount", 0))

    def _send(self, letter: DeadLetter, batch: Batch) -> None:
        key = letter.position.journal
        body = message.encode(key, batch)
        said = {"DataType": "String", "StringValue": msgspec.json.encode(letter).decode()}
        with translated():
            if len(body) > MAX_MESSAGE_BYTES:
                client("s3").put_object(Bucket=self._bucket, Key=message.object_name(key), Body=body)
                body = message.encode_pointer(key)
            client("sqs").send_message(QueueUrl=self._url, MessageBody=body.decode(), MessageAttributes={_LETTER: said})

    def _count(self, letter: DeadLetter, place: str, left: int) -> None:
        mark, key = f"{letter.id}:{letter.events}:{left}", f"{place}:{letter.position.journal}"
        if self._records.get("counted", mark) is None:
            before = (self._records.get("ledger", key) or {"events": 0})["events"]
            counted = {"events": before + letter.events - left}
            self._records.exchange({}, {"ledger": {key: counted}, "counted": {mark: {}}})

    def _delete(self, received: Messages) -> None:
        for one in received:
            with translated():
                client("sqs").delete_message(QueueUrl=self._url, ReceiptHandle=one["ReceiptHandle"])
            one["Deleted"] = True

    def _show_again(self, received: Messages) -> None:
        for start in range(0, len(received), MESSAGES_PER_CALL):
            entries = [
                {"Id": str(number), "ReceiptHandle": one["ReceiptHandle"], "VisibilityTimeout": 0}
                for number, one in enumerate(received[start : start + MESSAGES_PER_CALL])
            ]
            with translated():
                client("sqs").change_message_visibility_batch(QueueUrl=self._url, Entries=entries)

    def _attribute(self, url: str, name: str) -> str | None:
        with translated():
            answer = client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=[name])
        return str(answer["Attributes"][name]) if name in answer.get("Attributes", {}) else None
