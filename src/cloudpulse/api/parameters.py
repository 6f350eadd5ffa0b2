"""Query parameters that several routes of events share."""

from typing import Annotated, Any

from litestar import Request
from litestar.params import QueryParameter

from cloudpulse.errors import InvalidParameter
from cloudpulse.events.model import MAX_ID_CHARS, EventType

MAX_CURSOR_CHARS = 256

OfSession = Annotated[str | None, QueryParameter(max_length=MAX_ID_CHARS, description="Only events of this session.")]
OfUser = Annotated[str | None, QueryParameter(max_length=MAX_ID_CHARS, description="Only events of this user.")]
OfType = Annotated[EventType | None, QueryParameter(description="Only events of this type.")]
PageLimit = Annotated[int | None, QueryParameter(ge=1, description="Events at most; 50 by default.")]
PageCursor = Annotated[
    str | None, QueryParameter(max_length=MAX_CURSOR_CHARS, description="`next_cursor` of the page before.")
]


def refuse_unknown(request: Request[Any, Any, Any], known: frozenset[str]) -> None:
    """A misspelt filter must not widen the answer."""
    unknown = sorted(set(request.query_params) - known)
    if unknown:
        raise InvalidParameter(f"Unknown parameter {unknown[0]!r}; use {', '.join(sorted(known))}.")
