"""Daily summaries: one small JSON file a day, ``daily_summaries/YYYY-MM-DD.json``."""

import datetime as dt
from pathlib import Path

import msgspec

from cloudpulse.events.summary import DailySummary
from cloudpulse.lake.fileio import write_durably

FOLDER = "daily_summaries"


def read_summary(data: Path, day: dt.date) -> DailySummary | None:
    """The summary of a day, or None; raises ``msgspec.MsgspecError`` when the file is damaged."""
    try:
        return msgspec.json.decode(_path(data, day).read_bytes(), type=DailySummary)
    except FileNotFoundError:
        return None


def write_summary(data: Path, summary: DailySummary) -> None:
    """Put a summary in place of the one before; readers see one of them whole."""
    write_durably(_path(data, summary.date), msgspec.json.format(msgspec.json.encode(summary), indent=1) + b"\n")


def forget_summary(data: Path, day: dt.date) -> None:
    """Have the day's summary computed anew by the next run of ``summarise``, for its rows were changed."""
    _path(data, day).unlink(missing_ok=True)


def _path(data: Path, day: dt.date) -> Path:
    return data / FOLDER / f"{day}.json"
