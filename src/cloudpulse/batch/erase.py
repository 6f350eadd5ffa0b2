"""The job ``erase``: the events of a person or a session go from every place that holds events (mechanism 19).

All erasures that wait are done at once, in two steps: everything is rewritten; later, when nobody can read the old
files any more, they go, and the record is kept. A run that was cut off is taken up by the next one.
"""

import datetime as dt
import time
from collections.abc import Callable, Collection, Sequence
from typing import Any, Protocol

import msgspec
import structlog

from cloudpulse.batch.erasure_pass import ErasurePass, ErasureStores
from cloudpulse.batch.sweep import hand_over_leftovers
from cloudpulse.errors import StoreError
from cloudpulse.events.model import LAKE
from cloudpulse.events.times import from_micros, micros, minute_of, rfc3339
from cloudpulse.lake import bronze, erased, erasure_state, garbage, tail
from cloudpulse.lake.erased import Taken
from cloudpulse.lake.erasure_state import ErasureState
from cloudpulse.lake.tombstones import Tombstone
from cloudpulse.settings import Settings

PATIENCE_SECONDS = 900.0
"""How long it waits for other parts."""
PACE_SECONDS = 0.2
LIVE = dt.timedelta(hours=26)
COMMIT = dt.timedelta(minutes=10)
"""No commit takes so long: a file that is older and that nothing names was left by one that failed."""

log = structlog.get_logger(__name__)

STILL_IN_LOG = "The journal still holds what both layers have; it is tried again. If it stays so, restart the server."
STILL_ON_DISK = (
    "Files that were replaced are still there; it is tried again. If it stays so, see why nobody may remove them."
)


class OtherParts(Protocol):
    """What erasing asks of other parts."""

    def key(self) -> bytes:
        """What subjects are hashed with."""

    def waiting(self) -> Sequence[Tombstone]:
        """The erasures that wait in line."""

    def hurry(self, seq: int) -> None:
        """Have the lake take in batches up to this one at once."""

    def counted(self) -> int:
        """The batch up to which the live counters have come."""

    def erase_uploads(self, stone: Tombstone) -> int:
        """Take covered events out of raw copies; returns how many they were."""

    def mend_counters(self, minutes: Collection[int]) -> None:
        """Have the live counters of these minutes (since 1970) count what is left."""

    def vacuum(self) -> None:
        """Leave nothing of what was deleted in the files of the stores, nor in the memory of other processes."""

    def copies(self) -> list[dict[str, str]]:
        """Backups and exports that are known: nobody touches them."""

    def sign(self, record: dict[str, Any]) -> str:
        """A proof that this record is ours."""

    def summarise(self) -> None:
        """Have summaries that are missing computed soon."""


class Eraser:
    """Erases from the data folder of this process, which has run since ``started_at``."""

    def __init__(
        self,
        settings: Settings,
        stores: ErasureStores,
        others: OtherParts,
        clock: Callable[[], dt.datetime],
        started_at: dt.datetime,
    ) -> None:
        self._settings = settings
        self._data = settings.data.resolve()
        self._delay = dt.timedelta(seconds=settings.unlink_delay_seconds)
        self._stores = stores
        self._lake, self._records, _, self._log, self._tail_folder = stores
        self._others = others
        self._clock = clock
        self._started_at = started_at

    def run(self, stone: Tombstone) -> dict[str, Any]:
        """Begin an erasure and all others that wait; end those whose old files may go. Returns their ids."""
        self._note((stone, *self._others.waiting()))
        begun = [one for one in erasure_state.open_erasures(self._records) if not self._is_removed(one)]
        if begun:
            self._remove(begun)
        ripe = [one for one in erasure_state.open_erasures(self._records) if one.due and one.due <= self._clock()]
        if ripe:
            self._finish(ripe)
        return {"removed": [one.id for one in begun], "done": [one.id for one in ripe]}

    def _note(self, stones: Sequence[Tombstone]) -> None:
        for stone in stones:
            if erasure_state.find(self._records, stone.id) is None:
                begun = ErasureState(tombstone=stone, started_at=self._clock())
                self._records.put(erasure_state.OPEN, erasure_state.documents([begun]))

    def _is_removed(self, erasure: ErasureState) -> bool:
        """Whether all is rewritten. A process that has died since may have left files, so that it looks again."""
        return erasure.removed_at is not None and erasure.removed_at >= self._started_at

    def _remove(self, wanted: Sequence[ErasureState]) -> None:
        """Rewrite all that holds something of theirs."""
        through = self._await_layers()
        due = self._clock() + self._delay
        live_since = minute_of(self._clock() - LIVE)
        rewriting = ErasurePass(self._data, self._stores, self._others.key(), wanted, due, live_since)
        with self._lake.lease:
            position = self._lake.position()
            if position is not None:
                rewriting.bronze(position)
                rewriting.silver()
            before = max(self._started_at, self._clock() - COMMIT)
            hand_over_leftovers(self._data, self._lake, self._records, self._tail_folder, before, due)
            self._lake.collect_garbage(self._records, self._clock())
        unreadable = rewriting.letters()
        self._mend_counters(rewriting.erasures)
        removed_at = self._clock()
        due = removed_at + max(self._delay, dt.timedelta(seconds=self._settings.trim_delay_seconds))
        for erasure in rewriting.erasures:
            uploads = erasure.uploads + self._others.erase_uploads(erasure.tombstone)
            rewriting.note(
                erasure.id, removed_at=removed_at, through=through, due=due, unreadable=unreadable, uploads=uploads
            )

    def _await_layers(self) -> int:
        """Wait until both layers have all that the log holds now; returns up to where that is."""
        state = self._log.state()
        self._others.hurry(state.head)

        def are_there() -> bool:
            position = self._lake.position()
            stored = position.seq if position is not None and position.journal == state.journal else 0
            return min(stored, self._others.counted()) >= state.head and not self._is_settling(state.head)

        self._await(are_there, "The layers are too far behind the journal; it is tried again once they have caught up.")
        return state.head

    def _is_settling(self, seq: int) -> bool:
        return any(file.first <= seq for file in bronze.pending(self._records))

    def _mend_counters(self, changed: Sequence[ErasureState]) -> None:
        minutes = {minute for erasure in changed for minute in erasure.minutes}
        if minutes:
            self._others.mend_counters(minutes)

    def _finish(self, ripe: Sequence[ErasureState]) -> None:
        """Let go of what was replaced, and keep the records."""
        through = max(erasure.through for erasure in ripe)
        self._await(lambda: self._is_trimmed(through), STILL_IN_LOG)
        self._await(lambda: self._is_unlinked(ripe, through), STILL_ON_DISK)
        self._others.vacuum()
        taken = erased.erased_of(self._lake.base().metadata).by
        for erasure in ripe:
            record = _record(erasure, taken.get(erasure.id, Taken()), self._clock(), self._others.copies())
            signature = self._others.sign(record)
            erasure_state.close(self._records, msgspec.structs.replace(erasure, record=record, signature=signature))
            log.info("an erasure is done", erasure=erasure.id)
        if any(erasure.days for erasure in ripe):
            self._others.summarise()

    def _is_trimmed(self, seq: int) -> bool:
        return self._log.state().trimmed >= seq

    def _is_unlinked(self, ripe: Sequence[ErasureState], seq: int) -> bool:
        """Whether files that were replaced, and tail files of what the lake has, are gone."""
        self._lake.collect_garbage(self._records, self._clock())
        tail.prune(self._tail_folder, self._lake.position())
        latest = max(erasure.due for erasure in ripe if erasure.due)
        waiting = self._records.list(garbage.KIND, end=f"{micros(latest):020d}", limit=1)
        return not waiting and not tail.holds(self._tail_folder, seq)

    def _await(self, condition: Callable[[], bool], sentence: str) -> None:
        give_up_at = time.monotonic() + PATIENCE_SECONDS
        while not condition():
            if time.monotonic() > give_up_at:
                raise StoreError(sentence)
            time.sleep(PACE_SECONDS)


def _record(erasure: ErasureState, taken: Taken, now: dt.datetime, copies: list[dict[str, str]]) -> dict[str, Any]:
    """What was removed, and what was not touched."""
    stone = erasure.tombstone
    from_lake = [events for letter, events in erasure.letters.items() if letter.startswith(f"{LAKE}:")]
    return {
        "erasure": erasure.id,
        "kind": stone.kind,
        "subject": stone.subject,
        "received_before": rfc3339(from_micros(stone.until)),
        "journal": stone.journal,
        "seq": stone.seq,
        "started_at": rfc3339(erasure.started_at),
        "removed_at": rfc3339(erasure.removed_at or now),
        "finished_at": rfc3339(now),
        "removed": {
            "silver": {"events": taken.rows, "files": taken.files},
            "bronze": {"events": erasure.bronze.events, "objects": erasure.bronze.files},
            "dead_letters": {"events": sum(from_lake), "letters": len(erasure.letters)},
            "uploads": {"events": erasure.uploads},
            "summaries": [str(day) for day in erasure.days],
        },
        "unreadable_letters": erasure.unreadable,
        "not_touched": copies,
    }
