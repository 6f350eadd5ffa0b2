"""Access tokens of clients: HS256 JWTs, and what all tokens say: who sends a request, and what for."""

import secrets as random
from collections.abc import Callable, Iterable, Mapping
from typing import Annotated, Any, Literal, get_args

import msgspec

from cloudpulse.auth.local_issuer import LocalIssuer
from cloudpulse.auth.signing_keys import SigningKeys
from cloudpulse.ports import Secrets
from cloudpulse.settings import Settings

Scope = Literal["events:write", "events:read", "admin"]
SCOPES: tuple[Scope, ...] = get_args(Scope)

ISSUER = "cloudpulse"
SIGNING_SECRET = "signing"

Seconds = Annotated[int, msgspec.Meta(ge=0, le=2**53)]


class Principal(msgspec.Struct, frozen=True, kw_only=True):
    """Who sends a request; ``expires_at`` in seconds since 1970; without ``requests_per_minute`` there is no limit.

    ``is_relay``: it passes on what others have sent, so that its connection tells nothing about them.
    """

    client_id: str
    app: str
    scopes: frozenset[str]
    expires_at: int
    requests_per_minute: int | None = None
    is_relay: bool = False


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
    relay: bool = False


class TokenService(LocalIssuer[str]):
    """Issues the tokens of clients; ``now`` returns seconds since 1970.

    A token stays valid until it ends, also when its client is removed or rotated meanwhile; only a new signing
    secret that keeps no previous one ends all tokens.
    """

    algorithm = "HS256"

    def __init__(self, secrets: Secrets, settings: Settings, now: Callable[[], float]) -> None:
        keys = SigningKeys(secrets, SIGNING_SECRET, _new_secret, str, settings.token_max_ttl_seconds, now)
        super().__init__(ISSUER, settings, keys, now)

    def issue(
        self,
        client_id: str,
        scopes: Iterable[str],
        app: str,
        ttl_seconds: int,
        requests_per_minute: int | None = None,
        is_relay: bool = False,
    ) -> str:
        """A token for ``client_id`` that ends ``ttl_seconds`` from now; raises ``InvalidParameter``."""
        more: dict[str, Any] = {} if requests_per_minute is None else {"rpm": requests_per_minute}
        more |= {"relay": True} if is_relay else {}
        return self._signed(client_id, scopes, ttl_seconds, app=app, **more)

    def keys(self, now: float) -> Mapping[str, str]:
        """The valid secrets by kid."""
        return self._signing_keys.read()

    def principal(self, claims: Mapping[str, Any]) -> Principal:
        """The client that verified claims speak of."""
        read = msgspec.convert(claims, _Claims)
        return Principal(
            client_id=read.sub,
            app=read.app,
            scopes=frozenset(read.scope.split()),
            expires_at=read.exp,
            requests_per_minute=read.rpm,
            is_relay=read.relay,
        )


def _new_secret() -> str:
    return random.token_urlsafe(32)
