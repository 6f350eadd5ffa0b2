"""How many events each bronze object holds, by app, minute and type: what the layers are compared with (mechanism 16).

One record for each object, under the object's key; whoever finds none that fits counts the object's lines.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec
import structlog

from cloudpulse.errors import StoreError
from cloudpulse.events.model import Batch, Count
from cloudpulse.events.times import from_micros
from cloudpulse.lake import bronze
from cloudpulse.lake.bronze import BronzeFile
from cloudpulse.lake.rebuild import read_rows
from cloudpulse.lake.sift import digest
from cloudpulse.ports import Records
from cloudpulse.telemetry import told

_NOW = from_micros(0)

log = structlog.get_logger(__name__)


class Digested(NamedTuple):
    """An object and what it holds; None when nobody can tell any more."""

    file: BronzeFile
    counts: tuple[Count, ...] | None


def remember(records: Records, objects: Iterable[tuple[BronzeFile, Sequence[Batch]]]) -> None:
    """Note what objects hold that are about to be written."""
    counts = {file.key: _sum(count for batch in batches for count in batch.digest) for file, batches in objects}
    records.put(bronze.DIGESTS, {key: msgspec.to_builtins(found) for key, found in counts.items()})


def read(records: Records, data: Path) -> Iterator[Digested]:
    """All objects, with those of a commit under way."""
    for file in bronze.walk(records):
        counts = msgspec.convert(records.get(bronze.DIGESTS, file.key) or (), tuple[Count, ...])
        is_right = sum(count.events for count in counts) == file.n
        yield Digested(file, counts if is_right else _counted(records, data, file))


def combined(records: Records, files: Sequence[BronzeFile]) -> object:
    """The record of an object that holds what these hold; where one has none, it fits no more."""
    parts = (msgspec.convert(records.get(bronze.DIGESTS, file.key) or (), tuple[Count, ...]) for file in files)
    return msgspec.to_builtins(_sum(count for part in parts for count in part))


def _counted(records: Records, data: Path, file: BronzeFile) -> tuple[Count, ...] | None:
    """Count the lines of an object that was changed, or that is older than the records; once."""
    try:
        counts = _sum(count for rows in read_rows(bronze.place(data, file), file, _NOW) for count in digest(rows))
    except StoreError as exc:
        log.error("a bronze object cannot be counted", path=file.path, **told(exc))
        return None
    records.put(bronze.DIGESTS, {file.key: msgspec.to_builtins(counts)})
    return counts


def _sum(counts: Iterable[Count]) -> tuple[Count, ...]:
    """Events that move the live counters by minute; all others by hour, for a backfill covers many minutes."""
    totals: Counter[tuple[str, int, str, bool]] = Counter()
    for count in counts:
        minute = count.minute if count.live else count.minute // 60 * 60
        totals[count.app, minute, count.event_type, count.live] += count.events
    return tuple(Count(*key, events) for key, events in totals.items())
