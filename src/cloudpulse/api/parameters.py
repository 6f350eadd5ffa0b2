"""Query parameters that several routes of events share."""

from typing import Annotated

from litestar.params import QueryParameter

from cloudpulse.events.model import MAX_ID_CHARS, EventType

MAX_CURSOR_CHARS = 256

OfSession = Annotated[str | None, QueryParameter(max_length=MAX_ID_CHARS, description="Only events of this session.")]
OfUser = Annotated[str | None, QueryParameter(max_length=MAX_ID_CHARS, description="Only events of this user.")]
OfType = Annotated[EventType | None, QueryParameter(description="Only events of this type.")]
PageLimit = Annotated[int | None, QueryParameter(ge=1, description="Events at most; 50 by default.")]
PageCursor = Annotated[
    str | None, QueryParameter(max_length=MAX_CURSOR_CHARS, description="`next_cursor` of the page before.")
]
