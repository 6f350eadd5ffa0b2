"""Write keys: what a browser or an app holds to send events. Anybody can read them, so they may do nothing else."""

import datetime as dt
import hmac
import secrets as random
from collections.abc import Callable, Iterable
from threading import Lock
from typing import Any, NamedTuple

import msgspec
from msgspec import UNSET, UnsetType

from cloudpulse.auth import origins as web
from cloudpulse.auth.credentials import (
    DEFAULT_APP,
    ROTATION_OVERLAP_SECONDS,
    Credential,
    Credentials,
    Version,
    hashed,
)
from cloudpulse.auth.tokens import Principal
from cloudpulse.errors import Forbidden, InvalidParameter, Unauthorized
from cloudpulse.ports import Secrets

PREFIX = "write_key/"
MARK = "wk_"
SCOPE = "events:write"
FRESH_SECONDS = 5
NEVER = 253_402_300_799
"""The last second of the year 9999: a write key ends when it is removed."""


class WriteKey(msgspec.Struct, frozen=True, kw_only=True):
    """A write key as it may be shown; ``created_at`` is when its current secret was made."""

    key_id: str
    name: str
    app: str
    origins: tuple[str, ...]
    requests_per_minute: int | None
    created_at: dt.datetime
    previous_expires_at: dt.datetime | None


class NewKey(msgspec.Struct, frozen=True, kw_only=True):
    """A write key's id and the key: the only time that it is shown."""

    key_id: str
    write_key: str

    def __repr__(self) -> str:
        return f"{type(self).__name__}(key_id={self.key_id!r}, write_key=***)"


class RotatedKey(NewKey, frozen=True, kw_only=True):
    """A new key, and how long the one before is valid beside it; None when it has ended."""

    previous_expires_at: dt.datetime | None

    __repr__ = NewKey.__repr__


class _Stored(Credential, frozen=True, kw_only=True):
    origins: tuple[str, ...]


class _Known(NamedTuple):
    principal: Principal
    origins: frozenset[str]
    valid: tuple[tuple[str, float], ...]
    """(SHA-256, end in seconds since 1970) of each version."""


class WriteKeyService:
    """Keeps write keys as secrets named ``write_key/<id>``; ``now`` returns seconds since 1970.

    A change counts at once in this process, and within ``FRESH_SECONDS`` in others.
    """

    def __init__(self, secrets: Secrets, now: Callable[[], float]) -> None:
        self._credentials = Credentials(secrets, PREFIX, _Stored, "write key", now)
        self._now = now
        self._known: dict[str, _Known] = {}
        self._origins: frozenset[str] = frozenset()
        self._fresh_until = 0.0
        self._lock = Lock()

    def verify(self, key: str, origin: str | None) -> Principal:
        """Who the key speaks for; raises ``Unauthorized``, or ``Forbidden`` for an origin that it is not bound to."""
        now = self._now()
        if now >= self._fresh_until:
            self._load()
        known = self._known.get(key.removeprefix(MARK).partition("_")[0])
        given = hashed(key)
        if known is None or not any(hmac.compare_digest(given, sha256) and now < end for sha256, end in known.valid):
            raise Unauthorized("The write key is not valid. `cloudpulse keys list` shows those that are.")
        if origin not in known.origins and web.ANY not in known.origins:
            raise Forbidden("The write key is bound to web origins, and the header Origin names none of them.")
        return known.principal

    def origins(self) -> frozenset[str]:
        """All origins that some key is bound to; holds ``*`` when one is bound to none."""
        if self._now() >= self._fresh_until:
            self._load()
        return self._origins

    def add(
        self, name: str, origins: Iterable[str], app: str = DEFAULT_APP, requests_per_minute: int | None = None
    ) -> NewKey:
        """A new write key; raises ``InvalidParameter``."""
        made = _new_key(random.token_hex(8))
        allowed = web.checked(origins)
        stored = _Stored(
            name=name,
            app=app,
            origins=allowed,
            requests_per_minute=requests_per_minute,
            sha256=hashed(made.write_key),
        )
        self._credentials.add(made.key_id, stored)
        self._load()
        return made

    def list(self) -> list[WriteKey]:
        """All write keys, by id."""
        return [_shown(key_id, versions) for key_id, versions in self._credentials.all().items()]

    def change(
        self,
        key_id: str,
        origins: Iterable[str] | UnsetType = UNSET,
        requests_per_minute: int | UnsetType | None = UNSET,
    ) -> None:
        """Bind a key to other origins, limit it otherwise, or both. Raises ``NotFound``, ``InvalidParameter``."""
        changes: dict[str, Any] = {}
        if origins is not UNSET:
            changes["origins"] = web.checked(origins)
        if requests_per_minute is not UNSET:
            changes["requests_per_minute"] = requests_per_minute
        if not changes:
            raise InvalidParameter("Nothing is to change: give origins, requests_per_minute or both.")
        self._credentials.amend(key_id, **changes)
        self._load()

    def rotate(self, key_id: str, keep_previous_seconds: int = ROTATION_OVERLAP_SECONDS) -> RotatedKey:
        """A new key; the one before stays valid for ``keep_previous_seconds``, older ones end. Raises ``NotFound``."""
        made = _new_key(key_id)
        ends = self._credentials.rotate(key_id, hashed(made.write_key), keep_previous_seconds)
        self._load()
        return RotatedKey(key_id=key_id, write_key=made.write_key, previous_expires_at=ends)

    def remove(self, key_id: str) -> None:
        """Forget a write key, which ends; raises ``NotFound``."""
        self._credentials.remove(key_id)
        self._load()

    def _load(self) -> None:
        with self._lock:
            now = self._now()
            self._known = {key_id: _known(key_id, versions) for key_id, versions in self._credentials.all().items()}
            self._origins = frozenset().union(*(known.origins for known in self._known.values()))
            self._fresh_until = now + FRESH_SECONDS


def _new_key(key_id: str) -> NewKey:
    return NewKey(key_id=key_id, write_key=f"{MARK}{key_id}_{random.token_urlsafe(24)}")


def _known(key_id: str, versions: list[Version[_Stored]]) -> _Known:
    current = versions[0].credential
    principal = Principal(
        client_id=PREFIX + key_id,
        app=current.app,
        scopes=frozenset({SCOPE}),
        expires_at=NEVER,
        requests_per_minute=current.requests_per_minute,
    )
    valid = tuple((one.credential.sha256, one.expires_at.timestamp() if one.expires_at else NEVER) for one in versions)
    return _Known(principal, frozenset(current.origins), valid)


def _shown(key_id: str, versions: list[Version[_Stored]]) -> WriteKey:
    current = versions[0].credential
    return WriteKey(
        key_id=key_id,
        name=current.name,
        app=current.app,
        origins=current.origins,
        requests_per_minute=current.requests_per_minute,
        created_at=versions[0].created_at,
        previous_expires_at=versions[1].expires_at if len(versions) > 1 else None,
    )
