"""How the places of the batch layer lose what tombstones cover: bronze, silver, dead letters (mechanism 19).

Bronze goes first: what silver still holds and bronze does not, no replay brings back. Every step counts what it takes
as it takes it, and may be cut off at any moment and begun again.
"""

import datetime as dt
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec
import zstandard

from cloudpulse.errors import StoreError
from cloudpulse.events import codec, times
from cloudpulse.events.model import LAKE, Batch, Count, Position
from cloudpulse.lake import bronze, erased_ids, erasure_state, parquet, purge
from cloudpulse.lake.commit import Lake
from cloudpulse.lake.erased import Taken, erased_of
from cloudpulse.lake.erased_ids import ErasedIds
from cloudpulse.lake.erasure_state import ErasureState, Removed
from cloudpulse.lake.sift import subtract
from cloudpulse.lake.summaries import forget_summary
from cloudpulse.lake.tombstones import Tombstones
from cloudpulse.ports import DeadLetter, DeadLetters, LogReader, Records
from cloudpulse.settings import GIB

TRIES = 10
GROUP_BYTES = GIB
"""So much of silver is written again in one commit; readers see all of it or nothing."""
PLACE = "erased"
"""What the ledger calls it."""


class _Counted(msgspec.Struct):
    """What of a stored line is counted."""

    app: str
    event_type: str
    received_at: str
    timestamp: str | None = None


_decode_counted = msgspec.json.Decoder(_Counted).decode


class Erasing:
    """One pass over all places for erasures that are open.

    Files that it replaces may go at ``due``; there are live counters of minutes from ``live_since`` on (since 1970).
    """

    def __init__(
        self,
        data: Path,
        lake: Lake,
        records: Records,
        key: bytes,
        wanted: Sequence[ErasureState],
        due: dt.datetime,
        live_since: int,
    ) -> None:
        self._data = data
        self._lake = lake
        self._records = records
        self._open = {erasure.id: erasure for erasure in wanted}
        self._due = due
        self._live_since = live_since
        self.tombstones = Tombstones(key, [erasure.tombstone for erasure in wanted])

    @property
    def erasures(self) -> Sequence[ErasureState]:
        """The erasures with what they have removed so far."""
        return tuple(self._open.values())

    def bronze(self, position: Position) -> None:
        """Write the objects again that the lake has passed and that hold something covered."""
        for page in bronze.pages(self._records):
            for file in page:
                if file.journal != position.journal or file.last <= position.seq:
                    covered = purge.find_lines(self._data, file, self.tombstones)
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

    def letters(self, letters: DeadLetters, reader: LogReader) -> list[str]:
        """Take what is covered out of dead letters; returns the ids of those that nobody can read."""
        unreadable = []
        for letter in letters.list():
            batch = letters.batch(letter.id)
            lines = _lines(batch) if batch else []
            if batch is None or lines is None:
                unreadable += [letter.id] if batch else []
                continue
            places = self.tombstones.of_lines(lines)
            if all(place is None for place in places):
                continue
            if reader.redrives([letter.id]).get(letter.id):
                letters.remove(letter.id)  # its next try is stored, and was erased there
                continue
            self._note_letter(letter, batch, lines, places)
            rest, place = _rest(batch, lines, places), PLACE if letter.consumer == LAKE else None
            if rest.events:
                letters.shorten(letter.id, rest, place)
            else:
                letters.remove(letter.id, place)
        return unreadable

    def note(self, erasure_id: str, **changes: Any) -> None:
        """Note of one erasure what was done."""
        self._put({erasure_id: msgspec.structs.replace(self._open[erasure_id], **changes)})

    def _replace_object(self, covered: purge.CoveredLines) -> None:
        file = covered.file
        new = purge.write_lines(self._data, covered, self.tombstones)
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
                covered = purge.find_rows(base.io, file, self.tombstones, self._live_since)
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
                added += purge.write_rows(base.metadata, base.io, covered.file, self.tombstones)
        except BaseException:
            for file in added:
                base.io.delete(file.file_path)
            raise
        self._lake.swap([covered.file for covered in group], added, erased.properties())

    def _note_letter(
        self, letter: DeadLetter, batch: Batch, lines: Sequence[bytes], places: Sequence[int | None]
    ) -> None:
        """Before the letter is changed; doing it twice notes the same."""
        gone = [number for number, place in enumerate(places) if place is not None]
        by_id = Counter(self.tombstones.tombstones[place].id for place in places if place is not None)
        counted = _counts(lines[number] for number in gone)
        minutes = {count.minute for count in counted if count.live and count.minute >= self._live_since}
        changed = {}
        for one, events in by_id.items():
            erasure = _touching(self._open[one], minutes)
            changed[one] = msgspec.structs.replace(erasure, letters=erasure.letters | {letter.id: events})
        seq, packed = letter.position.seq, codec.unpack_ids(batch.ids)
        ids = ErasedIds(
            journal=letter.position.journal,
            first=seq,
            last=seq,
            known_since=letter.parked_at,
            ids=b"".join([packed[number] for number in gone]),
        )
        if letter.consumer == LAKE:
            self._records.put(erased_ids.KIND, ids.document("+".join([letter.consumer, *sorted(by_id)])))
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


def _lines(batch: Batch) -> list[bytes] | None:
    """The lines of a letter, or None when they are damaged as a whole."""
    try:
        lines = codec.decompress(batch.lines).split(b"\n")[:-1]
    except zstandard.ZstdError:
        return None
    return lines if len(lines) == len(codec.unpack_ids(batch.ids)) else None


def _rest(batch: Batch, lines: Sequence[bytes], places: Sequence[int | None]) -> Batch:
    """A letter without what is covered. Other lines may be damaged, so what is counted is what goes."""
    packed = codec.unpack_ids(batch.ids)
    kept = [number for number, place in enumerate(places) if place is None]
    gone = _counts(line for line, place in zip(lines, places, strict=True) if place is not None)
    return msgspec.structs.replace(
        batch,
        events=len(kept),
        ids=b"".join([packed[number] for number in kept]),
        lines=codec.pack_lines([lines[number] for number in kept]),
        digest=subtract(batch.digest, gone),
    )


def _counts(lines: Iterable[bytes]) -> list[Count]:
    return [_count(_decode_counted(line)) for line in lines]


def _count(line: _Counted) -> Count:
    received_at = times.parse(line.received_at)
    sent = times.parse(line.timestamp) if line.timestamp else received_at
    minute = times.minute_of(times.effective(sent, received_at))
    return Count(line.app, minute, line.event_type, times.is_live(sent, received_at), 1)
