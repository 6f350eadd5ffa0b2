"""How the system was: lag and backlog over time."""

from typing import Annotated, Any

from litestar import Request, get
from litestar.params import QueryParameter

from cloudpulse.api.guards import ADMIN
from cloudpulse.ops.health_history import HealthSeries

Hours = Annotated[int, QueryParameter(ge=1, le=168, description="How far back.")]


@get("/v1/health/history", guards=ADMIN, sync_to_thread=True)
def health_history(request: Request[Any, Any, Any], hours: Hours = 24) -> HealthSeries:
    """Lag, backlog, disk and rates, minute by minute; beyond a day in steps of several minutes."""
    services = request.app.state.services
    series: HealthSeries = services.health_history.series(hours, services.now())
    return series


health_history_routes = [health_history]
