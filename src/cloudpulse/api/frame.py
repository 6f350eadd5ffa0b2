"""What surrounds every request: its id, its count, security headers, CORS, and the short way to the hot routes.

A hot route is an ordinary litestar handler that takes the request alone and answers with a
``JsonAnswer``::

    @post("/v1/events", status_code=200, guards=[requires("events:write")],
          opt={"hot": True, "body": {"application/json": Event}},
          responses={200: ResponseSpec(Receipt), 207: ResponseSpec(Receipt), 400: ResponseSpec(Receipt)})
    async def post_event(request: Request[Any, Principal, Any]) -> ASGIResponse:
        receipt = await ...(await request.body(), request.auth)
        return JsonAnswer(msgspec.json.encode(receipt))

Litestar would run it too, but its argument, dependency and response machinery costs 40 µs a request, this 15 µs.
The return annotation must stay ``ASGIResponse``: litestar knows by it that there is nothing to serialise.
``opt["body"]`` documents a body that the handler reads itself (see ``docs``).
"""

import random
import re
from collections.abc import Iterable
from typing import Any

from litestar import Litestar, Request
from litestar.enums import ScopeType
from litestar.handlers import HTTPRouteHandler
from litestar.routes import HTTPRoute
from litestar.types import ASGIApp, Message, Receive, Scope, Send

from cloudpulse import telemetry
from cloudpulse.api.cors import PREFLIGHT, Headers, cors_headers
from cloudpulse.api.errors import render
from cloudpulse.api.guards import ScopeGuard
from cloudpulse.api.rate_limits import quota_headers

SECURITY_HEADERS = {
    b"x-content-type-options": b"nosniff",
    b"referrer-policy": b"no-referrer",
    b"cache-control": b"no-store",
    b"content-security-policy": b"default-src 'none'; frame-ancestors 'none'",
}
"""A route may set its own instead."""
HSTS = (b"strict-transport-security", b"max-age=31536000")
NO_CONTENT = 204

_SANE_ID = re.compile(rb"[A-Za-z0-9._:/+=-]{1,128}").fullmatch


class Frame:
    """Goes around litestar's own ASGI stack, for all HTTP requests of ``app``."""

    def __init__(self, app: Litestar) -> None:
        self._inner: ASGIApp = app.asgi_handler
        self._services = app.state.services
        settings = self._services.settings
        self._origins = frozenset(settings.cors_origins)
        self._security = list(SECURITY_HEADERS.items())
        if settings.url.startswith("https:"):
            self._security.append(HSTS)
        handlers = [
            (route.path, one) for route in app.routes if isinstance(route, HTTPRoute) for one in route.route_handlers
        ]
        self._for_write_keys = {
            path
            for path, handler in handlers
            if any(
                isinstance(guard, ScopeGuard) and guard.scope == "events:write" for guard in handler.resolve_guards()
            )
        }
        self._hot = {
            (method, path): (handler, handler.resolve_guards())
            for path, handler in handlers
            if handler.opt.get("hot")
            for method in handler.http_methods
        }
        self._counters: dict[tuple[str, str, int], Any] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != ScopeType.HTTP:
            await self._inner(scope, receive, send)
            return
        asked = dict(scope["headers"])
        given = asked.get(b"x-request-id", b"")
        # Not from the system: that call lets go of the interpreter lock, and gets it back late under load.
        request_id = given if _SANE_ID(given) else b"%016x" % random.getrandbits(64)
        scope["state"]["request_id"] = request_id.decode()
        cors = self._cors(scope, asked) if b"origin" in asked else None

        async def send_framed(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = [*self._secured(message["headers"]), (b"x-request-id", request_id)]
                if cors is not None:
                    headers += cors
                if "quota" in scope["state"]:
                    headers += quota_headers(scope["state"]["quota"])
                message["headers"] = headers
                self._count(scope, message["status"])
            await send(message)

        if cors and scope["method"] == "OPTIONS" and PREFLIGHT[0] in cors:
            await send_framed({"type": "http.response.start", "status": NO_CONTENT, "headers": []})
            await send_framed({"type": "http.response.body", "body": b"", "more_body": False})
            return
        hot = self._hot.get((scope["method"], scope["path"]))
        if hot is None:
            await self._inner(scope, receive, send_framed)
        else:
            await self._answer(hot[0], hot[1], scope, receive, send_framed)

    def _cors(self, scope: Any, asked: dict[bytes, bytes]) -> Headers:
        of_keys = self._services.write_keys.origins() if scope["path"] in self._for_write_keys else ()
        is_preflight = scope["method"] == "OPTIONS" and b"access-control-request-method" in asked
        return cors_headers(asked[b"origin"], self._origins, of_keys, is_preflight)

    def _secured(self, given: Iterable[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
        for name, _ in given:
            if name in SECURITY_HEADERS:
                own = dict(given)
                return [*given, *(header for header in self._security if header[0] not in own)]
        return [*given, *self._security]

    async def _answer(
        self, handler: HTTPRouteHandler, guards: list[Any], scope: Any, receive: Receive, send: Send
    ) -> None:
        scope["route_handler"] = handler
        scope["path_template"] = scope["path"]
        scope["path_params"] = {}
        request: Request[Any, Any, Any] = Request(scope, receive, send)
        try:
            for guard in guards:
                await guard(request, handler)
            response = await handler.fn(request)
        except Exception as exc:
            response = render(request, exc).to_asgi_response(None, request)
        await response(scope, receive, send)

    def _count(self, scope: Any, status: int) -> None:
        # A path or method that nobody serves must not become a label: they are without bound.
        route = scope.get("path_template", "other")
        key = (scope["method"] if route != "other" else "other", route, status)
        counter = self._counters.get(key)
        if counter is None:
            counter = self._counters[key] = telemetry.requests.labels(*map(str, key))
        counter.inc()
