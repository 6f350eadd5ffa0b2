"""Ids of erased events. They stay known while duplicates are: else a sender's retry would bring the events back."""

import datetime as dt
from collections.abc import Iterable, Iterator

import msgspec

from cloudpulse.events import codec
from cloudpulse.events.times import micros
from cloudpulse.lake.bronze import key_of
from cloudpulse.ports import Records

KIND = "erased_ids"
_PAGE = 100


class ErasedIds(msgspec.Struct, frozen=True, kw_only=True):
    """Packed ids (see ``codec.pack_id``) that were in batches ``first`` to ``last`` of a journal.

    ``known_since`` is when they were stored or set aside, microseconds since 1970.
    """

    journal: str
    first: int
    last: int
    known_since: int
    ids: bytes

    def document(self, token: str) -> dict[str, object]:
        """The record that keeps them; ``token`` tells it from others of the same batches."""
        return {f"{key_of(self.journal, self.first, self.last)}:{token}": msgspec.to_builtins(self)}


def reaching(records: Records, journal: str, seq: int) -> Iterator[ErasedIds]:
    """Those of batches from ``seq`` on, by their last batch."""
    start = f"{journal}:{seq:020d}"
    while page := records.list(KIND, start=start, end=f"{journal};", limit=_PAGE):
        yield from (msgspec.convert(document, ErasedIds) for _, document in page)
        start = page[-1][0] + "\0"


def is_erased(records: Records, journal: str, seq: int, event_id: bytes) -> bool:
    """Whether an event that was accepted with batch ``seq`` was erased."""
    return bool(among(records, journal, seq, [event_id]))


def among(records: Records, journal: str, seq: int, event_ids: Iterable[bytes]) -> set[bytes]:
    """Which of these events, accepted with batch ``seq``, were erased."""
    wanted, erased = set(event_ids), set[bytes]()
    for found in reaching(records, journal, seq):
        # In the order of their last batches: one that begins behind `seq` may stand before one that spans it.
        if found.first <= seq:
            erased |= wanted & {entry[:16] for entry in codec.unpack_ids(found.ids)}
        if erased == wanted:
            break
    return erased


def expire(records: Records, before: dt.datetime) -> int:
    """Forget those that are older; returns how many records went."""
    old = [key for key, document in records.list(KIND) if document["known_since"] < micros(before)]
    return records.delete(KIND, old)
