"""Tells new events from duplicates and conflicts, and makes one batch of what is new in a group of requests."""

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from cloudpulse.events import codec
from cloudpulse.events.model import Batch
from cloudpulse.events.validate import Rejection
from cloudpulse.ingest.prepare import Prepared, digest
from cloudpulse.ports import IdIndex


class Receipt(msgspec.Struct, frozen=True):
    """What became of one request. ``event_ids`` are the accepted and duplicate ones as text, in input order;
    ``received_at`` is microseconds since 1970.
    """

    received_at: int
    accepted: int
    duplicates: int
    event_ids: list[bytes]
    rejections: list[Rejection]


class Decided(msgspec.Struct):
    """Which entries of a request are new, and its receipt once they are durable."""

    prepared: Prepared
    fresh: list[int] | None
    receipt: Receipt


def decide(requests: Sequence[Prepared], index: IdIndex, now_seconds: int) -> list[Decided]:
    """Tell new events from duplicates and conflicts, against the index and within the group."""
    keys = [key for request in requests for key in request.keys]
    found = index.lookup(keys, now_seconds) if keys else []
    if not any(found) and len(set(keys)) == len(keys):
        return [Decided(request, None, _receipt(request, len(request.keys), 0)) for request in requests]
    known = {key: entry.payload_hash for key, entry in zip(keys, found, strict=True) if entry is not None}
    return [decide_one(request, known) for request in requests]


def decide_one(request: Prepared, known: dict[bytes, bytes]) -> Decided:
    """Tell new events from duplicates and conflicts, against known payload hashes by id, which what is new joins."""
    fresh: list[int] = []
    kept: list[int] = []
    for place, (key, packed) in enumerate(zip(request.keys, request.packed, strict=True)):
        hashed = packed[16:24]
        if key not in known:
            known[key] = hashed
            fresh.append(place)
        elif known[key] != hashed:
            request.rejections.append(_conflict(request, place))
            continue
        kept.append(place)
    request.id_texts = [request.id_texts[place] for place in kept]
    return Decided(request, fresh, _receipt(request, len(fresh), len(kept) - len(fresh)))


def _conflict(request: Prepared, place: int) -> Rejection:
    event_id = request.id_texts[place].decode()
    message = f"event_id {event_id} is known with another payload: send a changed event under an id of its own."
    return Rejection(request.indexes[place], event_id, "conflict", "event_id", message)


def _receipt(request: Prepared, accepted: int, duplicates: int) -> Receipt:
    rejections = sorted(request.rejections, key=lambda rejection: rejection.index)
    return Receipt(request.received_at, accepted, duplicates, request.id_texts, rejections)


def to_batch(decided: Iterable[Decided]) -> Batch | None:
    """The batch of what is new in a group; None when nothing is."""
    parts = [(one.prepared, one.fresh) for one in decided if one.receipt.accepted]
    if not parts:
        return None
    return Batch(
        received_at=max(prepared.received_at for prepared, _ in parts),
        events=sum(len(prepared.keys) if fresh is None else len(fresh) for prepared, fresh in parts),
        digest=digest((prepared.app, _pick(prepared.cells, fresh)) for prepared, fresh in parts),
        ids=b"".join([entry for prepared, fresh in parts for entry in _pick(prepared.packed, fresh)]),
        lines=codec.pack_lines([line for prepared, fresh in parts for line in _pick(prepared.stored, fresh)]),
    )


def _pick(entries: list[Any], places: list[int] | None) -> list[Any]:
    return entries if places is None else [entries[place] for place in places]
