"""One pass over what the batch layer holds: bronze, silver and dead letters lose what tombstones cover (mechanism 19).

Bronze goes first: what silver still holds and bronze does not, no replay brings back. Every step counts what it takes
as it takes it, and may be cut off at any moment and begun again.
"""

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence, Set
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from cloudpulse.batch.covered_letter import CoveredLetter, divide
from cloudpulse.errors import StoreError
from cloudpulse.events.model import LAKE, Position
from cloudpulse.lake import bronze, erased_ids, erasure_state, parquet, purge
from cloudpulse.lake.commit import Lake
from cloudpulse.lake.erased import Taken, erased_of
from cloudpulse.lake.erased_ids import ErasedIds
from cloudpulse.lake.erasure_state import ErasureState, Removed
from cloudpulse.lake.sift import lines_of
from cloudpulse.lake.summaries import forget_summary
from cloudpulse.lake.tombstones import Tombstones
from cloudpulse.ports import DeadLetter, DeadLetters, LogReader, Records
from cloudpulse.settings import GIB

TRIES = 10
GROUP_BYTES = GIB
"""So much of silver is written again in one commit; readers see all of it or nothing."""
PLACE = "erased"
"""What the ledger calls it."""


class ErasureStores(NamedTuple):
    """What an erasure reads and rewrites."""

    lake: Lake
    records: Records
    letters: DeadLetters
    log: LogReader
    tail_folder: Path


class ErasurePass:
    """One pass over all places for erasures that are open.

    Files that it replaces may go at ``due``; there are live counters of minutes from ``live_since`` on (since 1970).
    """

    def __init__(
        self,
        data: Path,
        stores: ErasureStores,
        key: bytes,
        wanted: Sequence[ErasureState],
        due: dt.datetime,
        live_since: int,
    ) -> None:
        self._data = data
        self._lake, self._records, self._letters, self._log, _ = stores
        self._open = {erasure.id: erasure for erasure in wanted}
        self._due = due
        self._live_since = live_since
        self._tombstones = Tombstones(key, [erasure.tombstone for erasure in wanted])

    @property
    def erasures(self) -> Sequence[ErasureState]:
        """The erasures with what they have removed so far."""
        return tuple(self._open.values())

    def bronze(self, position: Position) -> None:
        """Write the objects again that the lake has passed and that hold something covered."""
        for page in bronze.pages(self._records):
            for file in page:
                if file.journal != position.journal or file.last <= position.seq:
                    covered = purge.find_lines(self._data, file, self._tombstones)
                    if covered is not None:
                        self._replace_object(covered)

    def silver(self) -> None:
        """Write the files of the lake again that hold something covered."""
        clean: set[str] = set()
        with self._lake.undisturbed({parquet.partition_of(file)[0] for file in self._lake.live_files()}):
            for _ in range(TRIES):
                with suppress(FileNotFoundError):  # the writer has merged some, and they were unlinked
                    found = list(self._covered_rows(clean))
                    if not found:
                        return
                    self._announce(found)
                    for group in _groups(found):
                        self._swap(group)
        raise StoreError("The writer keeps merging the files that must be written again.")

    def letters(self) -> list[str]:
        """Take what is covered out of dead letters; returns the ids of those that nobody can read."""
        unreadable = []
        for letter in self._letters.list():
            batch = self._letters.batch(letter.id)
            if batch is None:
                continue
            lines = lines_of(batch)
            if lines is None:
                unreadable.append(letter.id)
                continue
            places = self._tombstones.of_lines(lines)
            if all(place is None for place in places):
                continue
            if self._log.redrives([letter.id]).get(letter.id):
                self._letters.remove(letter.id)  # its next try is stored, and was erased there
                continue
            self._shorten(letter, divide(batch, lines, places, self._tombstones, self._live_since))
        return unreadable

    def note(self, erasure_id: str, **changes: Any) -> None:
        """Note of one erasure what was done."""
        self._put({erasure_id: msgspec.structs.replace(self._open[erasure_id], **changes)})

    def _replace_object(self, covered: purge.CoveredLines) -> None:
        file = covered.file
        new = purge.write_lines(self._data, covered, self._tombstones)
        gone = ErasedIds(
            journal=file.journal, first=file.first, last=file.last, known_since=file.stored_at, ids=covered.ids
        )
        for one, n in covered.lines.items():
            before = self._open[one]
            self._open[one] = msgspec.structs.replace(before, bronze=before.bronze + Removed(n, 1))
        changed = erasure_state.documents(self._open[one] for one in covered.lines)
        also = {erased_ids.KIND: gone.document("+".join(sorted(covered.lines))), erasure_state.OPEN: changed}
        bronze.replace(self._records, self._data, file, new, self._due, also)

    def _covered_rows(self, clean: set[str]) -> Iterator[purge.CoveredRows]:
        base = self._lake.base()
        for file in base.files:
            if file.file_path not in clean:
                covered = purge.find_rows(base.io, file, self._tombstones, self._live_since)
                if covered is None:
                    clean.add(file.file_path)
                else:
                    yield covered

    def _announce(self, found: Sequence[purge.CoveredRows]) -> None:
        """Note what is about to change: once the rows are gone, nobody can tell any more."""
        for day in {parquet.partition_of(covered.file)[0] for covered in found}:
            forget_summary(self._data, day)
        changed = {}
        for one in {erasure_id for covered in found for erasure_id in covered.rows}:
            mine = [covered for covered in found if one in covered.rows]
            days = {parquet.partition_of(covered.file)[0] for covered in mine}.union(self._open[one].days)
            erasure = _touching(self._open[one], *(covered.minutes for covered in mine))
            changed[one] = msgspec.structs.replace(erasure, days=sorted(days))
        self._put(changed)

    def _swap(self, group: Sequence[purge.CoveredRows]) -> None:
        """One commit; when it is refused, the writer has merged one of the files, and they are looked for again."""
        base = self._lake.base()
        taken: dict[str, Taken] = {}
        for covered in group:
            for one, rows in covered.rows.items():
                taken[one] = taken.get(one, Taken()) + Taken(rows, 1)
        erased = erased_of(base.metadata).and_also(taken, frozenset(self._open))
        added = []
        try:
            for covered in group:
                added += purge.write_rows(base.metadata, base.io, covered.file, self._tombstones)
        except BaseException:
            for file in added:
                base.io.delete(file.file_path)
            raise
        self._lake.swap([covered.file for covered in group], added, erased.properties())

    def _shorten(self, letter: DeadLetter, covered: CoveredLetter) -> None:
        self._note_letter(letter, covered)
        place = PLACE if letter.consumer == LAKE else None
        if covered.rest.events:
            self._letters.shorten(letter.id, covered.rest, place)
        else:
            self._letters.remove(letter.id, place)

    def _note_letter(self, letter: DeadLetter, covered: CoveredLetter) -> None:
        """Before the letter is changed; doing it twice notes the same."""
        changed = {}
        for one, events in covered.events.items():
            erasure = _touching(self._open[one], covered.minutes)
            changed[one] = msgspec.structs.replace(erasure, letters=erasure.letters | {letter.id: events})
        seq = letter.position.seq
        ids = ErasedIds(
            journal=letter.position.journal, first=seq, last=seq, known_since=letter.parked_at, ids=covered.ids
        )
        if letter.consumer == LAKE:
            key = "+".join([letter.consumer, *sorted(covered.events)])
            self._records.put(erased_ids.KIND, ids.document(key))
        self._put(changed)

    def _put(self, changed: Mapping[str, ErasureState]) -> None:
        self._open |= changed
        self._records.put(erasure_state.OPEN, erasure_state.documents(changed.values()))


def _touching(erasure: ErasureState, *minutes: Set[int]) -> ErasureState:
    """The erasure, with these minutes among those that it changes."""
    return msgspec.structs.replace(erasure, minutes=sorted(set(erasure.minutes).union(*minutes)))


def _groups(found: Sequence[purge.CoveredRows]) -> Iterator[list[purge.CoveredRows]]:
    group: list[purge.CoveredRows] = []
    size = 0
    for one in found:
        if group and size + one.file.file_size_in_bytes > GROUP_BYTES:
            yield group
            group, size = [], 0
        group.append(one)
        size += one.file.file_size_in_bytes
    yield group
