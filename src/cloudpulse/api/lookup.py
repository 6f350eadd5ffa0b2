"""Where one event is."""

from typing import Annotated, Any
from uuid import UUID

from litestar import Request, get
from litestar.params import PathParameter

from cloudpulse.api.guards import requires
from cloudpulse.serving.lookup import EventStatus


@get("/v1/events/{event_id:uuid}", guards=[requires("events:read")], sync_to_thread=True)
def show_event(
    request: Request[Any, Any, Any],
    event_id: Annotated[UUID, PathParameter(description="The id of an accepted event.")],
) -> EventStatus:
    """What became of an accepted event, and where it is stored."""
    status: EventStatus = request.app.state.services.lookup.find(event_id)
    return status


lookup_routes = [show_event]
