"""Dead letters without what tombstones cover (mechanism 19). Pure."""

from collections import Counter
from collections.abc import Mapping, Sequence, Set

import msgspec

from cloudpulse.events import codec
from cloudpulse.events.model import Batch
from cloudpulse.lake.sift import count_of, subtract
from cloudpulse.lake.tombstones import Tombstones


class CoveredLetter(msgspec.Struct, frozen=True):
    """What is covered in one dead letter: events by erasure, their live minutes (since 1970), and their packed ids;
    ``rest`` is the letter without them.
    """

    events: Mapping[str, int]
    minutes: Set[int]
    ids: bytes
    rest: Batch


def divide(
    batch: Batch, lines: Sequence[bytes], places: Sequence[int | None], tombstones: Tombstones, live_since: int
) -> CoveredLetter:
    """Take out of a letter the lines that have places among the tombstones.

    Other lines may be damaged, so what is counted is what goes.
    """
    packed = codec.unpack_ids(batch.ids)
    gone = [number for number, place in enumerate(places) if place is not None]
    kept = [number for number, place in enumerate(places) if place is None]
    counts = [count_of(lines[number]) for number in gone]
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
