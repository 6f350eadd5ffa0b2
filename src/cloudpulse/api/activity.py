"""``GET /v1/users/{user_id}/activity``: what one visitor did."""

from typing import Annotated, Any

from litestar import Request, get
from litestar.params import PathParameter

from cloudpulse.api.guards import requires
from cloudpulse.api.parameters import PageCursor, PageLimit, refuse_unknown
from cloudpulse.api.problem_docs import MAY_TIME_OUT
from cloudpulse.events.model import MAX_ID_CHARS
from cloudpulse.serving.events import EventPage, EventsRequest

_PARAMETERS = frozenset({"limit", "cursor"})


@get("/v1/users/{user_id:str}/activity", guards=[requires("events:read")], sync_to_thread=True, opt=MAY_TIME_OUT)
def user_activity(
    request: Request[Any, Any, Any],
    user_id: Annotated[str, PathParameter(max_length=MAX_ID_CHARS, description="The `user_id` that events carry.")],
    limit: PageLimit = None,
    cursor: PageCursor = None,
) -> EventPage:
    """The events of a user, newest first; `next_cursor` asks for the next page."""
    refuse_unknown(request, _PARAMETERS)
    asked = EventsRequest(user_id=user_id, limit=limit, cursor=cursor)
    page: EventPage = request.app.state.services.event_list.page(asked)
    return page


activity_routes = [user_activity]
