"""Access tokens: HS256 JWTs whose ``kid`` names the version of the signing secret, of which two may be valid."""

import secrets as random
from collections.abc import Callable, Iterable
from threading import Lock
from typing import Any, Literal, get_args

import jwt
import msgspec

from cloudpulse.errors import Unauthorized
from cloudpulse.ports import Secrets
from cloudpulse.settings import Settings

Scope = Literal["events:write", "events:read", "admin"]
SCOPES: tuple[Scope, ...] = get_args(Scope)

ALGORITHM = "HS256"
ISSUER = "cloudpulse"
SIGNING_SECRET = "signing"
KEYS_FRESH_SECONDS = 5
MAX_REMEMBERED = 10_000
FIRST_KEPT_SECONDS = 86_400

_RULES: Any = {"require": ["exp", "aud", "iss", "sub"], "verify_exp": False, "verify_iat": False, "verify_nbf": False}


class Principal(msgspec.Struct, frozen=True, kw_only=True):
    """Who sends a request; ``expires_at`` in seconds since 1970; without ``requests_per_minute`` there is no limit."""

    client_id: str
    app: str
    scopes: frozenset[str]
    expires_at: int
    requests_per_minute: int | None = None


class _Claims(msgspec.Struct, frozen=True, kw_only=True):
    sub: str
    app: str
    scope: str
    exp: int


class TokenService:
    """Issues and verifies tokens; ``now`` returns seconds since 1970.

    A token stays valid until it ends, also when its client is removed or rotated meanwhile; only a new signing
    secret that keeps no previous one ends all tokens, within ``KEYS_FRESH_SECONDS``.
    """

    def __init__(self, secrets: Secrets, settings: Settings, now: Callable[[], float]) -> None:
        self._secrets = secrets
        self._audience = settings.audience
        self._now = now
        self._keys: dict[str, str] = {}
        self._keys_fresh_until = 0.0
        self._verified: dict[str, Principal] = {}
        self._lock = Lock()

    def issue(self, client_id: str, scopes: Iterable[str], app: str, ttl_seconds: int) -> str:
        """A token for ``client_id`` that ends ``ttl_seconds`` from now."""
        now = int(self._now())
        self._refresh_keys(now)
        version, key = next(iter(self._keys.items()))
        claims = {
            "iss": ISSUER,
            "aud": self._audience,
            "sub": client_id,
            "app": app,
            "scope": " ".join(scopes),
            "iat": now,
            "exp": now + ttl_seconds,
        }
        return jwt.encode(claims, key, ALGORITHM, headers={"kid": version})

    def verify(self, token: str) -> Principal:
        """Who the token speaks for; raises ``Unauthorized``. A token seen before costs a dictionary lookup."""
        now = self._now()
        if now >= self._keys_fresh_until:
            self._refresh_keys(now)
        principal = self._verified.get(token)
        if principal is None:
            principal = self._decode(token, now)
            self._remember(token, principal)
        if principal.expires_at <= now:
            raise Unauthorized("The token has expired. Ask for a new one at POST /v1/token.")
        return principal

    def _decode(self, token: str, now: float) -> Principal:
        try:
            version = jwt.get_unverified_header(token)["kid"]
            if version not in self._keys:  # another process may have rotated a moment ago
                self._refresh_keys(now)
            key = self._keys[version]
            claims = msgspec.convert(
                jwt.decode(token, key, algorithms=[ALGORITHM], audience=self._audience, issuer=ISSUER, options=_RULES),
                _Claims,
            )
        except (jwt.InvalidTokenError, KeyError, TypeError, msgspec.ValidationError, UnicodeError) as exc:
            raise Unauthorized("The token is not valid. Ask for a new one at POST /v1/token.") from exc
        scopes = frozenset(claims.scope.split())
        return Principal(client_id=claims.sub, app=claims.app, scopes=scopes, expires_at=claims.exp)

    def _remember(self, token: str, principal: Principal) -> None:
        if len(self._verified) >= MAX_REMEMBERED:
            self._verified.clear()
        self._verified[token] = principal

    def _refresh_keys(self, now: float) -> None:
        with self._lock:
            versions = self._secrets.versions(SIGNING_SECRET, int(now))
            if not versions:
                # Another process may find none in the same moment: what it has signed by then stays valid.
                made = self._secrets.put(SIGNING_SECRET, random.token_urlsafe(32), int(now), FIRST_KEPT_SECONDS)
                versions = [made]
            keys = {version.version: version.value for version in versions}
            if keys != self._keys:
                self._keys = keys
                self._verified.clear()
            self._keys_fresh_until = now + KEYS_FRESH_SECONDS
