"""Daily summaries: ``GET /v1/summaries/{date}``."""

import datetime as dt
from typing import Annotated, Any

from litestar import Request, get
from litestar.params import PathParameter

from cloudpulse.api.guards import requires
from cloudpulse.events.summary import DailySummary


@get("/v1/summaries/{date:str}", guards=[requires("events:read")], sync_to_thread=True)
def show_summary(
    request: Request[Any, Any, Any],
    date: Annotated[dt.date, PathParameter(description="A day in UTC that is over.")],
) -> DailySummary:
    """What happened on one day."""
    summary: DailySummary = request.app.state.services.summaries(date)
    return summary


summary_routes = [show_summary]
