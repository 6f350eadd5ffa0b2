"""Is the process alive, does it make progress, and what has it counted."""

from typing import Any

import msgspec
from litestar import Request, Response, get
from prometheus_client import CONTENT_TYPE_LATEST

from cloudpulse import telemetry
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


@get("/metrics", sync_to_thread=True, media_type="text/plain")
def metrics(request: Request[Any, Any, Any]) -> Response[bytes]:
    """Counters and gauges as Prometheus text."""
    text = telemetry.exposition(request.app.state.services.health.gauges())
    return Response(text, media_type=TEXT)


health_routes = [alive, ready, metrics]
