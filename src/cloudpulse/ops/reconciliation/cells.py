"""Events counted by app, minute and type, or by hour and type, and how two such counts differ (mechanism 16). Pure.

Cells are Arrow tables: a cell of an hour has no app, and its first minute. So they stay small however many there are.
"""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

ROWS_AT_ONCE = 50_000
KEYS = ["app", "minute", "event_type"]
CELLS = pa.schema([("app", pa.string()), ("minute", pa.int64()), ("event_type", pa.string()), ("events", pa.int64())])
SIDES = ("expected", "parked", "found")

Row = tuple[str | None, int, str, int]


class Differing(NamedTuple):
    """A cell that is not as it should be: of ``expected`` events, ``parked`` are known to be missing."""

    app: str | None
    minute: int
    event_type: str
    expected: int
    parked: int
    found: int


class Tally:
    """Adds cells up, in bounded memory."""

    def __init__(self) -> None:
        self._rows: list[Row] = []
        self._cells = CELLS.empty_table()

    def add(self, row: Row) -> None:
        """Count events of one cell."""
        self._rows.append(row)
        if len(self._rows) >= ROWS_AT_ONCE:
            self._fold()

    def extend(self, rows: Iterable[Row]) -> "Tally":
        """Count events of many cells."""
        for row in rows:
            self.add(row)
        return self

    def cells(self) -> pa.Table:
        """Each cell once."""
        self._fold()
        return self._cells

    def _fold(self) -> None:
        columns = zip(*self._rows, strict=True) if self._rows else [()] * len(CELLS)
        arrays = [pa.array(column, field.type) for column, field in zip(columns, CELLS, strict=True)]
        self._rows = []
        self._cells = add_up(self._cells, pa.Table.from_arrays(arrays, schema=CELLS))


def add_up(*tables: pa.Table) -> pa.Table:
    """Cells of several tables, each once."""
    summed = pa.concat_tables(tables).group_by(KEYS, use_threads=False).aggregate([("events", "sum")])
    return summed.rename_columns([*KEYS, "events"]).cast(CELLS)


def compare(expected: pa.Table, parked: pa.Table, found: pa.Table) -> tuple[int, Iterator[Differing]]:
    """How many cells there are, and those that differ or have something parked, in order."""
    sides = zip(SIDES, (expected, parked, found), strict=True)
    both = pa.concat_tables([_as_side(cells, name) for name, cells in sides])
    summed = both.group_by(KEYS, use_threads=False).aggregate([(name, "sum") for name in SIDES])
    cells = summed.rename_columns([*KEYS, *SIDES])
    right = pc.subtract(cells["expected"], cells["parked"])
    wrong = cells.filter(pc.or_(pc.not_equal(right, cells["found"]), pc.not_equal(cells["parked"], 0)))
    wrong = wrong.sort_by([(name, "ascending") for name in ("minute", "app", "event_type")])
    return cells.num_rows, (Differing(**row) for batch in wrong.to_batches(1000) for row in batch.to_pylist())


def _as_side(cells: pa.Table, side: str) -> pa.Table:
    nothing = pa.repeat(pa.scalar(0, pa.int64()), cells.num_rows)
    columns = {name: cells["events"] if name == side else nothing for name in SIDES}
    return pa.table({name: cells[name] for name in KEYS} | columns)
