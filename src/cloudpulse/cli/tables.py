"""Rows and progress on a terminal."""

import sys
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from cloudpulse.cli.printable import printable

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
        made.add_column(Text(printable(name)), justify="right" if number else "left", overflow="fold")
    for row in rows:
        made.add_row(*(_cell(value) for value in row.values()))
    return made


def show_answer(out: Console, answer: Mapping[str, Any]) -> None:
    """The answer to a query: its rows, and what they cost."""
    if answer["results"]:
        out.print(table(answer["results"]))
    more = ", more were left out" if answer["truncated"] else ""
    out.print(
        f"[dim]{answer['rows_returned']:,} rows{more} · {answer['execution_ms']:,} ms · "
        f"{answer['scanned_bytes']:,} bytes scanned · complete until {answer['complete_until']}[/dim]",
        highlight=False,
    )


def _cell(value: Any) -> Text:
    """Not a plain string: rich would take what stands in brackets for markup."""
    if value is None:
        return Text("–")  # noqa: RUF001 - a dash for people
    if isinstance(value, str):
        return Text(printable(value))
    if isinstance(value, int) and not isinstance(value, bool):
        return Text(f"{value:,}")
    return Text(printable(msgspec.json.encode(value).decode()))
