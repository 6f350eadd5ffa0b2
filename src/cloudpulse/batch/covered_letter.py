"""Dead letters without what tombstones cover (mechanism 19). Pure."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence, Set

import msgspec
import zstandard

from cloudpulse.events import codec, times
from cloudpulse.events.model import Batch, Count
from cloudpulse.lake.sift import subtract
from cloudpulse.lake.tombstones import Tombstones


class _Counted(msgspec.Struct):
    """What of a stored line is counted."""

    app: str
    event_type: str
    received_at: str
    timestamp: str | None = None


_decode_counted = msgspec.json.Decoder(_Counted).decode


class CoveredLetter(msgspec.Struct, frozen=True):
    """What is covered in one dead letter: events by erasure, their live minutes (since 1970), and their packed ids;
    ``rest`` is the letter without them.
    """

    events: Mapping[str, int]
    minutes: Set[int]
    ids: bytes
    rest: Batch


def lines_of(batch: Batch) -> list[bytes] | None:
    """The lines of a letter, or None when they are damaged as a whole."""
    try:
        lines = codec.decompress(batch.lines).split(b"\n")[:-1]
    except zstandard.ZstdError:
        return None
    return lines if len(lines) == len(codec.unpack_ids(batch.ids)) else None


def divide(
    batch: Batch, lines: Sequence[bytes], places: Sequence[int | None], tombstones: Tombstones, live_since: int
) -> CoveredLetter:
    """Take out of a letter the lines that have places among the tombstones.

    Other lines may be damaged, so what is counted is what goes.
    """
    packed = codec.unpack_ids(batch.ids)
    gone = [number for number, place in enumerate(places) if place is not None]
    kept = [number for number, place in enumerate(places) if place is None]
    counts = _counts(lines[number] for number in gone)
    return CoveredLetter(
        events=Counter(tombstones.tombstones[place].id for place in places if place is not None),
        minutes={count.minute for count in counts if count.live and count.minute >= live_since},
        ids=b"".join([packed[number] for number in gone]),
        rest=msgspec.structs.replace(
            batch,
            events=len(kept),
            ids=b"".join([packed[number] for number in kept]),
            lines=codec.pack_lines([lines[number] for number in kept]),
            digest=subtract(batch.digest, counts),
        ),
    )


def _counts(lines: Iterable[bytes]) -> list[Count]:
    return [_count(_decode_counted(line)) for line in lines]


def _count(line: _Counted) -> Count:
    received_at = times.parse(line.received_at)
    sent = times.parse(line.timestamp) if line.timestamp else received_at
    minute = times.minute_of(times.effective(sent, received_at))
    return Count(line.app, minute, line.event_type, times.is_live(sent, received_at), 1)
