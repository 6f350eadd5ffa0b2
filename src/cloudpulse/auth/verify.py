"""Verifies tokens: ``iss`` chooses among the issuers that we trust, and the issuer says which algorithm and keys count.

Nothing else that a token says about its own verification (``alg``, ``jku``, ``jwk``, ``x5u``, ``x5c``) is followed.
"""

import base64
import json
import re
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future
from typing import Any, NoReturn, Protocol

import jwt
import msgspec

from cloudpulse.auth.tokens import Principal, Times
from cloudpulse.errors import SettingError, TokenExpired, Unauthorized

KEYS_FRESH_SECONDS = 5
CLOCK_STEP_SECONDS = 60
"""How far ahead of our clock ``iat`` may be: a clock that is set back must not refuse the tokens of a moment ago."""

MAX_REMEMBERED = 10_000
MAX_TOKEN_CHARS = 8192

_PARTS = re.compile(r"([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)\.[A-Za-z0-9_-]+").fullmatch
_RULES: Any = {"require": ["exp", "iss", "sub"], "verify_exp": False, "verify_iat": False, "verify_nbf": False}


class KeysWanted(Unauthorized):
    """The token may be good, but its key has not arrived; verify it again when ``arrival`` is done."""

    def __init__(self, arrival: Future[None]) -> None:
        super().__init__("The keys of the issuer of this token cannot be had now. Try again in a minute.")
        self.arrival = arrival


class Issuer(Protocol):
    """Who makes tokens. No method blocks longer than a look into a local file."""

    algorithm: str
    leeway_seconds: int

    @property
    def name(self) -> str:
        """Its ``iss``."""

    def keys(self, now: float) -> Mapping[str, Any]:
        """The valid keys by kid."""

    def awaited(self, kid: str, now: float) -> Future[None] | None:
        """What must be over before it can be said whether there is such a key; None when it can be said now."""

    def audience(self, claims: Mapping[str, Any]) -> str | None:
        """What ``aud`` must contain; None when other claims than ``aud`` say whom the token is for."""

    def principal(self, claims: Mapping[str, Any]) -> Principal:
        """Whom verified claims speak of; raises ``Unauthorized`` or msgspec's ``ValidationError``."""


class Verifier:
    """Verifies tokens of several issuers; ``now`` returns seconds since 1970. A known token is one look-up.

    A key that is gone ends its tokens within ``KEYS_FRESH_SECONDS``.
    """

    def __init__(self, issuers: Iterable[Issuer], now: Callable[[], float]) -> None:
        self._issuers: dict[str, Issuer] = {}
        for issuer in issuers:
            if self._issuers.setdefault(issuer.name, issuer) is not issuer:
                raise SettingError(f"oidc_issuer must not be our own name, {issuer.name}.")
        self._now = now
        self._keys: dict[str, Mapping[str, Any]] = {}
        self._keys_read_at = float("-inf")
        self._verified: dict[str, Principal] = {}

    def issuer(self, name: str) -> Issuer | None:
        """The issuer of that name, if its tokens count here."""
        return self._issuers.get(name)

    def verify(self, token: str) -> Principal:
        """Who the token speaks for; raises ``Unauthorized``, also as ``TokenExpired`` and ``KeysWanted``."""
        now = self._now()
        if not self._keys_read_at <= now < self._keys_read_at + KEYS_FRESH_SECONDS:
            self._read_keys(now)
        # Held from before the keys are looked at: what is found with old keys must not land among the new.
        verified = self._verified
        principal = verified.get(token)
        if principal is None:
            principal = self._decode(token, now)
            if len(verified) >= MAX_REMEMBERED:
                verified.clear()
            verified[token] = principal
        if principal.expires_at <= now:
            raise TokenExpired("The token has expired. Get a new one.")
        return principal

    def _decode(self, token: str, now: float) -> Principal:
        try:
            header, claims = _read(token)
            issuer = self._issuers[claims["iss"]]
            if header["alg"] != issuer.algorithm or "crit" in header:
                raise ValueError
            audience = issuer.audience(claims)
            jwt.decode(
                token,
                self._key(issuer, header["kid"], now),
                algorithms=[issuer.algorithm],
                audience=audience,
                issuer=issuer.name,
                options=_RULES | {"verify_aud": audience is not None},
            )
            times = msgspec.convert(claims, Times)
            if times.nbf > now + issuer.leeway_seconds or times.iat > now + CLOCK_STEP_SECONDS:
                raise ValueError
            return issuer.principal(claims)
        except (jwt.PyJWTError, LookupError, TypeError, ValueError, RecursionError) as exc:
            raise Unauthorized("The token is not valid. Get a new one.") from exc

    def _key(self, issuer: Issuer, kid: str, now: float) -> Any:
        if arrival := issuer.awaited(kid, now):
            self._keys_read_at = float("-inf")
            raise KeysWanted(arrival)
        if kid not in self._keys[issuer.name]:  # another process may have rotated a moment ago
            self._read_keys(now)
        return self._keys[issuer.name][kid]

    def _read_keys(self, now: float) -> None:
        keys = {name: issuer.keys(now) for name, issuer in self._issuers.items()}
        if keys != self._keys:
            self._keys = keys
            self._verified = {}
        self._keys_read_at = now


def _read(token: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Header and claims, not verified; raises ``ValueError``."""
    parts = _PARTS(token) if len(token) <= MAX_TOKEN_CHARS else None
    if parts is None:
        raise ValueError
    return _object(parts[1]), _object(parts[2])


def _object(part: str) -> dict[str, Any]:
    read = json.loads(
        base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)).decode(),
        object_pairs_hook=_without_duplicates,
        parse_constant=_refuse,
    )
    if not isinstance(read, dict):
        raise ValueError
    return read


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    read = dict(pairs)
    if len(read) < len(pairs):
        raise ValueError
    return read


def _refuse(constant: str) -> NoReturn:
    raise ValueError(constant)
