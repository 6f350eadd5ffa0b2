"""The ids of batches in an index that knows owners, not numbers: the number of a batch is its owner's name here."""

from collections.abc import Sequence

from cloudpulse.engines.aws.id_index import DynamoIdIndex
from cloudpulse.events import codec
from cloudpulse.events.model import Batch
from cloudpulse.ports import IdEntry


class Claimed:
    """What of port ``IdIndex`` can be said of claims."""

    def __init__(self, claims: DynamoIdIndex) -> None:
        self._claims = claims

    def lookup(self, ids: Sequence[bytes], now_seconds: int) -> list[IdEntry | None]:
        """The claims on ids."""
        found = self._claims.lookup(ids, now_seconds)
        return [
            claim and IdEntry(int(claim.owner, 16), claim.received_at, claim.payload_hash, claim.event_type)
            for claim in found
        ]

    def record(self, batch: Batch) -> None:
        """Claim the ids of a batch; what has expired changes owner."""
        owner, now_seconds, entries = f"{batch.seq:032x}", batch.received_at // 1_000_000, codec.unpack_ids(batch.ids)
        held = zip(entries, self._claims.claim(owner, entries, now_seconds), strict=True)
        over = [(entry, claim.owner) for entry, claim in held if claim and self._claims.is_expired(claim, now_seconds)]
        assert self._claims.take_over(owner, over, now_seconds)
