"""Days and buckets of a time zone as plain arithmetic on microseconds, the same in Python and in SQL."""

import datetime as dt
from bisect import bisect_right
from collections.abc import Iterator
from functools import lru_cache
from zoneinfo import ZoneInfo

import msgspec

from cloudpulse.events.times import from_micros, micros

SECOND = 1_000_000
WIDTHS = {"minute": 60 * SECOND, "hour": 3600 * SECOND, "day": 86_400 * SECOND}


class Calendar(msgspec.Struct, frozen=True):
    """Consecutive days of one zone: the range [start, end) in microseconds since 1970, and the offsets in it.

    ``offsets[i]`` (microseconds east of UTC) holds from ``changes[i]`` on; ``changes[0]`` is ``start``.
    """

    zone: str
    first_day: dt.date
    last_day: dt.date
    start: int
    end: int
    changes: tuple[int, ...]
    offsets: tuple[int, ...]

    @classmethod
    def of(cls, zone: str, first_day: dt.date, last_day: dt.date) -> "Calendar":
        """Both days inclusive. Raises LookupError for an unknown zone, OverflowError beyond what dates can say."""
        return _calendar(zone, first_day, last_day)

    def bucket(self, moment: int, interval: str) -> int:
        """The start of the bucket that holds ``moment``, an instant of the range."""
        return self.bucket_of_key(self.key(moment, interval), interval)

    def key(self, moment: int, interval: str) -> int:
        """What ``sql.bucket_key`` computes: of a day its local midnight, else the bucket's start, less ``base``."""
        offset = self.offsets[bisect_right(self.changes, moment) - 1]
        local = (moment + offset - self.base) // WIDTHS[interval] * WIDTHS[interval]
        return local if interval == "day" else local - offset

    def bucket_of_key(self, key: int, interval: str) -> int:
        """The instant at which the bucket of a key begins."""
        if interval != "day":
            return key + self.base
        return _midnight(self.zone, self.first_day + dt.timedelta(days=key // WIDTHS["day"]))

    def buckets(self, first: int, last: int, interval: str) -> Iterator[int]:
        """Starts of all buckets from one start to another, both inclusive."""
        width = WIDTHS[interval]
        if interval == "day":
            for key in range(self.key(first, interval), self.key(last, interval) + 1, width):
                yield self.bucket_of_key(key, interval)
            return
        while first <= last:
            yield first
            first = self.bucket(first + width, interval)

    @property
    def base(self) -> int:
        """Local time at ``start``, from which local times are counted, so that no division sees a negative number."""
        return self.start + self.offsets[0]


@lru_cache(maxsize=256)
def _calendar(zone: str, first_day: dt.date, last_day: dt.date) -> Calendar:
    start, end = _midnight(zone, first_day), _midnight(zone, last_day + dt.timedelta(days=1))
    changes, offsets = [start], [_offset(zone, start)]
    for day in range(start, end, WIDTHS["day"]):
        after = min(day + WIDTHS["day"], end - 1)
        if _offset(zone, after) != offsets[-1]:
            changes.append(_change(zone, day, after))
            offsets.append(_offset(zone, after))
    return Calendar(zone, first_day, last_day, start, end, tuple(changes), tuple(offsets))


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ValueError, OSError) as exc:  # names such as "../x" or a folder of the database
        raise LookupError(name) from exc


def _midnight(zone: str, day: dt.date) -> int:
    return micros(dt.datetime.combine(day, dt.time(), _zone(zone)))


def _offset(zone: str, moment: int) -> int:
    offset = from_micros(moment).astimezone(_zone(zone)).utcoffset() or dt.timedelta()
    return offset // dt.timedelta(microseconds=1)


def _change(zone: str, before: int, after: int) -> int:
    """The first second of ``(before, after]`` with the offset of ``after``."""
    low, high = before // SECOND, after // SECOND + 1
    while high - low > 1:
        middle = (low + high) // 2
        if _offset(zone, middle * SECOND) == _offset(zone, after):
            high = middle
        else:
            low = middle
    return high * SECOND
