"""Where one event is: ``GET /v1/events/{event_id}``."""

import time
from pathlib import Path
from typing import Literal
from uuid import UUID

import msgspec

from cloudpulse.errors import NotFound
from cloudpulse.events import codec, times
from cloudpulse.events.model import LAKE
from cloudpulse.lake import bronze, erased_ids
from cloudpulse.lake.bronze import BronzeFile, locate
from cloudpulse.lake.snapshot import SnapshotReader
from cloudpulse.ports import DeadLetter, DeadLetters, IdIndex, LogReader, Records


class Location(msgspec.Struct, frozen=True):
    """The bronze object that holds an event, relative to the data folder."""

    path: str


class EventStatus(msgspec.Struct, frozen=True):
    """What became of an accepted event; ``attempts`` counts the tries of the batch layer that failed."""

    event_id: str
    event_type: str
    status: Literal["queued", "stored", "dead_lettered"]
    received_at: str
    stored_at: str | None
    location: Location | None
    batch_id: str
    attempts: int


class EventLookup:
    """Answers from the id index; the batch tells the rest."""

    def __init__(
        self,
        data: Path,
        index: IdIndex,
        reader: LogReader,
        snapshots: SnapshotReader,
        records: Records,
        letters: DeadLetters,
    ) -> None:
        self._data = data
        self._index = index
        self._reader = reader
        self._snapshots = snapshots
        self._records = records
        self._letters = letters

    def find(self, event_id: UUID) -> EventStatus:
        """The status of an event accepted within the deduplication window; raises ``NotFound``."""
        entry = self._index.lookup([event_id.bytes], int(time.time()))[0]
        if entry is None:
            raise NotFound(f"No event {event_id} was accepted within the deduplication window.")
        journal = self._reader.state().journal
        batch_id = f"{journal}:{entry.seq}"
        letter = self._letter(f"{LAKE}:{batch_id}", event_id)
        position = self._snapshots.current().position
        stored = letter is None and position is not None and position.journal == journal and entry.seq <= position.seq
        file = locate(self._records, journal, entry.seq) if stored else None
        if erased_ids.is_erased(self._records, journal, entry.seq, event_id.bytes):
            raise NotFound(f"Event {event_id} was accepted, and was erased.")
        if self._is_purged(f"{LAKE}:{batch_id}", letter, file, event_id):
            raise NotFound(f"Event {event_id} was accepted, could not be processed, and was purged.")
        return EventStatus(
            event_id=str(event_id),
            event_type=entry.event_type,
            status="dead_lettered" if letter else "stored" if stored else "queued",
            received_at=times.rfc3339(times.from_micros(entry.received_at * 1_000_000)),
            stored_at=times.rfc3339(times.from_micros(file.stored_at)) if file else None,
            location=Location(bronze.name_of(file)) if file else None,
            batch_id=batch_id,
            attempts=letter.attempts if letter else 0,
        )

    def _letter(self, letter_id: str, event_id: UUID) -> DeadLetter | None:
        """The dead letter that holds an event; of a batch, only the lines that failed are set aside."""
        letter, batch = self._letters.show(letter_id), self._letters.batch(letter_id)
        held = batch is not None and event_id.bytes in {entry[:16] for entry in codec.unpack_ids(batch.ids)}
        return letter if held else None

    def _is_purged(self, letter_id: str, letter: DeadLetter | None, file: BronzeFile | None, event_id: UUID) -> bool:
        """Whether an event went with its purged letter, and not with the rest of its batch into the lake."""
        if self._reader.redrives([letter_id]).get(letter_id) != 0:
            return False
        return letter is not None or file is None or not bronze.holds(self._data, file, str(event_id).encode())
