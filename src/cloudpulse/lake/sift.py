"""Finds the lines of a batch that can never become rows, so that they alone are set aside."""

import datetime as dt
from collections import Counter
from collections.abc import Iterator, Sequence

import msgspec
import pyarrow as pa
import pyarrow.compute as pc
import zstandard

from cloudpulse.events import codec, times
from cloudpulse.events.model import Batch, Count
from cloudpulse.lake.tables import SILVER, to_arrow

MAX_BAD_LINES = 50
"""Beyond so many the whole batch is set aside: finding each takes a dozen tries at decoding."""

_LIVE_WINDOW = pa.scalar(times.LIVE_WINDOW, pa.duration("us"))
_NOW = times.from_micros(0)


class _Counted(msgspec.Struct):
    """What of a stored line is counted."""

    app: str
    event_type: str
    received_at: str
    timestamp: str | None = None


_decode_counted = msgspec.json.Decoder(_Counted).decode


class _TooManyError(Exception):
    """More lines are bad than are worth finding."""


def sift(batch: Batch) -> tuple[Batch | None, Batch]:
    """(what can be processed, what cannot) of a batch that failed; None when that is no line, or nobody knows which."""
    try:
        lines = codec.decompress(batch.lines).split(b"\n")[:-1]
        bad = set(_bad(lines, 0))
    except (zstandard.ZstdError, _TooManyError):
        return None, batch
    ids = codec.unpack_ids(batch.ids)
    if not len(lines) == batch.events == len(ids) or not 0 < len(bad) < len(lines):
        return None, batch
    good = _part(batch, lines, ids, [place for place in range(len(lines)) if place not in bad])
    good = msgspec.structs.replace(good, digest=digest(to_arrow(codec.decompress(good.lines), _NOW)))
    rest = _part(batch, lines, ids, sorted(bad))
    return good, msgspec.structs.replace(rest, digest=subtract(batch.digest, good.digest))


def to_rows(batch: Batch, now: dt.datetime) -> pa.Table:
    """Silver rows of a batch; lines that cannot be decoded add nothing: they are on their way to the dead letters."""
    try:
        return to_arrow(codec.decompress(batch.lines), now)
    except Exception:
        good, _ = sift(batch)
        return SILVER.empty_table() if good is None else to_arrow(codec.decompress(good.lines), now)


def digest(table: pa.Table) -> tuple[Count, ...]:
    """The digest of silver rows: the same that was made of their events when they were accepted."""
    minutes = pc.divide(table["timestamp"].cast(pa.int64()), times.MINUTE_MICROS)
    live = pc.less_equal(pc.subtract(table["received_at"], table["timestamp"]), _LIVE_WINDOW)
    columns = {"app": table["app"], "minute": minutes, "event_type": table["event_type"], "live": live}
    counted = pa.table(columns).group_by(list(columns), use_threads=False).aggregate([([], "count_all")])
    names = [*columns, "count_all"]
    return tuple(Count(*(row[name] for name in names)) for row in counted.to_pylist())


def lines_of(batch: Batch) -> list[bytes] | None:
    """The lines of a batch, one for each id, or None when they are damaged as a whole."""
    try:
        lines = codec.decompress(batch.lines).split(b"\n")[:-1]
    except zstandard.ZstdError:
        return None
    return lines if len(lines) == len(codec.unpack_ids(batch.ids)) else None


def count_of(line: bytes) -> Count:
    """The part of one stored line in its batch's digest; raises ``msgspec.MsgspecError`` or ValueError."""
    counted = _decode_counted(line)
    received_at = times.parse(counted.received_at)
    sent = times.parse(counted.timestamp) if counted.timestamp else received_at
    minute = times.minute_of(times.effective(sent, received_at))
    return Count(counted.app, minute, counted.event_type, times.is_live(sent, received_at), 1)


def _bad(lines: Sequence[bytes], first: int) -> Iterator[int]:
    """Places of the lines that cannot be decoded, by halving; ``first`` is the place of the first of them."""
    bad = 0
    todo = [(first, lines)]
    while todo:
        start, part = todo.pop()
        if _is_decodable(part):
            continue
        if len(part) > 1:
            half = len(part) // 2
            todo += [(start + half, part[half:]), (start, part[:half])]
            continue
        bad += 1
        if bad > MAX_BAD_LINES:
            raise _TooManyError
        yield start


def _is_decodable(lines: Sequence[bytes]) -> bool:
    try:
        return bool(to_arrow(b"\n".join([*lines, b""]), _NOW).num_rows == len(lines))
    except Exception:
        return False


def _part(batch: Batch, lines: Sequence[bytes], ids: Sequence[bytes], places: Sequence[int]) -> Batch:
    return msgspec.structs.replace(
        batch,
        events=len(places),
        ids=b"".join([ids[place] for place in places]),
        lines=codec.pack_lines([lines[place] for place in places]),
    )


def subtract(whole: Sequence[Count], part: Sequence[Count]) -> tuple[Count, ...]:
    """The digest of what is left when a part goes."""
    left = _totals(whole) - _totals(part)
    return tuple(Count(*key, events) for key, events in left.items())


def _totals(rows: Sequence[Count]) -> Counter[tuple[str, int, str, bool]]:
    totals: Counter[tuple[str, int, str, bool]] = Counter()
    for row in rows:
        totals[row.app, row.minute, row.event_type, row.live] += row.events
    return totals
