"""What is known of erasures: their tombstones, what they have removed so far, and their records, for ever."""

import datetime as dt
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from cloudpulse.lake.tombstones import Tombstone
from cloudpulse.ports import Records, Secrets

OPEN = "erasure_open"
DONE = "erasure"
"""Records kinds: an erasure is in one of them, under its id."""
KEY_SECRET = "erasure_key"
"""The secret that subjects are hashed with: made once and never renewed, for tombstones are for ever."""


class Removed(msgspec.Struct, frozen=True):
    """So many events, out of so many files, objects or letters."""

    events: int = 0
    files: int = 0

    def __add__(self, other: "Removed") -> "Removed":
        return Removed(self.events + other.events, self.files + other.files)


class ErasureState(msgspec.Struct, frozen=True, kw_only=True):
    """How far one erasure is. ``letters`` holds events by letter, ``uploads`` counts those in raw copies, ``days`` and
    live ``minutes`` (since 1970) are what was changed.

    Once all is rewritten there is ``removed_at``; nothing of the events is left in batches up to ``through``, and old
    files may go at ``due``. With ``record`` it is done, and ``signature`` (a JWS of the record) proves it.
    """

    tombstone: Tombstone
    started_at: dt.datetime
    bronze: Removed = Removed()
    letters: dict[str, int] = {}
    uploads: int = 0
    days: list[dt.date] = []
    minutes: list[int] = []
    unreadable: list[str] = []
    removed_at: dt.datetime | None = None
    through: int = 0
    due: dt.datetime | None = None
    record: dict[str, Any] | None = None
    signature: str | None = None

    @property
    def id(self) -> str:
        """Its id."""
        return self.tombstone.id


def find(records: Records, erasure_id: str) -> ErasureState | None:
    """One erasure that has begun, or None."""
    documents = (records.get(kind, erasure_id) for kind in (DONE, OPEN))
    return next((msgspec.convert(document, ErasureState) for document in documents if document is not None), None)


def open_erasures(records: Records) -> list[ErasureState]:
    """Those that have begun and are not done."""
    return [msgspec.convert(document, ErasureState) for _, document in records.list(OPEN)]


def tombstones(records: Records) -> Sequence[Tombstone]:
    """All tombstones that there are."""
    # Read in this order: one that ends meanwhile is seen twice, not never.
    documents = [document for kind in (OPEN, DONE) for _, document in records.list(kind)]
    return [msgspec.convert(document, ErasureState).tombstone for document in documents]


def documents(states: Iterable[ErasureState]) -> dict[str, Any]:
    """The records that keep erasures of one kind."""
    return {state.id: msgspec.to_builtins(state) for state in states}


def close(records: Records, erasure: ErasureState) -> None:
    """Keep the record of an erasure, for ever."""
    records.exchange({OPEN: [erasure.id]}, {DONE: documents([erasure])})


def known_key(secrets: Secrets, now: int) -> bytes | None:
    """The key that subjects are hashed with, or None while nobody was ever erased."""
    versions = secrets.versions(KEY_SECRET, now)
    return bytes.fromhex(versions[0].value) if versions else None
