"""Who may call what: ``guards=[requires("events:read")]`` on a route, which finds the caller in ``request.auth``."""

from collections.abc import Iterable
from typing import Any

from litestar.connection import ASGIConnection
from litestar.handlers.base import BaseRouteHandler

from cloudpulse.api.limits import admit
from cloudpulse.auth.tokens import Principal, Scope, TokenService
from cloudpulse.errors import Forbidden, Unauthorized


class ScopeGuard:
    """Lets a request pass whose bearer token is valid and carries ``scope``, and puts its principal at ``auth``."""

    def __init__(self, scope: Scope) -> None:
        self.scope = scope

    async def __call__(self, connection: ASGIConnection[Any, Any, Any, Any], handler: BaseRouteHandler) -> None:
        """Raise ``Unauthorized``, ``Forbidden`` or ``RateLimited``, or let the request pass."""
        services = connection.app.state.services
        principal = authorize(connection.scope["headers"], services.tokens, self.scope)
        connection.scope["auth"] = principal
        if principal.requests_per_minute is not None:
            admit(connection.scope, principal.client_id, principal.requests_per_minute, services.limits)


def requires(scope: Scope) -> ScopeGuard:
    """The guard of a route that needs ``scope``."""
    return ScopeGuard(scope)


def authorize(headers: Iterable[tuple[bytes, bytes]], tokens: TokenService, scope: Scope) -> Principal:
    """The principal behind raw ASGI headers; raises ``Unauthorized`` or ``Forbidden``."""
    kind, _, token = next((value for name, value in headers if name == b"authorization"), b"").partition(b" ")
    if kind.lower() != b"bearer" or not token.isascii():
        raise Unauthorized("Send a token: 'Authorization: Bearer <token>'. POST /v1/token gives one.")
    principal = tokens.verify(token.strip().decode())
    if scope not in principal.scopes:
        raise Forbidden(f"The token lacks the scope {scope}.")
    return principal
