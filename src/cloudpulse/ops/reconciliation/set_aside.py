"""What the layers have set aside, counted: the differences that dead letters explain (mechanism 16)."""

import datetime as dt
from collections.abc import Iterator, Mapping
from contextlib import suppress

import msgspec

from cloudpulse.events import codec
from cloudpulse.events.model import Batch, Count, Position
from cloudpulse.events.times import micros
from cloudpulse.lake import erased_ids
from cloudpulse.lake.sift import count_of, lines_of, subtract
from cloudpulse.ports import DeadLetter, DeadLetters, LogReader, Records

KIND = "purged_letters"
"""Records kind: letters that were purged while live counters may still show them; the key is the letter's id."""


class SetAside(msgspec.Struct, frozen=True, kw_only=True):
    """Events that one consumer lacks: those of a dead letter."""

    consumer: str
    position: Position
    counts: tuple[Count, ...]


class Purged(SetAside, frozen=True, kw_only=True):
    """Those of a letter that was purged at ``purged_at``; ``single`` has the part of each of them in ``counts``, by id.

    An event whose line cannot be decoded has none: no erasure finds it either.
    """

    purged_at: int
    single: dict[str, Count]


def note_purged(records: Records, letter: DeadLetter, batch: Batch, now: dt.datetime) -> None:
    """Remember what a letter holds that is about to go for good: one layer may have these events."""
    purged = Purged(
        consumer=letter.consumer,
        position=letter.position,
        counts=batch.digest,
        purged_at=micros(now),
        single=dict(_single(batch)),
    )
    records.put(KIND, {letter.id: msgspec.to_builtins(purged)})


def _single(batch: Batch) -> Iterator[tuple[str, Count]]:
    for packed, line in zip(codec.unpack_ids(batch.ids), lines_of(batch) or (), strict=False):
        with suppress(msgspec.MsgspecError, ValueError):
            yield packed[:16].hex(), count_of(line)


def forget_purged(records: Records, before: dt.datetime) -> None:
    """Forget what was purged earlier."""
    old = [key for key, document in records.list(KIND) if document["purged_at"] < micros(before)]
    records.delete(KIND, old)


def read(letters: DeadLetters, records: Records) -> dict[str, SetAside]:
    """All letters by id, and those that were purged not long ago."""
    found = {}
    for letter in letters.list():
        batch = letters.batch(letter.id)
        if batch is not None:  # else it went meanwhile
            found[letter.id] = SetAside(consumer=letter.consumer, position=letter.position, counts=batch.digest)
    # Read last: a letter that is purged is noted before it goes.
    return found | {
        key: _without_erased(records, msgspec.convert(document, Purged)) for key, document in records.list(KIND)
    }


def _without_erased(records: Records, purged: Purged) -> SetAside:
    """What was erased has gone from the other layer too: it explains no difference any more."""
    position = purged.position
    erased = erased_ids.among(records, position.journal, position.seq, map(bytes.fromhex, purged.single))
    return SetAside(
        consumer=purged.consumer,
        position=position,
        counts=subtract(purged.counts, [purged.single[event_id.hex()] for event_id in erased]),
    )


def lacked(found: Mapping[str, SetAside], log: LogReader, consumer: str, position: Position) -> Iterator[Count]:
    """What a consumer lacks that stands at ``position``: it has passed it, and has stored no next try of it."""
    decided = log.redrives(found)
    for letter_id, one in found.items():
        passed = one.position.journal != position.journal or one.position.seq <= position.seq
        if one.consumer == consumer and passed and not 0 < decided.get(letter_id, 0) <= position.seq:
            yield from one.counts
