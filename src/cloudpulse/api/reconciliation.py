"""Reconciliation: ``GET /v1/reconciliation``; a run is asked for with the other jobs."""

from typing import Annotated, Any

import msgspec
from litestar import Request, get
from litestar.params import QueryParameter

from cloudpulse.api.guards import requires
from cloudpulse.ops.reconciliation.reports import KEPT, Report

Limit = Annotated[int, QueryParameter(ge=1, le=KEPT, description="Reports at most.")]


class ReportList(msgspec.Struct, frozen=True):
    """The newest reports, newest first."""

    reports: list[Report]


@get("/v1/reconciliation", guards=[requires("events:read")], sync_to_thread=True)
def list_reports(request: Request[Any, Any, Any], limit: Limit = 10) -> ReportList:
    """How live counters, silver and ledger agreed, each time that they were compared."""
    return ReportList(request.app.state.services.reconciliation.newest(limit))


reconciliation_routes = [list_reports]
