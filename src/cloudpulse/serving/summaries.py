"""The daily summary of one day."""

import datetime as dt
from pathlib import Path

from cloudpulse.errors import NotFound
from cloudpulse.events.summary import DailySummary
from cloudpulse.lake.summaries import read_summary


def find_summary(data: Path, day: dt.date) -> DailySummary:
    """The summary of a day; raises ``NotFound``."""
    summary = read_summary(data, day)
    if summary is None:
        raise NotFound(
            f"There is no summary of {day}: the job summarise writes it shortly after the day has ended in UTC, "
            "for days that have events."
        )
    return summary
