"""How rows that are stored differ from those that should be, both sorted by time, some at once (mechanism 20)."""

import datetime as dt
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Literal, NamedTuple, get_args

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from cloudpulse.lake.tables import SILVER
from cloudpulse.lake.tombstones import Tombstones

Kind = Literal["added", "removed", "doubled", "changed"]

MAX_EXAMPLES = 5
_STAMP = "processed_at"
"""When a row was made: no part of what it says."""
_KEY = ("event_id", "timestamp", "received_at")
_SAME_TIME = _KEY[:2]
_COMPARED = [name for name in SILVER.names if name not in (*_KEY, _STAMP)]


class RowDiff(msgspec.Struct):
    """Rows ``before`` and ``after``: those that come, that go, that were there too often, that say something else.

    ``columns`` counts by column the rows that say something else, ``examples`` are event ids. A row whose time changes
    goes at one time and comes at the other.
    """

    before: int = 0
    after: int = 0
    added: int = 0
    removed: int = 0
    doubled: int = 0
    changed: int = 0
    columns: Counter[str] = msgspec.field(default_factory=Counter)
    examples: dict[Kind, list[str]] = msgspec.field(default_factory=dict)

    @property
    def is_empty(self) -> bool:
        """Whether all is as it should be."""
        return not (self.added or self.removed or self.doubled or self.changed)

    def rows(self) -> dict[str, int]:
        """How many rows of each kind there are."""
        return {name: getattr(self, name) for name in ("before", "after", *get_args(Kind))}

    def add(self, other: "RowDiff") -> None:
        """Take in what another one counts."""
        for name, count in other.rows().items():
            setattr(self, name, getattr(self, name) + count)
        self.columns.update(other.columns)
        for kind, ids in other.examples.items():
            self.examples[kind] = [*self.examples.get(kind, []), *ids][:MAX_EXAMPLES]


class Diffed(NamedTuple):
    """Rows that should be stored, and how those that are differ from them."""

    rows: pa.Table
    diff: RowDiff


def diff_rows(
    old: Iterable[pa.Table],
    new: Iterable[pa.Table],
    same_within: dt.timedelta,
    tombstones: Tombstones,
    now: dt.datetime,
) -> Iterator[Diffed]:
    """Both sides, some moments at once. Of rows of one id and time that were received ``same_within`` the first counts.

    No row comes that tombstones cover; those that are still stored stay, for their erasure takes and counts them.
    Rows that say what they said keep their ``processed_at``, all others get ``now``.
    """
    for before, after in _aligned(_Side(iter(old)), _Side(iter(new))):
        before, after = before.combine_chunks(), _distinct(after.combine_chunks(), same_within)
        yield _diff(before, _without_erased(before, after, tombstones) if tombstones else after, now)


class _Side:
    """One stream of rows; ``rows`` were read and not taken yet."""

    def __init__(self, pieces: Iterator[pa.Table]) -> None:
        self._pieces = pieces
        self.rows = SILVER.empty_table()
        self.ended = False
        self.more()

    def more(self) -> None:
        """Read on until there are more rows, or no more to come."""
        piece = next(self._pieces, None)
        while piece is not None and not piece.num_rows:
            piece = next(self._pieces, None)
        self.ended = piece is None
        if piece is not None:
            self.rows = pa.concat_tables([self.rows, piece]) if self.rows.num_rows else piece

    @property
    def last(self) -> int:
        """The time up to which rows were read; more of this time may come."""
        return int(self.rows["timestamp"].cast(pa.int64())[-1].as_py())

    def take(self, before: int | None) -> pa.Table:
        """Give the rows before a moment, or all."""
        if before is None:
            rows, self.rows = self.rows, SILVER.empty_table()
            return rows
        count = int(self.rows["timestamp"].cast(pa.int64()).to_numpy().searchsorted(before))
        rows, self.rows = self.rows.slice(0, count), self.rows.slice(count)
        return rows


def _aligned(old: _Side, new: _Side) -> Iterator[tuple[pa.Table, pa.Table]]:
    """The rows of both sides of the same moments; all of a moment come together."""
    while old.rows.num_rows or new.rows.num_rows:
        open_sides = [side for side in (old, new) if not side.ended]
        until = min((side.last for side in open_sides), default=None)
        before, after = old.take(until), new.take(until)
        if before.num_rows or after.num_rows:
            yield before, after
        for side in open_sides:
            if until is not None and side.last == until:
                side.more()


def _distinct(rows: pa.Table, same_within: dt.timedelta) -> pa.Table:
    if pc.count_distinct(rows["event_id"]).as_py() == rows.num_rows:
        return rows
    order = pc.sort_indices(rows, sort_keys=[(name, "ascending") for name in _KEY])
    keys, received = _keys(rows, _SAME_TIME).take(order), rows["received_at"].take(order)
    gap = pc.subtract(received[1:], received[:-1])
    repeats = pc.and_(pc.equal(keys[1:], keys[:-1]), pc.less(gap, pa.scalar(same_within, gap.type)))
    return rows.filter(_without(rows.num_rows, order[1:].filter(repeats.combine_chunks())))


def _without_erased(old: pa.Table, new: pa.Table, tombstones: Tombstones) -> pa.Table:
    there = pc.is_in(_keys(new, _KEY), value_set=_keys(old, _KEY))
    return new.filter(pc.or_(there, pc.is_null(tombstones.of_rows(new))))


def _diff(old: pa.Table, new: pa.Table, now: dt.datetime) -> Diffed:
    diff = RowDiff(before=old.num_rows, after=new.num_rows)
    if _is_equal(old, new):
        return Diffed(old, diff)
    place = pc.index_in(_keys(new, _KEY), value_set=_keys(old, _KEY))
    was, known = old.take(place), place.is_valid()
    same = known
    for name in _COMPARED:
        other = pc.and_(known, _unequal(new[name], was[name]))
        if count := pc.sum(other).as_py():
            diff.columns[name] = count
            same = pc.and_not(same, other)
    _note(diff, "changed", new.filter(pc.and_not(known, same)))
    _note(diff, "added", new.filter(pc.invert(known)))
    left = old.filter(_without(old.num_rows, place.drop_null()))
    again = pc.is_in(_keys(left, _SAME_TIME), value_set=_keys(new, _SAME_TIME))
    _note(diff, "doubled", left.filter(again))
    _note(diff, "removed", left.filter(pc.invert(again)))
    stamps = pc.if_else(same, was[_STAMP], pa.scalar(now, SILVER.field(_STAMP).type))
    return Diffed(new.set_column(SILVER.get_field_index(_STAMP), SILVER.field(_STAMP), stamps), diff)


def _is_equal(old: pa.Table, new: pa.Table) -> bool:
    return old.num_rows == new.num_rows and all(old[name].equals(new[name]) for name in (*_KEY, *_COMPARED))


def _keys(rows: pa.Table, names: Sequence[str]) -> pa.ChunkedArray:
    """One text for each row, of its id and times."""
    ids, *times = (rows[name] for name in names)
    return pc.binary_join_element_wise(ids, *(time.cast(pa.int64()).cast(pa.string()) for time in times), " ")


def _unequal(one: pa.ChunkedArray, other: pa.ChunkedArray) -> pa.ChunkedArray:
    return pc.or_(pc.xor(one.is_null(), other.is_null()), pc.not_equal(one, other).fill_null(False))


def _without(rows: int, places: pa.Array) -> pa.Array:
    """What keeps all rows but those at some places."""
    kept = np.ones(rows, bool)
    kept[places.to_numpy()] = False
    return pa.array(kept)


def _note(diff: RowDiff, kind: Kind, rows: pa.Table) -> None:
    if rows.num_rows:
        setattr(diff, kind, rows.num_rows)
        diff.examples[kind] = rows["event_id"][:MAX_EXAMPLES].to_pylist()
