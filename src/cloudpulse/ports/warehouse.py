"""Statements over the lake."""

import threading
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import msgspec


class Relation(msgspec.Struct, frozen=True):
    """A table that one statement may use: lake files by name, and rows in memory (an Arrow table) beside them.

    Files are Parquet; where ``columns`` are given (name → DuckDB's type) they hold JSON objects instead, compressed
    when their names end in ``.zst``, and columns that an object lacks are null.
    """

    files: Sequence[str]
    rows: Any | None = None
    columns: Mapping[str, str] | None = None


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """What one statement may use; it ends soon after ``cancelled`` is set."""

    rows: int = 10_000
    seconds: float = 25.0
    bytes: int | None = None
    cancelled: threading.Event | None = None


class Rows(msgspec.Struct, frozen=True, kw_only=True):
    """The answer to a statement: (name, type) of the columns, rows in order, and whether rows were left out."""

    columns: list[tuple[str, str]]
    rows: list[tuple[Any, ...]]
    truncated: bool = False


class Warehouse(Protocol):
    """Runs one read-only statement."""

    def run(self, sql: str, parameters: Sequence[Any], relations: Mapping[str, Relation], limits: Limits) -> Rows:
        """Run ``sql`` over the named relations; parameters stand for ``?``.

        A file that has gone meanwhile raises FileNotFoundError, a statement over its time ``QueryTimeout``, one that
        was cancelled ``QueryCancelled``, a wrong one or one that needs too much ``UserError``.
        """

    def forget(self) -> None:
        """Let go of all that is kept of the files that were read; what runs goes on."""
