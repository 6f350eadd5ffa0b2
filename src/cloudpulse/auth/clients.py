"""API clients: an id, the SHA-256 of a random 256-bit secret, and what the client may do."""

import datetime as dt
import secrets as random
from collections.abc import Callable, Iterable

import msgspec

from cloudpulse.auth.credentials import (
    DEFAULT_APP,
    ROTATION_OVERLAP_SECONDS,
    Credential,
    Credentials,
    Version,
    belongs,
    hashed,
)
from cloudpulse.auth.tokens import SCOPES
from cloudpulse.errors import InvalidClient, InvalidParameter
from cloudpulse.ports import Secrets

PREFIX = "client/"


class Client(msgspec.Struct, frozen=True, kw_only=True):
    """A client as it may be shown; ``created_at`` is when its current secret was made."""

    client_id: str
    name: str
    app: str
    scopes: tuple[str, ...]
    requests_per_minute: int | None
    created_at: dt.datetime
    previous_expires_at: dt.datetime | None


class NewSecret(msgspec.Struct, frozen=True, kw_only=True):
    """A client's id and secret: the only time that the secret is shown."""

    client_id: str
    client_secret: str

    def __repr__(self) -> str:
        return f"{type(self).__name__}(client_id={self.client_id!r}, client_secret=***)"


class RotatedSecret(NewSecret, frozen=True, kw_only=True):
    """A new secret, and how long the one before is valid beside it; None when it has ended."""

    previous_expires_at: dt.datetime | None

    __repr__ = NewSecret.__repr__


class _Stored(Credential, frozen=True, kw_only=True):
    scopes: tuple[str, ...]

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.scopes or not set(self.scopes) <= set(SCOPES):
            raise InvalidParameter(f"scopes must be some of: {', '.join(SCOPES)}.")


class ClientService:
    """Keeps clients as secrets named ``client/<id>``; ``now`` returns seconds since 1970.

    Removing, limiting or rotating a client changes no token: those it has stay as they are until they expire.
    """

    def __init__(self, secrets: Secrets, now: Callable[[], float]) -> None:
        self._credentials = Credentials(secrets, PREFIX, _Stored, "client", now)

    def add(
        self, name: str, scopes: Iterable[str], app: str = DEFAULT_APP, requests_per_minute: int | None = None
    ) -> NewSecret:
        """A new client; raises ``InvalidParameter``."""
        made = NewSecret(client_id=random.token_hex(8), client_secret=new_secret())
        stored = _Stored(
            name=name,
            app=app,
            scopes=tuple(dict.fromkeys(scopes)),
            requests_per_minute=requests_per_minute,
            sha256=hashed(made.client_secret),
        )
        self._credentials.add(made.client_id, stored)
        return made

    def list(self) -> list[Client]:
        """All clients, by id."""
        return [_shown(client_id, versions) for client_id, versions in self._credentials.all().items()]

    def change(self, client_id: str, requests_per_minute: int | None) -> None:
        """Allow so many requests, or any number of them; counts from the next token on. Raises ``NotFound``."""
        self._credentials.amend(client_id, requests_per_minute=requests_per_minute)

    def rotate(
        self,
        client_id: str,
        keep_previous_seconds: int = ROTATION_OVERLAP_SECONDS,
        client_secret: str | None = None,
    ) -> RotatedSecret:
        """A new secret; the one before stays valid for ``keep_previous_seconds``, older ones end.

        Raises ``NotFound``, ``InvalidParameter``.
        """
        client_secret = client_secret or new_secret()
        ends = self._credentials.rotate(client_id, hashed(client_secret), keep_previous_seconds)
        return RotatedSecret(client_id=client_id, client_secret=client_secret, previous_expires_at=ends)

    def remove(self, client_id: str) -> None:
        """Forget a client; raises ``NotFound``."""
        self._credentials.remove(client_id)

    def authenticate(self, client_id: str, client_secret: str) -> Client:
        """The client that this secret belongs to; raises ``InvalidClient``. Takes as long for an unknown client."""
        versions = self._credentials.versions(client_id)
        if not belongs(client_secret, versions):
            raise InvalidClient("The client id or the client secret is wrong.")
        return _shown(client_id, versions)

    def is_known(self, client_id: str) -> bool:
        """Whether there is such a client."""
        return bool(self._credentials.versions(client_id))


def new_secret() -> str:
    """256 random bits."""
    return random.token_urlsafe(32)


def _shown(client_id: str, versions: list[Version[_Stored]]) -> Client:
    current = versions[0].credential
    return Client(
        client_id=client_id,
        name=current.name,
        app=current.app,
        scopes=current.scopes,
        requests_per_minute=current.requests_per_minute,
        created_at=versions[0].created_at,
        previous_expires_at=versions[1].expires_at if len(versions) > 1 else None,
    )
