"""What clients and write keys have in common: a random secret, kept as its SHA-256, of which two may be valid."""

import datetime as dt
import hashlib
import hmac
import unicodedata
from collections.abc import Callable
from threading import Lock
from typing import Any, Generic, TypeVar

import msgspec

from cloudpulse.errors import InvalidParameter, NotFound
from cloudpulse.ports import Secrets

ROTATION_OVERLAP_SECONDS = 24 * 3600
MAX_OVERLAP_SECONDS = 30 * 24 * 3600
MAX_REQUESTS_PER_MINUTE = 1_000_000
MAX_NAME_CHARS = 128
NOT_IN_NAMES = ("Cc", "Cs", "Zl", "Zp")
DEFAULT_APP = "default"

_UNKNOWN_SHA256 = "0" * 64


class Credential(msgspec.Struct, frozen=True, kw_only=True):
    """What is stored of each; without ``requests_per_minute`` there is no limit. Raises ``InvalidParameter``."""

    name: str
    app: str
    sha256: str
    requests_per_minute: int | None = None

    def __post_init__(self) -> None:
        for field, text in (("name", self.name), ("app", self.app)):
            if not 0 < len(text) <= MAX_NAME_CHARS:
                raise InvalidParameter(f"{field} must have 1 to {MAX_NAME_CHARS} characters.")
        if self.requests_per_minute is not None and not 0 < self.requests_per_minute <= MAX_REQUESTS_PER_MINUTE:
            raise InvalidParameter(f"requests_per_minute must be 1 to {MAX_REQUESTS_PER_MINUTE}, or null for no limit.")


Kind = TypeVar("Kind", bound=Credential)


class Version(msgspec.Struct, Generic[Kind], frozen=True, kw_only=True):
    """One valid version; ``expires_at`` is None for the current one."""

    credential: Kind
    created_at: dt.datetime
    expires_at: dt.datetime | None


class Credentials(Generic[Kind]):
    """Credentials of one kind, as secrets named ``<prefix><id>``; ``now`` returns seconds since 1970."""

    def __init__(self, secrets: Secrets, prefix: str, kind: type[Kind], noun: str, now: Callable[[], float]) -> None:
        self._secrets = secrets
        self._prefix = prefix
        self._kind = kind
        self._noun = noun
        self._now = now
        self._changing = Lock()

    def all(self) -> dict[str, list[Version[Kind]]]:
        """The valid versions of each credential, by id, the current one first."""
        ids = [name.removeprefix(self._prefix) for name in self._secrets.names(self._prefix)]
        found = ((credential_id, self.versions(credential_id)) for credential_id in ids)
        return {credential_id: versions for credential_id, versions in found if versions}

    def versions(self, credential_id: str) -> list[Version[Kind]]:
        """The valid versions of one, the current one first; empty when there is none."""
        return [
            Version(
                credential=msgspec.json.decode(version.value, type=self._kind),
                created_at=_moment(version.created_at),
                expires_at=None if version.expires_at is None else _moment(version.expires_at),
            )
            for version in self._secrets.versions(self._prefix + credential_id, int(self._now()))
        ]

    def add(self, credential_id: str, credential: Kind) -> None:
        """Keep a new one; raises ``InvalidParameter``."""
        # Not looked for where credentials are read: an older version let them pass.
        for field, text in (("name", credential.name), ("app", credential.app)):
            if any(unicodedata.category(character) in NOT_IN_NAMES for character in text):
                raise InvalidParameter(f"{field} must not have control characters or line breaks.")
        self._secrets.put(self._prefix + credential_id, _encoded(credential), int(self._now()))

    def rotate(self, credential_id: str, sha256: str, keep_previous_seconds: int) -> dt.datetime | None:
        """Make another secret the current one, and end all but the one before it; returns when that one ends.

        Raises ``NotFound``, ``InvalidParameter``.
        """
        if not 0 <= keep_previous_seconds <= MAX_OVERLAP_SECONDS:
            raise InvalidParameter(f"keep_previous_seconds must be 0 to {MAX_OVERLAP_SECONDS}.")
        with self._changing:
            now = int(self._now())
            renewed = msgspec.structs.replace(self._current(credential_id), sha256=sha256)
            self._secrets.put(
                self._prefix + credential_id, _encoded(renewed), now, keep_previous_seconds, end_older=True
            )
        return _moment(now + keep_previous_seconds) if keep_previous_seconds else None

    def amend(self, credential_id: str, **changes: Any) -> None:
        """Change what a credential allows; its secrets and their dates stay. Raises ``NotFound``."""
        with self._changing:
            amended = msgspec.structs.replace(self._current(credential_id), **changes)
            self._secrets.amend(self._prefix + credential_id, _encoded(amended))

    def remove(self, credential_id: str) -> None:
        """Forget one; raises ``NotFound``."""
        if not self._secrets.remove(self._prefix + credential_id):
            raise self._missing(credential_id)

    def _current(self, credential_id: str) -> Kind:
        versions = self.versions(credential_id)
        if not versions:
            raise self._missing(credential_id)
        return versions[0].credential

    def _missing(self, credential_id: str) -> NotFound:
        return NotFound(f"There is no {self._noun} {credential_id!r}.")


def hashed(secret: str) -> str:
    """How a secret is stored: it is long and random, so one round is enough."""
    return hashlib.sha256(secret.encode("utf-8", "replace")).hexdigest()


def belongs(secret: str, versions: list[Version[Kind]]) -> bool:
    """Whether this is the secret of one of the versions; takes as long where there are none."""
    given = hashed(secret)
    known = [version.credential.sha256 for version in versions] or [_UNKNOWN_SHA256]
    return any(hmac.compare_digest(given, sha256) for sha256 in known)


def _encoded(credential: Credential) -> str:
    return msgspec.json.encode(credential).decode()


def _moment(seconds: int) -> dt.datetime:
    return dt.datetime.fromtimestamp(seconds, dt.UTC)
