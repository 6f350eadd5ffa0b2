"""Brings the id index up to the journal; a lost index comes back from bronze, dead letters, what was erased, and the
journal.
"""

import heapq
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

import msgspec
import structlog

from cloudpulse.events import codec, times
from cloudpulse.events.model import LAKE, Batch, StoredEvent
from cloudpulse.lake import erased_ids
from cloudpulse.lake.bronze import BronzeFile, list_files, read
from cloudpulse.ports import DeadLetters, IdIndex, LogReader, LogState, Records

log = structlog.get_logger(__name__)


def bring_up(
    index: IdIndex, reader: LogReader, records: Records, letters: DeadLetters, data: Path, oldest: int
) -> None:
    """Record all ids that the index lacks. ``oldest``: seconds since 1970 at which the window begins."""
    state = reader.state()
    if index.through() > state.head:
        log.warning("the id index is ahead of the journal, which is an older copy", through=index.through())
        index.restart()
    if index.through() < state.trimmed:
        log.warning("the id index is behind the trimmed journal: rebuilding it from bronze", through=index.through())
        files = list_files(records, state.journal, after=index.through())
        stored = (
            batch for file in files if file.first <= state.trimmed for batch in _batches(file, state, data, oldest)
        )
        gone = [*_set_aside(letters, state), *_erased(records, state, index.through())]
        for batch in _merged(stored, sorted(gone, key=lambda batch: batch.seq)):
            index.record(batch)
    after = max(index.through(), state.trimmed)
    while batches := reader.read(after):
        for batch in batches:
            index.record(batch)
        after = batches[-1].seq


def _merged(stored: Iterator[Batch], gone: list[Batch]) -> Iterator[Batch]:
    """In the order of their numbers; of one batch a part may be stored, and the rest set aside or erased."""
    in_order = heapq.merge(stored, gone, key=lambda batch: batch.seq)
    for _, same in groupby(in_order, key=lambda batch: batch.seq):
        first, *others = same
        yield msgspec.structs.replace(first, ids=b"".join([batch.ids for batch in (first, *others)]))


def _set_aside(letters: DeadLetters, state: LogState) -> list[Batch]:
    """What the lake's dead letters hold, which is in no bronze object."""
    found = [letter for letter in letters.list(LAKE) if letter.position.journal == state.journal]
    batches = [(letter.position.seq, letters.batch(letter.id)) for letter in found]
    known = [msgspec.structs.replace(batch, seq=seq, redrive_of=None) for seq, batch in batches if batch is not None]
    return [batch for batch in known if batch.seq <= state.trimmed]


def _erased(records: Records, state: LogState, after: int) -> Iterator[Batch]:
    """What bronze and letters had, and lost by an erasure."""
    for found in erased_ids.reaching(records, state.journal, after + 1):
        if found.first <= state.trimmed:
            ids = codec.unpack_ids(found.ids)
            seq = min(found.last, state.trimmed)
            yield Batch(seq=seq, received_at=found.known_since, events=len(ids), digest=(), ids=found.ids, lines=b"")


def _batches(file: BronzeFile, state: LogState, data: Path, oldest: int) -> Iterator[Batch]:
    """The ids of one object as a batch under the object's last number: bronze lines do not tell their own.

    The journal itself gives what is not trimmed.
    """
    if file.stored_at // 1_000_000 < oldest:
        return
    lines = read(data, file).splitlines()
    received_at = times.micros(times.parse(msgspec.json.decode(lines[-1], type=StoredEvent).received_at))
    if received_at // 1_000_000 < oldest:
        return
    ids = b"".join([codec.packed_id(line) for line in lines])
    yield Batch(
        seq=min(file.last, state.trimmed), received_at=received_at, events=len(lines), digest=(), ids=ids, lines=b""
    )
