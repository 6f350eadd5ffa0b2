"""Which alarms ring, and which rang."""

from typing import Annotated, Any

import msgspec
from litestar import Request, get
from litestar.params import QueryParameter

from cloudpulse.api.guards import ADMIN
from cloudpulse.ops.alarms.board import AlarmState
from cloudpulse.ops.alarms.rules import Episode

Limit = Annotated[int, QueryParameter(ge=1, le=1000, description="Episodes at most.")]


class Alarms(msgspec.Struct, frozen=True):
    """All alarms, and the newest episodes of any, newest first."""

    alarms: list[AlarmState]
    history: list[Episode]


@get("/v1/alarms", guards=ADMIN, sync_to_thread=True)
def list_alarms(request: Request[Any, Any, Any], limit: Limit = 50) -> Alarms:
    """All alarms as they are now, and when which of them rang."""
    board = request.app.state.services.alarms
    return Alarms(board.states(), board.history(limit))


alarm_routes = [list_alarms]
