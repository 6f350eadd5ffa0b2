"""Whose events were erased: a line or a row that a tombstone covers must not come back (mechanism 19).

No value of a person is kept: a tombstone holds a keyed hash, and what is found is hashed with the same key.
"""

import hmac
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Literal

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from cloudpulse.events import times

COLUMNS = {"user": "user_id", "session": "session_id"}
"""What a subject is → the field of an event that holds it, and the column of silver."""

Subject = Literal["user", "session"]
_REMEMBERED = 1 << 16
"""Hashing a value takes longer than reading the line that it stands in."""


class Tombstone(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Erasure ``id`` covers the events of a subject that were received before ``until``, microseconds since 1970.

    They are all at or below ``seq`` in ``journal``, where the erasure's own record stands.
    """

    id: str
    kind: Subject
    subject: str
    journal: str
    seq: int
    until: int


class _Who(msgspec.Struct):
    """What a stored line tells of whom it is about."""

    received_at: str
    session_id: str | None = None
    user_id: str | None = None


_decode_one = msgspec.json.Decoder(_Who).decode
_decode_lines = msgspec.json.Decoder(_Who).decode_lines


def keyed_hash(key: bytes, kind: Subject, value: str) -> str:
    """What stands for a subject: HMAC-SHA256 of its kind and value."""
    return hmac.digest(key, f"{kind}\0{value}".encode(), "sha256").hex()


class Tombstones:
    """Finds what tombstones cover; one answers with the place of the tombstone in ``tombstones``."""

    def __init__(self, key: bytes, tombstones: Iterable[Tombstone]) -> None:
        self._key = key
        self.tombstones = tuple(tombstones)
        places: dict[Subject, dict[str, int]] = {"user": {}, "session": {}}
        # Of two for one subject the later covers all that the earlier does.
        for place, stone in sorted(enumerate(self.tombstones), key=lambda entry: entry[1].until):
            places[stone.kind][stone.subject] = place
        self._places = {kind: found for kind, found in places.items() if found}
        self._place = lru_cache(_REMEMBERED)(self._find)

    def __bool__(self) -> bool:
        return bool(self.tombstones)

    def of_rows(self, rows: pa.Table) -> pa.Array:
        """For each silver row the place of the tombstone that covers it, or null.

        Needs the columns ``received_at``, ``user_id`` and ``session_id``.
        """
        found = pa.nulls(rows.num_rows, pa.int32())
        received_at = rows["received_at"].combine_chunks().cast(pa.int64())
        for kind in self._places:
            values = pc.dictionary_encode(rows[COLUMNS[kind]].combine_chunks())
            places = [self._place(kind, value) for value in values.dictionary.to_pylist()]
            if any(place is not None for place in places):
                untils = [None if place is None else self.tombstones[place].until for place in places]
                is_covered = pc.less(received_at, pa.array(untils, pa.int64()).take(values.indices))
                covering = pa.array(places, pa.int32()).take(values.indices)
                found = pc.coalesce(found, pc.if_else(is_covered, covering, None))
        return found

    def of_lines(self, lines: Sequence[bytes]) -> list[int | None]:
        """For each stored line the place of the tombstone that covers it; None also where nobody can read it."""
        try:
            decoded = _decode_lines(b"\n".join(lines))
        except (msgspec.MsgspecError, UnicodeDecodeError):
            return [self._of_damaged(line) for line in lines]
        if len(decoded) != len(lines):
            return [self._of_damaged(line) for line in lines]
        return [self._of_line(one) for one in decoded]

    def are_about(self, user_id: str | None, session_id: str | None) -> bool:
        """Whether a tombstone is for one of these, whenever it was received."""
        who = {"user": user_id, "session": session_id}
        return any(self._place(kind, who[kind]) is not None for kind in self._places)

    def _find(self, kind: Subject, value: str | None) -> int | None:
        return None if value is None else self._places[kind].get(keyed_hash(self._key, kind, value))

    def _of_line(self, who: _Who) -> int | None:
        for kind in self._places:
            place = self._place(kind, who.user_id if kind == "user" else who.session_id)
            if place is not None and times.micros(times.parse(who.received_at)) < self.tombstones[place].until:
                return place
        return None

    def _of_damaged(self, line: bytes) -> int | None:
        try:
            return self._of_line(_decode_one(line))
        except (msgspec.MsgspecError, UnicodeDecodeError):
            return None
