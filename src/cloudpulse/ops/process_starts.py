"""When the processes of this folder began: one that dies again and again is started again and again."""

import datetime as dt

from cloudpulse.events.times import rfc3339
from cloudpulse.ports import Records

KIND = "starts"
KEEP = dt.timedelta(days=1)
SPAN = dt.timedelta(hours=1)


def note(records: Records, now: dt.datetime) -> None:
    """Note that the process which writes these records begins."""
    old = [key for key, _ in records.list(KIND, end=rfc3339(now - KEEP))]
    records.exchange({KIND: old}, {KIND: {rfc3339(now): {}}})


def within_an_hour(records: Records, now: dt.datetime) -> int:
    """How often it has begun."""
    return len(records.list(KIND, start=rfc3339(now - SPAN)))
