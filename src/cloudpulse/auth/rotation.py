"""Rotation of signing secrets and, where the settings say so, of clients' secrets; old ones stay valid for a while.

A client's new secret is written to a prepared file, then stored, then its file takes the published name. After a crash
the next look publishes a prepared secret that was stored, and deletes one that was not. So the published file always
holds a valid secret, and the one before it stays valid for a day.
"""

import datetime as dt
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from cloudpulse.auth.clients import PREFIX, Client, ClientService, RotatedSecret, new_secret
from cloudpulse.auth.credentials import ROTATION_OVERLAP_SECONDS
from cloudpulse.auth.local_issuer import LocalIssuer
from cloudpulse.auth.secret_files import SecretFiles
from cloudpulse.auth.sessions import SessionService
from cloudpulse.errors import InvalidClient
from cloudpulse.events.times import rfc3339
from cloudpulse.ports import AuditEntry, AuditLog, Secrets
from cloudpulse.settings import Settings

ACTOR = "job/rotate"
DAY_SECONDS = 86_400


class SigningRotation(msgspec.Struct, frozen=True, kw_only=True):
    """The signing secrets that were renewed, and until when those before are valid; None when they have ended."""

    rotated: tuple[str, ...]
    previous_expires_at: dt.datetime | None


class Rotation:
    """Renews what is old, and removes what has ended; ``now`` returns seconds since 1970."""

    def __init__(
        self,
        settings: Settings,
        secrets: Secrets,
        signers: Mapping[str, LocalIssuer[Any]],
        clients: ClientService,
        sessions: SessionService,
        files: SecretFiles,
        audit: AuditLog,
        now: Callable[[], float],
    ) -> None:
        self._settings = settings
        self._secrets = secrets
        self._signers = signers
        self._clients = clients
        self._sessions = sessions
        self._files = files
        self._audit = audit
        self._now = now

    def rotate_signing(self, end_previous: bool = False) -> SigningRotation:
        """Renew all signing secrets now; with ``end_previous`` every token that is out ends."""
        ends = dt.datetime.fromtimestamp(int(self._now()) + self._settings.token_max_ttl_seconds, dt.UTC)
        for signer in self._signers.values():
            signer.rotate(end_previous)
        return SigningRotation(rotated=tuple(self._signers), previous_expires_at=None if end_previous else ends)

    def look(self) -> None:
        """Renew what is due."""
        self._rotate_old_signing()
        self._sessions.expire()
        self._secrets.expire(int(self._now()))
        self._finish()
        if self._settings.rotate_clients_days:
            self._rotate_clients(self._clients.list())

    def _rotate_old_signing(self) -> None:
        for name, signer in self._signers.items():
            current = self._secrets.versions(name, int(self._now()))[:1]
            if current and is_due(current[0].created_at, self._now(), self._settings.rotate_signing_days):
                signer.rotate()
                self._note("signing_rotated", name)

    def _finish(self) -> None:
        """Decide what a crash has left open."""
        for secret in self._files.prepared():
            try:
                self._clients.authenticate(secret.client_id, secret.client_secret)
            except InvalidClient:
                self._files.discard(secret.client_id)
            else:
                self._publish(secret.client_id)

    def _rotate_clients(self, clients: list[Client]) -> None:
        self._files.keep_only({client.client_id for client in clients})
        for client in clients:
            if is_due(client.created_at.timestamp(), self._now(), self._settings.rotate_clients_days):
                self._rotate_client(client.client_id)

    def _rotate_client(self, client_id: str) -> None:
        ends = dt.datetime.fromtimestamp(int(self._now()) + ROTATION_OVERLAP_SECONDS, dt.UTC)
        secret = RotatedSecret(client_id=client_id, client_secret=new_secret(), previous_expires_at=ends)
        self._files.prepare(secret)
        self._clients.rotate(client_id, ROTATION_OVERLAP_SECONDS, secret.client_secret)
        self._publish(client_id)

    def _publish(self, client_id: str) -> None:
        self._files.publish(client_id)
        self._note("client_rotated", PREFIX + client_id)

    def _note(self, action: str, subject: str) -> None:
        at = rfc3339(dt.datetime.fromtimestamp(self._now(), dt.UTC))
        self._audit.append(AuditEntry(at=at, actor=ACTOR, action=action, subject=subject))


def is_due(created_at: float, now: float, days: int) -> bool:
    """Whether something made then is ``days`` old; never for 0 days."""
    return days > 0 and now - created_at >= days * DAY_SECONDS
