"""The pipeline's part of the dead letters: it writes them, and lets them go (mechanism 17)."""

import datetime as dt
import hashlib
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path

import structlog

import cloudpulse
from cloudpulse.entrypoints.chunks import Now
from cloudpulse.errors import CloudPulseError
from cloudpulse.events import times
from cloudpulse.events.model import LAKE, Batch, Position
from cloudpulse.ops.reconciliation.set_aside import note_purged
from cloudpulse.ports import DeadLetter, DeadLetters, LogReader, Records

PURGED = "purged"
EXPIRED = "expired"
GRACE = dt.timedelta(hours=1)
"""The api redrives no letter that has expired; one that it decided on a moment before is appended by then."""

_FRAMES = 5
_SOURCE = Path(cloudpulse.__file__).parents[1]

log = structlog.get_logger(__name__)


class Letters:
    """The dead letters, as the loops of both layers use them."""

    def __init__(
        self,
        letters: DeadLetters,
        records: Records,
        reader: LogReader,
        keep: dt.timedelta,
        now: Now,
        tell: Callable[[DeadLetter], None] = lambda _: None,
    ) -> None:
        self._letters = letters
        self._records = records
        self._reader = reader
        self._keep = keep
        self._now = now
        self._tell = tell

    def park(self, consumer: str, position: Position, batch: Batch, exc: Exception, failed_at: Sequence[int]) -> None:
        """Keep what failed; where it is another letter's next try, the tries add up."""
        before = self._letters.show(batch.redrive_of) if batch.redrive_of else None
        letter = DeadLetter(
            consumer=consumer,
            position=position,
            events=batch.events,
            parked_at=times.micros(self._now()),
            attempts=len(failed_at) + (before.attempts if before else 0),
            failed_at=tuple(failed_at),
            fingerprint=fingerprint(exc),
            reason=_reason(exc),
            stack="\n".join(_frames(exc)),
            redrive_of=batch.redrive_of,
        )
        self._letters.park(letter, batch)
        self._tell(letter)
        log.error("events were set aside", letter=letter.id, events=letter.events, reason=letter.reason)

    def forget_above(self, consumer: str, position: Position) -> None:
        """Forget letters of batches that the journal delivers again."""
        self._letters.forget_above(consumer, position)

    def reap(self, consumer: str, stored: Position) -> None:
        """Remove letters whose next try the consumer has stored, purged ones, and expired ones.

        Events leave the ledger's dead letters only where they are dead letters of the lake.
        """
        letters = [letter for letter in self._letters.list(consumer) if letter.is_passed(stored)]
        decided = self._reader.redrives(letter.id for letter in letters)
        for letter in letters:
            seq = decided.get(letter.id)
            if seq is None and self._is_expired(letter):
                self._let_go(letter, EXPIRED)
            elif seq == 0:
                self._let_go(letter, PURGED)
            elif seq is not None and seq <= stored.seq:
                self._letters.remove(letter.id)

    def _is_expired(self, letter: DeadLetter) -> bool:
        return self._now() > times.from_micros(letter.parked_at) + self._keep + GRACE

    def _let_go(self, letter: DeadLetter, place: str) -> None:
        batch = self._letters.batch(letter.id)
        if place == PURGED and batch is not None:  # what expires is older than any live counter
            note_purged(self._records, letter, batch, self._now())
        self._letters.remove(letter.id, place if letter.consumer == LAKE else None)
        log.info("a dead letter was removed", letter=letter.id, events=letter.events, why=place)


def fingerprint(exc: Exception) -> str:
    """The same for failures of one kind at one place, whatever the data: what letters are grouped by."""
    return hashlib.sha256("\n".join([type(exc).__name__, *_frames(exc)]).encode()).hexdigest()[:12]


def _reason(exc: Exception) -> str:
    """Kind and place; the text only where it is our own, for that of a decoder may quote an event."""
    text = f": {exc}" if isinstance(exc, CloudPulseError) else ""
    frames = _frames(exc)
    return f"{type(exc).__name__}{text} in {frames[-1]}" if frames else f"{type(exc).__name__}{text}"


def _frames(exc: Exception) -> list[str]:
    """``file:function`` of the innermost frames, the innermost last."""
    frames = traceback.extract_tb(exc.__traceback__)[-_FRAMES:]
    return [f"{_relative(Path(frame.filename))}:{frame.name}" for frame in frames]


def _relative(path: Path) -> str:
    return str(path.relative_to(_SOURCE)) if path.is_relative_to(_SOURCE) else path.name
