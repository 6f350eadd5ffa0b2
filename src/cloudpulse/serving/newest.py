"""The newest events of a plan, read day by day until there are enough."""

from collections.abc import Sequence
from itertools import groupby
from typing import Any

import pyarrow as pa

from cloudpulse.lake.snapshot import LakeFile
from cloudpulse.serving import sql
from cloudpulse.serving.execution import Execution


def newest(execution: Execution, columns: Sequence[str], wanted: int) -> list[tuple[Any, ...]]:
    """(microseconds, event_id, *columns) of at most ``wanted`` events, newest first.

    The tail comes first, then the newest day, the two before, the four before those: an early end reads little, and
    a search through the whole range takes few statements.
    """
    found = _merge(execution, [], execution.tail_rows(), [], columns, wanted)
    newest_first = sorted(execution.files(), key=lambda file: file.day, reverse=True)
    days = [list(files) for _, files in groupby(newest_first, key=lambda file: file.day)]
    step = 1
    while days:
        files = [file for day in days[:step] for file in day]
        if len(found) >= wanted and found[-1][0] > max(file.max_timestamp for file in files):
            break
        found = _merge(execution, files, None, found, columns, wanted)
        days, step = days[step:], step * 2
    return found


def _merge(
    execution: Execution,
    files: list[LakeFile],
    rows: pa.Table | None,
    found: list[tuple[Any, ...]],
    columns: Sequence[str],
    wanted: int,
) -> list[tuple[Any, ...]]:
    statement = sql.newest(execution.condition(files), columns, wanted)
    merged = found + execution.select(statement, files, rows).rows
    return sorted(merged, key=lambda row: row[:2], reverse=True)[:wanted]
