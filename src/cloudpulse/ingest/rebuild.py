"""Brings the id index up to the journal; a lost index comes back from bronze, dead letters, what was erased, and the
journal.
"""

import heapq
from collections.abc import Iterable, Iterator
from functools import lru_cache
from itertools import groupby
from pathlib import Path

import msgspec
import structlog

from cloudpulse.events import codec, times
from cloudpulse.events.model import LAKE, Batch
from cloudpulse.lake import erased_ids
from cloudpulse.lake.bronze import blocks, list_files
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
        stored = _stored(records, state, data, index.through(), oldest)
        gone = [*_set_aside(letters, state), *_erased(records, state, index.through())]
        for batch in _merged(stored, sorted(gone, key=lambda batch: batch.seq)):
            index.record(batch)
    after = max(index.through(), state.trimmed)
    while batches := reader.read(after):
        for batch in batches:
            index.record(batch)
        after = batches[-1].seq


class _Received(msgspec.Struct):
    """When a stored line came."""

    received_at: str


_received = msgspec.json.Decoder(_Received).decode


def _stored(records: Records, state: LogState, data: Path, after: int, oldest: int) -> Iterator[Batch]:
    """What objects hold that reach beyond a batch, each looked up when it is its turn: they are merged meanwhile."""
    while found := list_files(records, state.journal, after, limit=1):
        for file in found:
            if file.first <= state.trimmed and file.stored_at // 1_000_000 >= oldest:
                first, last = max(file.first, after + 1), min(file.last, state.trimmed)
                yield from _batches(blocks(data, file), first, last, oldest)
        after = found[-1].last


def _merged(stored: Iterator[Batch], gone: list[Batch]) -> Iterator[Batch]:
    """In the order of their numbers; of one batch a part may be stored, and the rest set aside or erased."""
    in_order = heapq.merge(stored, gone, key=lambda batch: batch.seq)
    for _, same in groupby(in_order, key=lambda batch: batch.seq):
        batches = list(same)
        yield msgspec.structs.replace(
            batches[0],
            received_at=max(batch.received_at for batch in batches),
            ids=b"".join([batch.ids for batch in batches]),
        )


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


def _batches(stored: Iterable[list[bytes]], first: int, last: int, oldest: int) -> Iterator[Batch]:
    """The ids of one object, by the second in which they were received.

    Bronze lines do not tell their batch: the ids of each second get a number from ``first`` to ``last``. The journal
    itself gives what is not trimmed.
    """
    lines = (line for block in stored for line in block)
    seconds = (
        (second, b"".join([codec.packed_id(line) for line in same]))
        for second, same in groupby(lines, key=_second)
        if second >= oldest
    )
    seq = last
    for number, (second, ids) in enumerate(seconds):
        seq = min(first + number, last)
        yield _batch(seq, second, ids)
    if seq < last:
        yield _batch(last, 0, b"")


def _second(line: bytes) -> int:
    return _seconds(_received(line).received_at)


@lru_cache(maxsize=1)  # all lines of a batch have the same
def _seconds(received_at: str) -> int:
    return times.micros(times.parse(received_at)) // 1_000_000


def _batch(seq: int, second: int, ids: bytes) -> Batch:
    return Batch(
        seq=seq, received_at=second * 1_000_000, events=len(ids) // codec.ID_BYTES, digest=(), ids=ids, lines=b""
    )
