"""Answers of the API as tables: columns of equal length, by name."""

import csv
import datetime as dt
import io
import json
import re
from collections.abc import Mapping, Sequence
from typing import Any
from zoneinfo import ZoneInfo

Table = dict[str, list[Any]]

_TIME = "TIMESTAMP WITH TIME ZONE"
_LARGEST = 2**63 - 1
_FORMULA = re.compile("^[=+\\-@\t\r\n'\uff1d\uff0b\uff0d\uff20]")
_MARKDOWN = re.compile(r"([\\`*_{}\[\]()<>#+\-.!|~:$&])")


def error_rate(counts: Mapping[str, int]) -> float:
    """Percent of events that are errors."""
    total = sum(counts.values())
    return 100 * counts.get("error", 0) / total if total else 0.0


def series(starts: Sequence[str], buckets: Mapping[str, Mapping[str, int]], tz: str) -> Table:
    """``time`` on the clocks of ``tz``, a row for each of ``starts``; and a column for each type, 0 without events.

    ``buckets`` holds by type the events by the start of the bucket.
    """
    table: Table = {"time": [_naive(_time(start).astimezone(ZoneInfo(tz))) for start in starts]}
    return table | {name: [events.get(start, 0) for start in starts] for name, events in buckets.items()}


def rows(answer: Mapping[str, Any], tz: str) -> Table:
    """The answer to a statement; times with ``tz``, and JSON text for what no cell can show."""
    zone = ZoneInfo(tz)
    table: Table = {}
    for column in answer["columns"]:
        name, kind = column["name"], column["type"]
        values = [row[name] for row in answer["results"]]
        if kind == _TIME:
            values = [_zoned(value, zone) for value in values]
        elif any(_needs_text(value) for value in values):
            values = [None if value is None else as_text(value) for value in values]
        table[name] = values
    return table


def _zoned(value: str | None, zone: ZoneInfo) -> dt.datetime | None:
    return None if value is None else _time(value).astimezone(zone)


def on_wall_clocks(table: Table) -> Table:
    """The table with times as the clocks of their zone show them: a chart would show those of the browser's."""
    return {name: [_naive(value) for value in values] for name, values in table.items()}


def _naive(value: Any) -> Any:
    return value.replace(tzinfo=None) if isinstance(value, dt.datetime) else value


def _needs_text(value: Any) -> bool:
    return isinstance(value, list | dict) or (isinstance(value, int) and abs(value) > _LARGEST)


def as_text(value: Any) -> str:
    """A value as text: what is no text as JSON, times in RFC 3339."""
    if isinstance(value, dt.datetime):
        return value.isoformat()
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def numbers(table: Table) -> list[str]:
    """Names of the columns that hold numbers."""
    return [name for name, values in table.items() if _are_numbers(values)]


def _are_numbers(values: Sequence[Any]) -> bool:
    known = [value for value in values if value is not None]
    return bool(known) and all(isinstance(value, int | float) and not isinstance(value, bool) for value in known)


def csv_text(table: Table) -> str:
    """RFC 4180; text that a spreadsheet program would take for a formula has an apostrophe before it."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow([_harmless(name) for name in table])
    writer.writerows([_cell(value) for value in row] for row in zip(*table.values(), strict=True))
    return out.getvalue()


def _cell(value: Any) -> str:
    if value is None:
        return ""
    return _harmless(value) if isinstance(value, str) else as_text(value)


def _harmless(text: str) -> str:
    return f"'{text}" if _FORMULA.match(text) else text


def plain(text: str) -> str:
    """Text as Markdown that shows it as it is: what others have sent must not become a link or an image."""
    return _MARKDOWN.sub(r"\\\1", text)


def clock(rfc3339: str, tz: str) -> str:
    """A time of the API as the clocks of ``tz`` show it."""
    return f"{_time(rfc3339).astimezone(ZoneInfo(tz)):%Y-%m-%d %H:%M:%S}"


def _time(rfc3339: str) -> dt.datetime:
    return dt.datetime.fromisoformat(rfc3339)
