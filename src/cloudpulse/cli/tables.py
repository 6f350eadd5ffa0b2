"""Rows and progress on a terminal."""

import sys
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

WIDE = 1000


def console() -> Console:
    """The standard output; wide when it is no terminal, so that nothing is cut in a pipe."""
    return Console() if sys.stdout.isatty() else Console(width=WIDE)


def progress(hidden: bool = False) -> Progress:
    """A bar on stderr that goes when the work is done; none when stderr is no terminal, or when ``hidden``."""
    errors = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    return Progress(*columns, console=errors, disable=hidden or not errors.is_terminal, transient=True)


def table(rows: Sequence[Mapping[str, Any]]) -> Table:
    """Objects of one shape as a table; numbers to the right."""
    made = Table(box=None, header_style="bold", pad_edge=False)
    for name in rows[0] if rows else ():
        number = isinstance(rows[0][name], int | float) and not isinstance(rows[0][name], bool)
        made.add_column(name, justify="right" if number else "left", overflow="fold")
    for row in rows:
        made.add_row(*(_cell(value) for value in row.values()))
    return made


def _cell(value: Any) -> str:
    if value is None:
        return "–"  # noqa: RUF001 - a dash for people
    if isinstance(value, str):
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:,}"
    return msgspec.json.encode(value).decode()
