"""SQL: statements of users, and those that have a name."""

import datetime as dt
import inspect
import threading
from typing import Annotated, Any

import msgspec
from litestar import Request, get, post
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import JSONBody, PathParameter, QueryParameter
from litestar.response.base import ASGIResponse

from cloudpulse.api.answer import JsonAnswer
from cloudpulse.api.guards import requires
from cloudpulse.api.problem_docs import MAY_TIME_OUT
from cloudpulse.api.waiting import while_wanted
from cloudpulse.serving.answers import Column, SqlAnswer, SqlRequest
from cloudpulse.serving.named import NAMED
from cloudpulse.serving.relations import COLUMNS

READ = [requires("events:read")]


class Table(msgspec.Struct, frozen=True, kw_only=True):
    """A table that a statement can read."""

    name: str
    columns: list[Column]


class SqlSchema(msgspec.Struct, frozen=True, kw_only=True):
    """All of them."""

    tables: list[Table]


class NamedQuery(msgspec.Struct, frozen=True, kw_only=True):
    """A query that has a name. The two `?` of its `sql` are the moments from which, and before which, events count."""

    name: str
    description: str
    columns: tuple[str, ...]
    sql: str


class NamedQueryList(msgspec.Struct, frozen=True, kw_only=True):
    """All of them."""

    queries: list[NamedQuery]


@post(
    "/v1/query/sql",
    guards=READ,
    status_code=200,
    summary="Run an SQL statement",
    opt=MAY_TIME_OUT,
    responses={200: ResponseSpec(SqlAnswer)},
)
async def run_sql(request: Request[Any, Any, Any], data: JSONBody[SqlRequest]) -> ASGIResponse:
    """One SELECT over `events`, `raw_events` and `daily_summaries`; it ends when the client goes away."""
    services = request.app.state.services

    def run(gone: threading.Event) -> bytes:
        return msgspec.json.encode(services.sql.run(data, gone))

    async with request.app.state.statements.turn():
        return JsonAnswer(await while_wanted(request, run))


@get("/v1/query/sql/schema", guards=READ, sync_to_thread=False, summary="List the tables of SQL")
def show_schema() -> SqlSchema:
    """The tables that a statement can read, and their columns with DuckDB's types."""
    return SqlSchema(
        tables=[
            Table(name=name, columns=[Column(*column) for column in columns.items()])
            for name, columns in COLUMNS.items()
        ]
    )


@get("/v1/query/named", guards=READ, sync_to_thread=False, summary="List the named queries")
def list_named() -> NamedQueryList:
    """Names, what they tell, the columns of their answers, and their statements."""
    return NamedQueryList(
        queries=[
            NamedQuery(name=name, description=query.description, columns=query.columns, sql=inspect.cleandoc(query.sql))
            for name, query in NAMED.items()
        ]
    )


@get(
    "/v1/query/named/{name:str}",
    guards=READ,
    summary="Run a named query",
    opt=MAY_TIME_OUT,
    responses={200: ResponseSpec(SqlAnswer)},
)
async def run_named(
    request: Request[Any, Any, Any],
    name: Annotated[str, PathParameter(max_length=64, description="One of `GET /v1/query/named`.")],
    date_from: Annotated[dt.date, QueryParameter(description="First day, UTC.")],
    date_to: Annotated[dt.date, QueryParameter(description="Last day, UTC; inclusive.")],
    limit: Annotated[int | None, QueryParameter(ge=1, description="Rows at most; 10,000 by default.")] = None,
) -> ASGIResponse:
    """Its rows for a range of days, up to the last second."""
    services = request.app.state.services

    def run(gone: threading.Event) -> bytes:
        return msgspec.json.encode(services.sql.run_named(name, date_from, date_to, limit, gone))

    async with request.app.state.statements.turn():
        return JsonAnswer(await while_wanted(request, run))


sql_routes = [run_sql, show_schema, list_named, run_named]
