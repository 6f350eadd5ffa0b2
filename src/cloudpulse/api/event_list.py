"""``GET /v1/events``."""

import datetime as dt
from typing import Annotated, Any

from litestar import Request, get
from litestar.params import QueryParameter

from cloudpulse.api.guards import requires
from cloudpulse.api.parameters import OfSession, OfType, OfUser, PageCursor, PageLimit, refuse_unknown
from cloudpulse.api.problem_docs import MAY_TIME_OUT
from cloudpulse.serving.events import EventPage, EventsRequest

_PARAMETERS = frozenset({"session_id", "user_id", "event_type", "date_from", "date_to", "limit", "cursor"})


@get("/v1/events", guards=[requires("events:read")], sync_to_thread=True, summary="List events", opt=MAY_TIME_OUT)
def list_events(
    request: Request[Any, Any, Any],
    session_id: OfSession = None,
    user_id: OfUser = None,
    event_type: OfType = None,
    date_from: Annotated[dt.date | None, QueryParameter(description="First day, UTC.")] = None,
    date_to: Annotated[
        dt.date | None, QueryParameter(description="Last day, UTC; inclusive; today by default.")
    ] = None,
    limit: PageLimit = None,
    cursor: PageCursor = None,
) -> EventPage:
    """Events of lake and tail, newest first; `next_cursor` asks for the next page."""
    refuse_unknown(request, _PARAMETERS)
    asked = EventsRequest(
        session_id=session_id,
        user_id=user_id,
        event_type=event_type,
        date_from=date_from,
        date_to=date_to,
        limit=limit,
        cursor=cursor,
    )
    page: EventPage = request.app.state.services.event_list.page(asked)
    return page


event_list_routes = [list_events]
