"""The count ledger: ``GET /v1/ledger``."""

from typing import Annotated, Any

from litestar import Request, get
from litestar.params import Parameter

from cloudpulse.api.guards import requires
from cloudpulse.api.problem_docs import MAY_TIME_OUT
from cloudpulse.ops.ledger import LedgerReport

Deep = Annotated[bool | None, Parameter(description="Read all files and ids too; else only while they are few.")]


@get("/v1/ledger", guards=[requires("admin")], sync_to_thread=True, summary="The count ledger", opt=MAY_TIME_OUT)
def get_ledger(request: Request[Any, Any, Any], deep: Deep = None) -> LedgerReport:
    """Where every accepted event is; ``gaps`` names what does not add up."""
    report: LedgerReport = request.app.state.services.ledger.report(deep)
    return report


ledger_routes = [get_ledger]
