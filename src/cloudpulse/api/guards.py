"""Who may call what: ``guards=[requires("events:read")]`` on a route, which finds the caller in ``request.auth``.

A caller sends a token, or a write key, as bearer; where events are written, also a write key as ``?write_key=``, for
browsers cannot give headers to what they send while a page goes away.
"""

import asyncio
from typing import Any
from urllib.parse import parse_qsl

from litestar.connection import ASGIConnection
from litestar.handlers.base import BaseRouteHandler

from cloudpulse import telemetry
from cloudpulse.api.rate_limits import admit
from cloudpulse.auth.tokens import Principal, Scope
from cloudpulse.auth.verify import KeysWanted
from cloudpulse.auth.write_keys import MARK
from cloudpulse.errors import Forbidden, TokenExpired, TokenMissing, Unauthorized

PATIENCE_SECONDS = 10
"""How long a request waits for the keys of another issuer; fetching them ends sooner by itself."""

_REASONS = {TokenMissing: "missing", TokenExpired: "expired", KeysWanted: "keys", Forbidden: "origin"}
_REFUSED = {reason: telemetry.refused_tokens.labels(reason) for reason in ("invalid", "scope", *_REASONS.values())}


class ScopeGuard:
    """Lets a request pass whose caller is known and has ``scope``, and puts its principal at ``auth``."""

    def __init__(self, scope: Scope) -> None:
        self.scope = scope

    async def __call__(self, connection: ASGIConnection[Any, Any, Any, Any], handler: BaseRouteHandler) -> None:
        """Raise ``Unauthorized``, ``Forbidden`` or ``RateLimited``, or let the request pass."""
        services = connection.app.state.services
        scope: Any = connection.scope
        try:
            principal = await _identify(services, scope["headers"], self._credential(scope))
        except (Unauthorized, Forbidden) as exc:
            _REFUSED[_REASONS.get(type(exc), "invalid")].inc()
            raise
        if self.scope not in principal.scopes:
            _REFUSED["scope"].inc()
            raise Forbidden(f"The token lacks the scope {self.scope}.")
        scope["auth"] = principal
        if principal.requests_per_minute is not None:
            admit(scope, principal.client_id, principal.requests_per_minute, services.limits)

    async def still_admits(self, connection: ASGIConnection[Any, Any, Any, Any]) -> bool:
        """Whether the credential of a caller that was let pass is valid now, too: some answers outlive it."""
        scope: Any = connection.scope
        try:
            await _identify(connection.app.state.services, scope["headers"], self._credential(scope))
        except Unauthorized:
            return False
        return True

    def _credential(self, scope: Any) -> str:
        given = _values(scope["headers"], b"authorization")
        if self.scope == "events:write" and (keys := _write_keys(scope["query_string"])):
            if given or len(keys) > 1:
                raise Unauthorized("Send either a token or one write key, once.")
            if not keys[0].startswith(MARK):
                raise Unauthorized(f"write_key is empty or no write key: they begin with {MARK}.")
            return keys[0]
        if len(given) > 1:
            raise Unauthorized("Send one Authorization header.")
        kind, _, token = given[0].partition(b" ") if given else (b"", b"", b"")
        if kind.lower() != b"bearer" or not token.isascii():
            raise TokenMissing("Send a token: 'Authorization: Bearer <token>'. POST /v1/token gives one.")
        return token.strip(b" ").decode()


def requires(scope: Scope) -> ScopeGuard:
    """The guard of a route that needs ``scope``."""
    return ScopeGuard(scope)


ADMIN = [requires("admin")]


async def _identify(services: Any, headers: list[tuple[bytes, bytes]], credential: str) -> Principal:
    if credential.startswith(MARK):
        origins = _values(headers, b"origin")
        found: Principal = services.write_keys.verify(credential, b",".join(origins).decode("latin-1") or None)
        return found
    try:
        found = services.verifier.verify(credential)
    except KeysWanted as wanted:
        await asyncio.wait([asyncio.wrap_future(wanted.arrival)], timeout=PATIENCE_SECONDS)
        found = services.verifier.verify(credential)
    return found


def _write_keys(query: bytes) -> list[str]:
    if b"write_key=" not in query:
        return []
    return [value for name, value in parse_qsl(query.decode("latin-1"), True) if name == "write_key"]


def _values(headers: list[tuple[bytes, bytes]], name: bytes) -> list[bytes]:
    return [value for given, value in headers if given == name]
