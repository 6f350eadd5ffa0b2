"""The event as a client sends it, and the batch that carries events through both layers."""

import datetime as dt
from typing import Annotated, Any, Literal, get_args
from uuid import UUID

import msgspec

EventType = Literal["page_view", "click", "api_call", "form_submit", "error", "custom"]
Source = Literal["web", "mobile", "api", "server"]
EVENT_TYPES: tuple[str, ...] = get_args(EventType)
SOURCES: tuple[str, ...] = get_args(Source)

MAX_PROPERTIES_BYTES = 10 * 1024
MAX_METADATA_CHARS = 2048
MAX_ID_CHARS = 128

Text128 = Annotated[str, msgspec.Meta(max_length=MAX_ID_CHARS)]
SessionId = Annotated[str, msgspec.Meta(min_length=1, max_length=MAX_ID_CHARS)]
MetadataText = Annotated[str, msgspec.Meta(max_length=MAX_METADATA_CHARS)]


class Metadata(msgspec.Struct, omit_defaults=True, forbid_unknown_fields=True, kw_only=True, gc=False):
    """Where an event came from, as far as the client says so."""

    ip_address: MetadataText | None = None
    user_agent: MetadataText | None = None
    country: MetadataText | None = None
    region: MetadataText | None = None
    referrer: MetadataText | None = None


class Event(msgspec.Struct, omit_defaults=True, forbid_unknown_fields=True, kw_only=True, gc=False):
    """One event as a client sends it.

    ``event_id`` and ``timestamp`` stand first, so that an encoded event has them at fixed places (see ``codec``).
    """

    event_id: UUID | None = None
    timestamp: dt.datetime | None = None
    event_type: EventType
    session_id: SessionId
    source: Source
    user_id: Text128 | None = None
    event_name: Text128 | None = None
    properties: dict[str, Any] | None = None
    metadata: Metadata | None = None


class Remote(msgspec.Struct, omit_defaults=True, kw_only=True, gc=False):
    """What the connection tells about the sender; stands in for metadata that a browser or an app left out."""

    ip_address: str | None = None
    user_agent: str | None = None
    country: str | None = None


class Stamp(msgspec.Struct, omit_defaults=True, kw_only=True):
    """What the server adds to every event of one request."""

    received_at: dt.datetime
    client_id: str
    app: str
    remote: Remote | None = None


class StoredEvent(msgspec.Struct, kw_only=True, gc=False):
    """One stored line: the event as it was sent, with its id and the server's stamp.

    Times are RFC 3339 text in UTC. ``timestamp`` is absent when the client sent none: then it is ``received_at``.
    Left alone by the garbage collector (no cycles): that halves the cost of decoding.
    """

    event_id: str
    timestamp: str | None = None
    event_type: str
    session_id: str
    source: str
    user_id: str | None = None
    event_name: str | None = None
    properties: msgspec.Raw = msgspec.Raw(b"{}")
    metadata: Metadata | None = None
    received_at: str
    client_id: str
    app: str
    remote: Remote | None = None


LAKE = "lake"
SPEED = "speed"
"""The two consumers of the log."""


class Count(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One row of a batch's digest: how many events of one app and type fall into one minute.

    ``minute`` counts minutes since 1970 in UTC, of the event's own time after clamping. ``live`` is False for events
    that were more than 24 hours old when they were received: they move the lake, never the live counters.
    """

    app: str
    minute: int
    event_type: str
    live: bool
    events: int


class Batch(msgspec.Struct, frozen=True, kw_only=True):
    """What one group commit accepted: the unit that moves through log, bronze, writer and processor.

    ``seq`` is its place in the log (0 until the log gave it one), ``received_at`` microseconds since 1970 of its
    newest event, ``ids`` 25 bytes an event in line order (see ``codec.pack_id``), ``lines`` zstd-compressed NDJSON of
    ``StoredEvent``. ``redrive_of`` is the id of the dead letter that this batch is another try of: then it is for the
    consumer of the letter alone, for the other one had it the first time.
    """

    seq: int = 0
    received_at: int
    events: int
    digest: tuple[Count, ...]
    ids: bytes
    lines: bytes
    redrive_of: str | None = None

    def is_for(self, consumer: str) -> bool:
        """Whether a consumer must take it in; another one passes it as if it held nothing."""
        return self.redrive_of is None or self.redrive_of.startswith(f"{consumer}:")


class Position(msgspec.Struct, frozen=True):
    """How far a consumer has come: everything of this journal up to and including ``seq`` is applied."""

    journal: str
    seq: int

    def __str__(self) -> str:
        return f"{self.journal}:{self.seq}"

    @classmethod
    def parse(cls, text: str) -> "Position":
        """Read ``<journal>:<seq>``; raises ValueError when it is something else."""
        journal, _, seq = text.rpartition(":")
        if not journal:
            raise ValueError(f"not a position: {text!r}")
        return cls(journal, int(seq))
