"""Is the process alive, does it make progress, and what has it counted."""

import hmac
from typing import Any

import msgspec
from litestar import Request, Response, get
from litestar.connection import ASGIConnection
from litestar.handlers.base import BaseRouteHandler
from prometheus_client import CONTENT_TYPE_LATEST

from cloudpulse import telemetry
from cloudpulse.api.guards import requires
from cloudpulse.api.remote import FORWARDING_HEADERS, is_loopback, is_unresolved
from cloudpulse.errors import NotReady


class Health(msgspec.Struct, frozen=True, kw_only=True):
    """All is well."""

    status: str = "ok"


TEXT = CONTENT_TYPE_LATEST.removesuffix("; charset=utf-8")  # litestar adds it


@get("/healthz", sync_to_thread=False)
def alive() -> Health:
    """The process lives."""
    return Health()


@get("/readyz", sync_to_thread=True)
def ready(request: Request[Any, Any, Any]) -> Health:
    """It makes progress; 503 with the reason when it does not."""
    if reason := request.app.state.services.health.ready():
        raise NotReady(reason)
    return Health()


async def may_measure(connection: ASGIConnection[Any, Any, Any, Any], handler: BaseRouteHandler) -> None:
    """Allow requests from this machine, those with the token of the setting ``metrics_token``, and admins.

    A proxy on this machine is not this machine: what it forwards needs a token. Nor is a page of another site in a
    browser here, whose name has come to point to this machine (DNS rebinding).
    """
    names = {name for name, _ in connection.scope["headers"]}
    is_direct = is_loopback(connection.scope["client"]) and not names & FORWARDING_HEADERS
    if is_direct and is_unresolved(connection.headers.get("host", "")):
        return
    expected = connection.app.state.services.settings.metrics_token.encode()
    given = connection.headers.get("authorization", "").encode("latin-1").partition(b" ")[2].strip()
    if not expected or not hmac.compare_digest(given, expected):
        await requires("admin")(connection, handler)


@get("/metrics", guards=[may_measure], sync_to_thread=True, media_type="text/plain")
def metrics(request: Request[Any, Any, Any]) -> Response[bytes]:
    """Counters and gauges as Prometheus text."""
    services = request.app.state.services
    sources = (services.health, services.jobs, services.alarms, services.reconciliation)
    text = telemetry.exposition({name: value for source in sources for name, value in source.gauges().items()})
    return Response(text, media_type=TEXT)


health_routes = [alive, ready, metrics]
