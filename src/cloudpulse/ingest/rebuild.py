"""Brings the id index up to the journal; a lost index comes back from bronze and the journal."""

from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

import msgspec
import structlog

from cloudpulse.events import codec, times
from cloudpulse.events.model import Batch, Event, StoredEvent
from cloudpulse.lake.bronze import BronzeFile, list_files, read
from cloudpulse.ports import IdIndex, LogReader, Records

log = structlog.get_logger(__name__)


class _Sent(Event, omit_defaults=True, forbid_unknown_fields=False, kw_only=True):
    """The client's part of a stored line; the stamp is passed over."""


_decode_sent = msgspec.json.Decoder(_Sent).decode


def bring_up(index: IdIndex, reader: LogReader, records: Records, data: Path, oldest: int) -> None:
    """Record all ids that the index lacks. ``oldest``: seconds since 1970 at which the window begins."""
    state = reader.state()
    if index.through() > state.head:
        log.warning("the id index is ahead of the journal, which is an older copy", through=index.through())
        index.restart()
    if index.through() < state.trimmed:
        log.warning("the id index is behind the trimmed journal: rebuilding it from bronze", through=index.through())
        for file in list_files(records, state.journal, after=index.through()):
            if file.first <= state.trimmed:
                for batch in _batches(file, state.trimmed, data, oldest):
                    index.record(batch)
    after = max(index.through(), state.trimmed)
    while batches := reader.read(after):
        for batch in batches:
            index.record(batch)
        after = batches[-1].seq


def _batches(file: BronzeFile, trimmed: int, data: Path, oldest: int) -> Iterator[Batch]:
    """The ids of one object as a batch under the object's last number: bronze lines do not tell their own.

    The journal itself gives what lies above ``trimmed``.
    """
    lines = read(data, file).splitlines()
    received_at = times.micros(times.parse(msgspec.json.decode(lines[-1], type=StoredEvent).received_at))
    if received_at // 1_000_000 < oldest:
        return
    ids = b"".join([packed_id(line) for line in lines])
    yield Batch(seq=min(file.last, trimmed), received_at=received_at, events=len(lines), digest=(), ids=ids, lines=b"")


def packed_id(line: bytes) -> bytes:
    """The entry of ``Batch.ids`` for a stored line, computed again from what the client sent."""
    sent = _decode_sent(line)
    event = Event(**{field: getattr(sent, field) for field in Event.__struct_fields__})
    event_id = event.event_id
    assert isinstance(event_id, UUID), "every stored line has an id"
    return codec.pack_id(event_id.bytes, codec.hash_of(event), event.event_type)
