"""``GET /v1/query``."""

import datetime as dt
from typing import Annotated, Any

from litestar import Request, get
from litestar.params import QueryParameter

from cloudpulse.api.guards import requires
from cloudpulse.api.parameters import OfType, refuse_unknown
from cloudpulse.api.problem_docs import MAY_TIME_OUT
from cloudpulse.api.waiting import while_wanted
from cloudpulse.events.model import MAX_METADATA_CHARS, Source
from cloudpulse.serving.query import QueryService
from cloudpulse.serving.request import FILTERS, Dimension, Interval, QueryAnswer, QueryRequest, QueryType

_PARAMETERS = frozenset({"query_type", "date_from", "date_to", "event_type", "limit", "tz", "interval", "by", *FILTERS})

Exact = Annotated[
    str | None, QueryParameter(max_length=MAX_METADATA_CHARS, description="Only events with exactly this value.")
]
"""A URL has no room for more."""


@get(
    "/v1/query",
    guards=[requires("events:read")],
    summary="Ask one of six questions",
    opt=MAY_TIME_OUT,
)
async def run_query(
    request: Request[Any, Any, Any],
    query_type: Annotated[QueryType, QueryParameter(description="The question.")],
    date_from: Annotated[dt.date, QueryParameter(description="First day, in `tz`.")],
    date_to: Annotated[dt.date, QueryParameter(description="Last day, in `tz`; inclusive.")],
    event_type: OfType = None,
    limit: Annotated[int | None, QueryParameter(ge=1, description="Rows at most; by default 10 to 10,000.")] = None,
    tz: Annotated[
        str, QueryParameter(max_length=64, description="IANA time zone whose midnights divide the days.")
    ] = "UTC",
    interval: Annotated[
        Interval | None, QueryParameter(description="Width of a bucket: timeseries (hour) and uniques (hour, day).")
    ] = None,
    by: Annotated[Dimension | None, QueryParameter(description="What breakdown groups by.")] = None,
    app: Exact = None,
    source: Annotated[Source | None, QueryParameter(description="Only events of this source.")] = None,
    country: Exact = None,
    browser: Exact = None,
    os: Exact = None,
    device: Exact = None,
    page: Exact = None,
    session_id: Exact = None,
    user_id: Exact = None,
) -> QueryAnswer:
    """Counts, series, sessions, errors, breakdowns or uniques of a range of days, up to the last second."""
    refuse_unknown(request, _PARAMETERS)
    filters = {name: request.query_params[name] for name in FILTERS if name in request.query_params}
    asked = QueryRequest(
        query_type=query_type,
        date_from=date_from,
        date_to=date_to,
        event_type=event_type,
        limit=limit,
        tz=tz,
        interval=interval,
        by=by,
        filters=filters,
    )
    queries: QueryService = request.app.state.services.query
    return await while_wanted(request, lambda gone: queries.run(asked, gone))


query_routes = [run_query]
