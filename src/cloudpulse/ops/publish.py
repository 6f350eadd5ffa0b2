"""What is told to the outside: messages wait in the store of the process that made them until they are delivered."""

import datetime as dt
import threading
from collections.abc import Callable, Iterable, Mapping
from itertools import count, groupby
from typing import Any

import msgspec

from cloudpulse.events.model import Position
from cloudpulse.events.times import rfc3339
from cloudpulse.lake import bronze
from cloudpulse.ports import DeadLetter, Message, Records, Target
from cloudpulse.settings import Published, Settings

OUTBOX = "outbox"
PUBLISHED = "published"
STORED: Published = "batch.stored"
LETTERS: Published = "event.dead_lettered"
MAX_LETTERS = 100
"""So many letters of one fault are told of in one message."""

Documents = dict[str, Any]


def targets(settings: Settings) -> dict[Published, list[Target]]:
    """Who is told of what: the webhook of what the settings name, e-mail of alarms."""
    told: dict[Published, list[Target]] = {
        kind: ["webhook"] for kind in settings.webhook_events if settings.webhook_url
    }
    if settings.smtp_url:
        told.setdefault("alarm.changed", []).append("email")
    return told


class Outbox:
    """The messages of one process; those of one kind for one target are in the order of their keys."""

    def __init__(
        self, records: Records, told: Mapping[Published, Iterable[Target]], now: Callable[[], dt.datetime]
    ) -> None:
        self._records = records
        self._told = told
        self._now = now
        self._lock = threading.Lock()
        self._numbers = count(1 + max((int(key.partition(":")[0]) for key, _ in records.list(OUTBOX)), default=0))
        self._filling: dict[str, tuple[str, Message]] = {}
        self.changed = threading.Event()

    def wants(self, kind: Published) -> bool:
        """Whether anybody is told of this."""
        return kind in self._told

    def documents(self, kind: Published, name: str, data: Mapping[str, Any]) -> Documents:
        """Records of ``OUTBOX``, for who writes them with what they tell of; ``name`` is the same for the same thing.

        Who has written them sets ``changed``.
        """
        made_at = rfc3339(self._now())
        number = next(self._numbers)  # two threads never get the same one
        return {
            f"{number:020d}:{target}": msgspec.to_builtins(
                Message(id=f"{kind}:{name}", kind=kind, target=target, made_at=made_at, data=dict(data))
            )
            for target in self._told.get(kind, ())
        }

    def put_letter(self, letter: DeadLetter) -> None:
        """Tell of a dead letter, together with others of the same fault that have not been told of."""
        if not self.wants(LETTERS):
            return
        fault = f"{letter.consumer}:{letter.fingerprint}"
        with self._lock:
            key, message = self._filling.get(fault, ("", None))
            if message is None or len(message.data["letters"]) >= MAX_LETTERS:
                [(key, document)] = self.documents(LETTERS, letter.id, _told_of(letter)).items()
                message = msgspec.convert(document, Message)
            elif letter.id not in message.data["letters"]:
                data = message.data
                more = {"letters": [*data["letters"], letter.id], "events": data["events"] + letter.events}
                message = msgspec.structs.replace(message, data=data | more)
            self._records.put(OUTBOX, {key: msgspec.to_builtins(message)})
            self._filling[fault] = (key, message)
        self.changed.set()

    def waiting(self) -> list[tuple[str, Message]]:
        """All messages with their keys, in order."""
        return [(key, msgspec.convert(document, Message)) for key, document in self._records.list(OUTBOX)]

    def take(self, key: str) -> Message | None:
        """The message as it is to be sent: nothing is added to it any more."""
        with self._lock:
            self._filling = {fault: one for fault, one in self._filling.items() if one[0] != key}
            document = self._records.get(OUTBOX, key)
        return None if document is None else msgspec.convert(document, Message)

    def remove(self, keys: Iterable[str]) -> None:
        """Forget messages that were delivered, or given up."""
        self._records.delete(OUTBOX, keys)


class StoredBatches:
    """Tells of what the lake has stored, one message for each of its commits, none left out after a death.

    ``position`` is how far the lake has come, None while that is not known; its bronze objects are listed up to there.
    """

    def __init__(self, records: Records, outbox: Outbox, position: Callable[[], Position | None]) -> None:
        self._records = records
        self._outbox = outbox
        self._position = position
        self._told = _position(records.get(PUBLISHED, STORED))

    def look(self) -> None:
        """Tell of the commits that have come."""
        position = self._position()
        if position is None or position == self._told or not self._outbox.wants(STORED):
            return
        if self._told is None:
            self._records.put(PUBLISHED, {STORED: msgspec.to_builtins(position)})  # nobody has asked for those before
        else:
            self._tell(self._told.seq if self._told.journal == position.journal else 0, position)
        self._told = position

    def _tell(self, after: int, position: Position) -> None:
        journal = position.journal
        files = [file for file in bronze.list_files(self._records, journal, after) if file.last <= position.seq]
        for _, commit in groupby(files, key=lambda file: file.stored_at):
            data = _stored(journal, list(commit))
            told = msgspec.to_builtins(Position(journal, data["last_batch"]))
            name = f"{journal}:{data['first_batch']}-{data['last_batch']}"
            documents: dict[str, Documents] = {
                PUBLISHED: {STORED: told},
                OUTBOX: self._outbox.documents(STORED, name, data),
            }
            self._records.exchange({}, documents)
            self._outbox.changed.set()


def _told_of(letter: DeadLetter) -> dict[str, Any]:
    return {
        "consumer": letter.consumer,
        "fingerprint": letter.fingerprint,
        "reason": letter.reason,
        "letters": [letter.id],
        "events": letter.events,
    }


def _stored(journal: str, files: list[bronze.BronzeFile]) -> dict[str, Any]:
    return {
        "journal": journal,
        "first_batch": min(file.first for file in files),
        "last_batch": max(file.last for file in files),
        "events": sum(file.n for file in files),
        "files": [file.path for file in files],
    }


def _position(document: Any) -> Position | None:
    return None if document is None else msgspec.convert(document, Position)
