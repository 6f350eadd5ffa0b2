"""Access tokens of clients: HS256 JWTs, and what all tokens say: who sends a request, and what for."""

import secrets as random
from collections.abc import Callable, Iterable, Mapping
from typing import Annotated, Any, Literal, get_args

import jwt
import msgspec

from cloudpulse.auth.keys import SigningKeys
from cloudpulse.errors import InvalidParameter
from cloudpulse.ports import Secrets
from cloudpulse.settings import Settings

Scope = Literal["events:write", "events:read", "admin"]
SCOPES: tuple[Scope, ...] = get_args(Scope)

ISSUER = "cloudpulse"
SIGNING_SECRET = "signing"

Seconds = Annotated[int, msgspec.Meta(ge=0, le=2**53)]


class Principal(msgspec.Struct, frozen=True, kw_only=True):
    """Who sends a request; ``expires_at`` in seconds since 1970; without ``requests_per_minute`` there is no limit."""

    client_id: str
    app: str
    scopes: frozenset[str]
    expires_at: int
    requests_per_minute: int | None = None


class Times(msgspec.Struct, frozen=True, kw_only=True):
    """The claims about time, seconds since 1970."""

    exp: Seconds
    iat: Seconds = 0
    nbf: Seconds = 0


class _Claims(msgspec.Struct, frozen=True, kw_only=True):
    sub: str
    app: str
    scope: str
    exp: Seconds
    rpm: Annotated[int, msgspec.Meta(gt=0)] | None = None


class TokenService:
    """Issues the tokens of clients; ``now`` returns seconds since 1970.

    A token stays valid until it ends, also when its client is removed or rotated meanwhile; only a new signing
    secret that keeps no previous one ends all tokens.
    """

    name = ISSUER
    algorithm = "HS256"
    leeway_seconds = 0

    def __init__(self, secrets: Secrets, settings: Settings, now: Callable[[], float]) -> None:
        self._audience = settings.audience
        self._max_ttl_seconds = settings.token_max_ttl_seconds
        self._now = now
        self._keys = SigningKeys(secrets, SIGNING_SECRET, _new_secret, str, self._max_ttl_seconds, now)

    def issue(
        self,
        client_id: str,
        scopes: Iterable[str],
        app: str,
        ttl_seconds: int,
        requests_per_minute: int | None = None,
    ) -> str:
        """A token for ``client_id`` that ends ``ttl_seconds`` from now; raises ``InvalidParameter``."""
        claims = new_claims(
            ISSUER, self._audience, client_id, scopes, ttl_seconds, self._max_ttl_seconds, int(self._now())
        )
        claims["app"] = app
        if requests_per_minute is not None:
            claims["rpm"] = requests_per_minute
        kid, key = self._keys.newest()
        return jwt.encode(claims, key, self.algorithm, headers={"kid": kid})

    def rotate(self, end_previous: bool = False) -> None:
        """Sign with a new secret; those before stay valid until the longest token has ended, or end now."""
        self._keys.rotate(end_previous)

    def keys(self, now: float) -> Mapping[str, str]:
        """The valid secrets by kid."""
        return self._keys.read()

    def awaited(self, kid: str, now: float) -> None:
        """Nothing has to be fetched."""

    def audience(self, claims: Mapping[str, Any]) -> str:
        """What every token must be for."""
        return self._audience

    def principal(self, claims: Mapping[str, Any]) -> Principal:
        """The client that verified claims speak of."""
        read = msgspec.convert(claims, _Claims)
        return Principal(
            client_id=read.sub,
            app=read.app,
            scopes=frozenset(read.scope.split()),
            expires_at=read.exp,
            requests_per_minute=read.rpm,
        )


def new_claims(
    issuer: str, audience: str, subject: str, scopes: Iterable[str], ttl_seconds: int, max_ttl_seconds: int, now: int
) -> dict[str, Any]:
    """The claims that all our tokens have; raises ``InvalidParameter`` when they would outlive their key."""
    if not 0 < ttl_seconds <= max_ttl_seconds:
        raise InvalidParameter(f"A token may live 1 to {max_ttl_seconds} seconds (token_max_ttl_seconds).")
    return {
        "iss": issuer,
        "aud": audience,
        "sub": subject,
        "scope": " ".join(scopes),
        "iat": now,
        "exp": now + ttl_seconds,
    }


def _new_secret() -> str:
    return random.token_urlsafe(32)
