"""Sends encoded events in batches through the HTTP API."""

from collections.abc import Iterable, Iterator, Sequence
from typing import TypeVar

import httpx
import msgspec

from cloudpulse.cli.client import Client, Refused

BATCH_EVENTS = 5_000
BATCH_BYTES = 4_000_000

Item = TypeVar("Item")


class Rejected(msgspec.Struct, frozen=True):
    """One event that the server did not take; ``index`` is its place in the batch."""

    index: int
    code: str
    message: str


class Receipt(msgspec.Struct, kw_only=True):
    """What became of a batch."""

    accepted: int
    duplicates: int = 0
    errors: list[Rejected] = []

    @property
    def events(self) -> int:
        """How many events it speaks of."""
        return self.accepted + self.duplicates + len(self.errors)


def send(client: Client, events: Sequence[bytes], key: str | None = None) -> Receipt:
    """Send canonical events; with ``key`` the batch may be repeated even when its events have no ids."""
    headers = {"Content-Type": "application/x-ndjson", "Prefer": "return=minimal"}
    if key is not None:
        headers["Idempotency-Key"] = key
    response = client.request(
        "POST", "/v1/events/batch", expect=(400, 413), content=b"\n".join(events), headers=headers
    )
    if response.status_code == 413:
        return _split(client, events, key, response)
    try:
        receipt = msgspec.json.decode(response.content, type=Receipt)
    except msgspec.MsgspecError as exc:
        raise Refused(response) from exc
    if receipt.events != len(events):
        raise Refused(response)
    return receipt


def batches(items: Iterable[tuple[Item, bytes]]) -> Iterator[list[tuple[Item, bytes]]]:
    """Cut (anything, event) into lists that one request may hold."""
    batch: list[tuple[Item, bytes]] = []
    size = 0
    for item in items:
        if batch and (len(batch) == BATCH_EVENTS or size + len(item[1]) > BATCH_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(item)
        size += len(item[1]) + 1
    if batch:
        yield batch


def _split(client: Client, events: Sequence[bytes], key: str | None, response: httpx.Response) -> Receipt:
    """The server has tighter limits than we thought: halve, down to the one event that is too large."""
    if len(events) == 1:
        return Receipt(accepted=0, errors=[Rejected(0, "too_large", str(Refused(response)))])
    half = len(events) // 2
    first = send(client, events[:half], key and f"{key}.0")
    second = send(client, events[half:], key and f"{key}.1")
    moved = [msgspec.structs.replace(error, index=error.index + half) for error in second.errors]
    return Receipt(
        accepted=first.accepted + second.accepted,
        duplicates=first.duplicates + second.duplicates,
        errors=first.errors + moved,
    )
