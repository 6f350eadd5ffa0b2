"""The audit log."""

from typing import Protocol

import msgspec
from msgspec import UNSET, UnsetType


class AuditEntry(msgspec.Struct, frozen=True, kw_only=True):
    """Who did what to whom. Ids only: no address, no name, no secret, nothing of an event.

    ``actor`` and ``subject`` are ids (``client/…``, ``user/…``, ``write_key/…``), ``at`` is RFC 3339 in UTC.
    ``left_out`` refusals of the same subject came before this one and have no entry: they were too many.
    """

    at: str
    actor: str
    action: str
    subject: str
    outcome: str = "done"
    request_id: str | None = None
    left_out: int | UnsetType = UNSET


class AuditLog(Protocol):
    """What was done with identities and data, for ever."""

    def append(self, entry: AuditEntry) -> None:
        """Write one entry durably, behind all others; nothing that stands there is ever changed.

        Raises ``StoreError`` with what is missing from the log: whoever did it must be told.
        """
