"""What a statement is sent as, and what it is answered with."""

import datetime as dt
from typing import Annotated, Any

import msgspec

MAX_CHARS = 20_000


class SqlRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One SELECT in DuckDB's dialect over `events`, `raw_events` and `daily_summaries`; `limit` rows at most."""

    sql: Annotated[str, msgspec.Meta(min_length=1, max_length=MAX_CHARS)]
    limit: Annotated[int, msgspec.Meta(ge=1)] | None = None


class Column(msgspec.Struct, frozen=True):
    """A column of an answer; `type` is DuckDB's."""

    name: str
    type: str


class SqlAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """The answer to a statement: rows as objects, and the same around them as in the answer to a query.

    ``cached`` says that all of it came from memory: then nothing that it depends on has changed.
    """

    query_type: str
    query_execution_id: str
    rows_returned: int
    scanned_bytes: int
    execution_ms: int
    date_from: dt.date | None = None
    date_to: dt.date | None = None
    columns: list[Column]
    results: list[dict[str, Any]]
    truncated: bool
    cached: bool
    complete_until: str
