"""What people do with dead letters: look at them, try them, have them tried again, purge them (mechanism 17).

Each letter is decided on once, in the log: its next try, or that there is none. The pipeline then removes it.
"""

import datetime as dt
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Literal, Protocol

import msgspec
import zstandard

from cloudpulse.errors import NotFound
from cloudpulse.events import times
from cloudpulse.events.model import Batch, Position
from cloudpulse.lake.chunk import Chunk, decode
from cloudpulse.ports import DeadLetter, DeadLetters, LogReader

SHOWN_BYTES = 256 * 1024
SHOWN_EVENTS = 200
PURGED = 0

Outcome = Literal["redriven", "purged", "expired", "unknown", "would_succeed", "would_fail"]
Trial = Callable[[Chunk], object]


class Journal(Protocol):
    """The log, for letters: the one thread that writes it does it."""

    def append_once(self, batch: Batch, check: Callable[[Batch], None] | None = None) -> int:
        """Append the next try of a letter, once; its number, 0 when the letter was purged.

        ``check`` may refuse it when nothing can come before it any more.
        """

    def purge(self, letter_id: str) -> bool:
        """Decide that a letter is never appended again; False when it was."""


class Letter(msgspec.Struct, frozen=True, kw_only=True):
    """One dead letter: ``events`` of batch ``batch_id`` that ``consumer`` could not process."""

    id: str
    consumer: str
    batch_id: str
    events: int
    attempts: int
    parked_at: str
    expires_at: str
    fingerprint: str
    reason: str
    redrive_of: str | None


class Group(msgspec.Struct, frozen=True, kw_only=True):
    """The letters that failed in the same way."""

    fingerprint: str
    consumer: str
    reason: str
    letters: int
    events: int
    first_parked_at: str
    last_parked_at: str


class LetterList(msgspec.Struct, frozen=True, kw_only=True):
    """Groups of all letters that were asked for, largest first, and the oldest letters up to a limit."""

    groups: list[Group]
    letters: list[Letter]
    total: int


class ShownEvent(msgspec.Struct, frozen=True, kw_only=True):
    """One stored line as it was accepted: as JSON, or as text where it is none."""

    event: Any = None
    text: str | None = None


class LetterDetail(msgspec.Struct, frozen=True, kw_only=True):
    """A letter with its stack, the times of its last tries, and its first events, as far as they can be read."""

    letter: Letter
    stack: list[str]
    failed_at: list[str]
    original: list[ShownEvent]
    truncated: bool


class Redriven(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one letter, or would become; ``batch_id`` is its next try, ``is_new`` whether this made it."""

    id: str
    outcome: Outcome
    events: int = 0
    batch_id: str | None = None
    reason: str | None = None
    is_new: bool = False


class DeadLetterService:
    """Reads the letters, and has them decided on. ``trials``: what a consumer does with a chunk, without writing;
    ``check`` refuses a batch that must not be tried again now.
    """

    def __init__(
        self,
        letters: DeadLetters,
        reader: LogReader,
        journal: Journal,
        positions: Mapping[str, Callable[[], Position | None]],
        trials: Mapping[str, Trial],
        keep: dt.timedelta,
        now: Callable[[], dt.datetime],
        check: Callable[[Batch], None] | None = None,
    ) -> None:
        self._letters = letters
        self._reader = reader
        self._journal = journal
        self._positions = positions
        self._trials = trials
        self._keep = keep
        self._now = now
        self._check = check

    def list(self, consumer: str | None = None, fingerprint: str | None = None, limit: int = 100) -> LetterList:
        """The letters that wait for a decision."""
        found = self._open(consumer, fingerprint)
        return LetterList(groups=_groups(found), letters=[self._shown(one) for one in found[:limit]], total=len(found))

    def ids(self, consumer: str | None = None, fingerprint: str | None = None) -> Sequence[str]:
        """Ids of all letters that wait for a decision, oldest first."""
        return [letter.id for letter in self._open(consumer, fingerprint)]

    def counts(self) -> dict[str, int]:
        """How many letters wait, by consumer."""
        return dict.fromkeys(self._positions, 0) | Counter(letter.consumer for letter in self._open())

    def show(self, letter_id: str) -> LetterDetail:
        """One letter with its events; raises ``NotFound``."""
        letter = self._find(letter_id)
        batch = self._letters.batch(letter_id)
        if letter is None or batch is None:
            raise NotFound(f"There is no dead letter {letter_id}.")
        original, truncated = _original(batch)
        return LetterDetail(
            letter=self._shown(letter),
            stack=letter.stack.splitlines(),
            failed_at=[_time(at) for at in letter.failed_at],
            original=original,
            truncated=truncated,
        )

    def redrive(self, letter_id: str) -> Redriven:
        """Have a letter tried again, once; asking again answers the same."""
        if (known := self._decided(letter_id)) is not None:
            return known
        letter, batch = self._find(letter_id), self._letters.batch(letter_id)
        if letter is None or batch is None:
            return Redriven(id=letter_id, outcome="unknown")
        if self._now() >= self._expires_at(letter):
            return Redriven(id=letter_id, outcome="expired", events=letter.events)
        # It joins the log now: its age there is that of the try, not of its events.
        again = msgspec.structs.replace(batch, seq=0, received_at=times.micros(self._now()), redrive_of=letter_id)
        return self._outcome(letter_id, self._journal.append_once(again, self._check), letter.events, is_new=True)

    def try_out(self, letter_id: str) -> Redriven:
        """Process a letter without writing anything."""
        if (known := self._decided(letter_id)) is not None:
            return known
        letter, batch = self._find(letter_id), self._letters.batch(letter_id)
        if letter is None or batch is None:
            return Redriven(id=letter_id, outcome="unknown")
        try:
            self._trials[letter.consumer](decode(letter.position.journal, [batch], self._now()))
        except Exception as exc:
            return Redriven(id=letter_id, outcome="would_fail", events=letter.events, reason=type(exc).__name__)
        return Redriven(id=letter_id, outcome="would_succeed", events=letter.events)

    def purge(self, letter_id: str) -> None:
        """Give a letter up for good; raises ``NotFound``, also when it was redriven."""
        if self._reader.redrives([letter_id]).get(letter_id) == PURGED:
            return
        if self._find(letter_id) is None or not self._journal.purge(letter_id):
            raise NotFound(f"There is no dead letter {letter_id}, or it was redriven.")

    def _open(self, consumer: str | None = None, fingerprint: str | None = None) -> Sequence[DeadLetter]:
        found = [letter for letter in self._letters.list(consumer) if fingerprint in (None, letter.fingerprint)]
        final = [letter for letter in found if self._is_final(letter)]
        decided = self._reader.redrives(letter.id for letter in final)
        return [letter for letter in final if letter.id not in decided]

    def _find(self, letter_id: str) -> DeadLetter | None:
        letter = self._letters.show(letter_id)
        return letter if letter is not None and self._is_final(letter) else None

    def _is_final(self, letter: DeadLetter) -> bool:
        """Not before its consumer has passed it: until then a crash lets the log deliver the batch again."""
        return letter.is_passed(self._positions[letter.consumer]())

    def _decided(self, letter_id: str) -> Redriven | None:
        seq = self._reader.redrives([letter_id]).get(letter_id)
        return None if seq is None else self._outcome(letter_id, seq)

    def _outcome(self, letter_id: str, seq: int, events: int = 0, is_new: bool = False) -> Redriven:
        if seq == PURGED:
            return Redriven(id=letter_id, outcome="purged", events=events)
        batch_id = f"{self._reader.state().journal}:{seq}"
        return Redriven(id=letter_id, outcome="redriven", events=events, batch_id=batch_id, is_new=is_new)

    def _expires_at(self, letter: DeadLetter) -> dt.datetime:
        return times.from_micros(letter.parked_at) + self._keep

    def _shown(self, letter: DeadLetter) -> Letter:
        return Letter(
            id=letter.id,
            consumer=letter.consumer,
            batch_id=str(letter.position),
            events=letter.events,
            attempts=letter.attempts,
            parked_at=_time(letter.parked_at),
            expires_at=times.rfc3339(self._expires_at(letter)),
            fingerprint=letter.fingerprint,
            reason=letter.reason,
            redrive_of=letter.redrive_of,
        )


def _groups(letters: Iterable[DeadLetter]) -> list[Group]:
    by_fault: dict[tuple[str, str], list[DeadLetter]] = {}
    for letter in letters:
        by_fault.setdefault((letter.consumer, letter.fingerprint), []).append(letter)
    groups = [
        Group(
            fingerprint=fingerprint,
            consumer=consumer,
            reason=same[0].reason,
            letters=len(same),
            events=sum(letter.events for letter in same),
            first_parked_at=_time(same[0].parked_at),
            last_parked_at=_time(same[-1].parked_at),
        )
        for (consumer, fingerprint), same in by_fault.items()
    ]
    return sorted(groups, key=lambda group: -group.events)


def _original(batch: Batch) -> tuple[list[ShownEvent], bool]:
    """The first events, and whether there are more, or bytes that nobody can read."""
    try:
        with zstandard.ZstdDecompressor().stream_reader(batch.lines) as stream:
            content = stream.read(SHOWN_BYTES + 1)
    except zstandard.ZstdError:
        return [], True
    lines = content[:SHOWN_BYTES].removesuffix(b"\n").split(b"\n")[:SHOWN_EVENTS]
    return [_event(line) for line in lines], len(content) > SHOWN_BYTES or len(lines) < batch.events


def _event(line: bytes) -> ShownEvent:
    try:
        return ShownEvent(event=msgspec.json.decode(line))
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return ShownEvent(text=line.decode(errors="replace"))


def _time(at: int) -> str:
    return times.rfc3339(times.from_micros(at))
