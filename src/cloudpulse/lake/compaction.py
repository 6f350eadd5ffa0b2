"""Which files of a closed partition are merged next, and into how many (mechanism 10)."""

import datetime as dt
import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence

import msgspec
from pyiceberg.manifest import DataFile

from cloudpulse.lake import parquet

MAX_FILES = 4
TARGET_BYTES = 128 * 1024 * 1024
CLOSED_AFTER = dt.timedelta(hours=1)
"""A day's partitions close so long after its end: until then events come late by the way."""
PAYS_FROM = 8
"""A large file is written again when what joins it has at least an eighth of its size,"""
MAX_LATE_FILES = 12
"""or when so many small files have gathered beside it."""
FAN_IN = 8
"""So many files may be read side by side: each costs memory."""


class Merge(msgspec.Struct, frozen=True):
    """Files of one partition whose rows go into at most ``outputs`` new ones."""

    day: dt.date
    event_type: str
    files: Sequence[DataFile]
    outputs: int

    @property
    def rows(self) -> int:
        """How many rows are written again."""
        return sum(file.record_count for file in self.files)

    @property
    def bytes(self) -> int:
        """How large its files are."""
        return sum(file.file_size_in_bytes for file in self.files)


def plan(files: Iterable[DataFile], now: dt.datetime) -> Iterator[Merge]:
    """The next merge of each closed partition that is worth one, oldest day first."""
    partitions: dict[tuple[dt.date, str], list[DataFile]] = defaultdict(list)
    for file in files:
        partitions[parquet.partition_of(file)].append(file)
    for (day, event_type), members in sorted(partitions.items(), key=lambda item: item[0]):
        if len(members) > MAX_FILES and is_closed(day, now):
            merge = _next(day, event_type, members)
            if merge is not None:
                yield merge


def is_closed(day: dt.date, now: dt.datetime) -> bool:
    """Whether the events of a day are in, but for late ones."""
    return now >= dt.datetime.combine(day, dt.time(), dt.UTC) + dt.timedelta(days=1) + CLOSED_AFTER


def _next(day: dt.date, event_type: str, files: list[DataFile]) -> Merge | None:
    """The smallest files, and every larger one that is not larger than all before it together."""
    by_size = sorted(files, key=lambda file: file.file_size_in_bytes)
    count = len(files) - MAX_FILES + 1
    total = sum(file.file_size_in_bytes for file in by_size[:count])
    while count < len(files) and by_size[count].file_size_in_bytes <= total:
        total += by_size[count].file_size_in_bytes
        count += 1
    group, left = by_size[:count], len(files) - count
    largest = group[-1].file_size_in_bytes
    if (total - largest) * PAYS_FROM < largest and len(files) <= MAX_FILES + MAX_LATE_FILES:
        return None
    if overlap(group) > FAN_IN:
        return Merge(day, event_type, group[:FAN_IN], 1)
    # One place of four stays free: late events gather there without moving the rest.
    return Merge(day, event_type, group, min(math.ceil(total / TARGET_BYTES), max(1, MAX_FILES - 1 - left)))


def overlap(files: Iterable[DataFile]) -> int:
    """How many files at most hold rows of the same moment."""
    edges: list[tuple[int, int]] = []
    for file in files:
        first, last = parquet.time_bounds(file)
        edges += [(first, -1), (last, 1)]
    open_files = most = 0
    for _, edge in sorted(edges):
        open_files -= edge
        most = max(most, open_files)
    return most
