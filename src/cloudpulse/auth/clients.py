"""API clients: an id, the SHA-256 of a random 256-bit secret, and what the client may do."""

import hashlib
import hmac
import secrets as random
from collections.abc import Callable, Iterable, Sequence

import msgspec

from cloudpulse.auth.tokens import SCOPES
from cloudpulse.errors import InvalidClient, InvalidParameter, NotFound
from cloudpulse.ports import Secrets

PREFIX = "client/"
ROTATION_OVERLAP_SECONDS = 24 * 3600
DEFAULT_APP = "default"
MAX_NAME_CHARS = 128

_UNKNOWN_SHA256 = "0" * 64


class Client(msgspec.Struct, frozen=True, kw_only=True):
    """A client as it may be shown; ``created_at`` is when its current secret was made, seconds since 1970."""

    client_id: str
    name: str
    app: str
    scopes: tuple[str, ...]
    created_at: int


class NewSecret(msgspec.Struct, frozen=True, kw_only=True):
    """A client's id and secret: the only time that the secret is shown."""

    client_id: str
    client_secret: str

    def __repr__(self) -> str:
        return f"NewSecret(client_id={self.client_id!r}, client_secret=***)"


class _Stored(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    app: str
    scopes: tuple[str, ...]
    sha256: str


class ClientService:
    """Keeps clients as secrets named ``client/<id>``; ``now`` returns seconds since 1970.

    Removing or rotating a client ends no token: those it has stay valid until they expire.
    """

    def __init__(self, secrets: Secrets, now: Callable[[], float]) -> None:
        self._secrets = secrets
        self._now = now

    def add(self, name: str, scopes: Iterable[str], app: str = DEFAULT_APP) -> NewSecret:
        """A new client; raises ``InvalidParameter``."""
        for field, text in (("name", name), ("app", app)):
            if not 0 < len(text) <= MAX_NAME_CHARS:
                raise InvalidParameter(f"{field} must have 1 to {MAX_NAME_CHARS} characters.")
        wanted = tuple(dict.fromkeys(scopes))
        if not wanted or not set(wanted) <= set(SCOPES):
            raise InvalidParameter(f"scopes must be some of: {', '.join(SCOPES)}.")
        return self._put(random.token_hex(8), _Stored(name=name, app=app, scopes=wanted, sha256=""))

    def list(self) -> list[Client]:
        """All clients, by id."""
        ids = [name.removeprefix(PREFIX) for name in self._secrets.names(PREFIX)]
        return [client for client_id in ids for client, _ in self._versions(client_id)[:1]]

    def rotate(self, client_id: str, keep_previous_seconds: int = ROTATION_OVERLAP_SECONDS) -> NewSecret:
        """A new secret; the one before is accepted for ``keep_previous_seconds`` more. Raises ``NotFound``."""
        versions = self._secrets.versions(PREFIX + client_id, int(self._now()))
        if not versions:
            raise NotFound(f"There is no client {client_id!r}.")
        return self._put(client_id, msgspec.json.decode(versions[0].value, type=_Stored), keep_previous_seconds)

    def remove(self, client_id: str) -> None:
        """Forget a client; raises ``NotFound``."""
        if not self._secrets.remove(PREFIX + client_id):
            raise NotFound(f"There is no client {client_id!r}.")

    def authenticate(self, client_id: str, client_secret: str) -> Client:
        """The client that this secret belongs to; raises ``InvalidClient``. Takes as long for an unknown client."""
        given = hashlib.sha256(client_secret.encode()).hexdigest()
        versions = self._versions(client_id)
        matches = [hmac.compare_digest(given, sha256) for _, sha256 in versions]
        if not versions:
            hmac.compare_digest(given, _UNKNOWN_SHA256)
        if not any(matches):
            raise InvalidClient("The client id or the client secret is wrong.")
        return versions[0][0]

    def _put(self, client_id: str, client: _Stored, keep_previous_seconds: int = 0) -> NewSecret:
        client_secret = random.token_urlsafe(32)
        sha256 = hashlib.sha256(client_secret.encode()).hexdigest()
        value = msgspec.json.encode(msgspec.structs.replace(client, sha256=sha256)).decode()
        self._secrets.put(PREFIX + client_id, value, int(self._now()), keep_previous_seconds)
        return NewSecret(client_id=client_id, client_secret=client_secret)

    def _versions(self, client_id: str) -> Sequence[tuple[Client, str]]:
        found = []
        for version in self._secrets.versions(PREFIX + client_id, int(self._now())):
            stored = msgspec.json.decode(version.value, type=_Stored)
            client = Client(
                client_id=client_id,
                name=stored.name,
                app=stored.app,
                scopes=stored.scopes,
                created_at=version.created_at,
            )
            found.append((client, stored.sha256))
        return found
