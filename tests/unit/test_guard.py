"""Which statements are run: nothing that is refused here reaches the engine."""

import datetime as dt
import json
from collections.abc import Iterator
from typing import Any

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlglot import exp

from cloudpulse.errors import UserError
from cloudpulse.events.times import UTC, micros
from cloudpulse.serving.bounds import Bounds
from cloudpulse.serving.guard import check
from cloudpulse.serving.pruning import bounds_of
from cloudpulse.serving.vocabulary import FUNCTIONS

RELATIONS = ("events", "raw_events", "daily_summaries")
NOW = dt.datetime(2026, 4, 2, 12, tzinfo=UTC)

ALLOWED = [
    "SELECT 1",
    "select count(*) from EVENTS;",
    "SELECT 1; -- and a remark",
    "FROM events SELECT event_id LIMIT 3",
    "WITH a AS (SELECT * FROM events), b(n) AS (SELECT count(*) FROM a) SELECT * FROM b, raw_events",
    "WITH events AS (SELECT * FROM events WHERE bot) SELECT * FROM events",
    "WITH RECURSIVE t(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM t WHERE n < 5) SELECT * FROM t",
    "SELECT * FROM (SELECT session_id, row_number() OVER (PARTITION BY user_id ORDER BY timestamp) FROM events)",
    "SELECT lag(timestamp, 1 IGNORE NULLS) OVER (ORDER BY timestamp) FROM events QUALIFY true",
    "SELECT * FROM events e LEFT JOIN daily_summaries d ON e.timestamp::DATE = d.date",
    "(SELECT 1) UNION ALL SELECT 2 INTERSECT SELECT 2 ORDER BY 1",
    "SELECT * FROM range(3) r(n), generate_series(1, 2), unnest([1, 2])",
    "SELECT properties->>'$.a', properties->>'a.b', json_extract_string(properties, '$.x') = 'y' FROM events",
    "SELECT list_transform([1, 2], lambda x: x + 1), [x * 2 FOR x IN [1]], {'a': 1}.a, MAP {'k': 1}['k']",
    "SELECT * EXCLUDE (ip_address), COLUMNS('.*_id') FROM events",
    "SELECT event_type, count(*) FILTER (WHERE bot) FROM events GROUP BY ROLLUP (event_type) HAVING count(*) > 1",
    "SELECT date_trunc('hour', timestamp), timestamp AT TIME ZONE 'Europe/Berlin', now() - INTERVAL 1 DAY FROM events",
    "SELECT CASE WHEN a THEN 'it''s' ELSE \"b\" END, a::DECIMAL(10, 2), TRY_CAST(a AS INT) FROM (SELECT 1 a, 'x' b)",
]

REFUSED = [
    "",
    "nonsense",
    "SELECT 1; SELECT 2",
    "SELECT 1; DROP TABLE events",
    "DROP VIEW events",
    "INSERT INTO events VALUES (1)",
    "CREATE TABLE t AS SELECT 1",
    "CREATE MACRO f(x) AS read_text(x)",
    "SELECT 1 INTO t",
    "COPY (SELECT 1) TO 'out.csv'",
    "COPY events TO 'out.parquet'",
    "ATTACH 'x.db'",
    "SET threads = 1",
    "PRAGMA version",
    "CALL pragma_version()",
    "PREPARE p AS SELECT 1",
    "EXECUTE p",
    "EXPLAIN ANALYZE SELECT 1",
    "DESCRIBE events",
    "SUMMARIZE events",
    "SHOW TABLES",
    "PIVOT events ON event_type USING count(*)",
    "SELECT * FROM (PIVOT events ON event_type USING count(*))",
    "SELECT * FROM (DESCRIBE events)",
    "FROM (SHOW TABLES)",
    "SELECT * FROM events FOR UPDATE",
    "SELECT * FROM events AT (VERSION => 1)",
    "SELECT * FROM events USING SAMPLE 10",
    "SELECT * FROM 'lake/x.parquet'",
    'SELECT * FROM "lake/x.parquet"',
    "SELECT * FROM 's3://bucket/x.parquet'",
    "SELECT * FROM events_rows",
    "SELECT * FROM main.events",
    "SELECT * FROM memory.main.events",
    "SELECT * FROM information_schema.tables",
    "SELECT * FROM pg_catalog.pg_tables",
    "SELECT * FROM duckdb_settings",
    "SELECT * FROM sqlite_master",
    "SELECT * FROM duckdb_settings()",
    "SELECT * FROM read_text('/etc/passwd')",
    "SELECT * FROM \"read_text\"('/etc/passwd')",
    "SELECT * FROM READ_JSON('x')",
    "SELECT * FROM read_parquet(['x'])",
    "SELECT * FROM parquet_metadata('x')",
    "SELECT * FROM glob('*')",
    "SELECT * FROM sniff_csv('x')",
    "SELECT * FROM query('SELECT 1')",
    "SELECT * FROM query_table(['events'])",
    "SELECT * FROM json_execute_serialized_sql('x')",
    "SELECT * FROM which_secret('s3://x', 's3')",
    "SELECT * FROM enable_logging()",
    "SELECT * FROM checkpoint()",
    "SELECT * FROM system.main.read_text('x')",
    "SELECT getenv('HOME')",
    "SELECT current_setting('temp_directory')",
    "SELECT 'temp_directory'.current_setting()",
    "SELECT main.current_setting('x'), system.main.current_setting('x')",
    "SELECT \"current_setting\"('x')",
    "SELECT /* */ current_setting /* */ ('x')",
    "SELECT list_transform(['x'], x -> current_setting(x))",
    "SELECT [current_setting(x) FOR x IN ['a']]",
    "SELECT {'a': version()}",
    "SELECT * FROM events WHERE (SELECT current_database()) = 'x'",
    "SELECT count(*) FILTER (WHERE current_user = 'x') FROM events",
    "SELECT getvariable('x'), nextval('s'), txid_current()",
    "SELECT pg_sleep(10)",
    "SELECT sleep_ms(10)",
    "SELECT write_log('x')",
    "SELECT error('x')",
    "SELECT random(), uuid(), gen_random_uuid()",
    'SELECT "current_user", "CURRENT_TIMESTAMP"',
    'SELECT "localtimestamp"',
    "SELECT localtime",
    "SELECT ?",
    "SELECT $1",
    "SELECT $name",
    "SELECT E'\\\\' || 'x'",
    "SELECT $$x$$",
    "SELECT 'x'::regclass",
    "SELECT sum(n IGNORE NULLS) OVER () FROM range(3) r(n)",
    "WITH a AS (WITH duckdb_settings AS (SELECT 1) SELECT * FROM duckdb_settings) SELECT * FROM duckdb_settings",
    "WITH b AS (SELECT * FROM duckdb_views), duckdb_views AS (SELECT 1) SELECT * FROM b",
    "WITH duckdb_views AS (SELECT * FROM duckdb_views) SELECT * FROM duckdb_views",
    "SELECT * FROM (WITH pg_class AS (SELECT 1) SELECT 1), pg_class",
    "WITH duckdb_\u212aeywords AS (SELECT 1) SELECT * FROM duckdb_keywords",
    "WITH duckdb_keywords AS (SELECT 1) SELECT * FROM duckdb_\u212aeywords",
    "SELECT * FROM events\u200b",
    "SELECT 1" + " + 1" * 6000,
    "SELECT " + "(" * 5000 + "1" + ")" * 5000,
    "SELECT " + "DATE (" * 60 + "1" + ")" * 60,
    "SELECT " + "STRUCT(" * 60 + "1" + ")" * 60,
    "x" * 20_001,
]


def guarded(sql: str) -> Any:
    return check(sql, RELATIONS, NOW)


@pytest.fixture(scope="module")
def engine() -> Iterator[duckdb.DuckDBPyConnection]:
    database = duckdb.connect()
    for relation in RELATIONS:
        database.execute(
            f"CREATE VIEW {relation} AS SELECT NULL::VARCHAR AS event_id, NULL::VARCHAR AS event_type,"
            " TIMESTAMPTZ '2026-03-01' AS timestamp, NULL::VARCHAR AS session_id, NULL::VARCHAR AS user_id,"
            " NULL::VARCHAR AS ip_address, NULL::JSON AS properties, false AS bot, DATE '2026-03-01' AS date"
        )
    yield database
    database.close()


@pytest.mark.parametrize("sql", ALLOWED)
def test_what_is_allowed_runs(engine, sql):
    engine.cursor().sql(guarded(sql).sql).to_arrow_table()


@pytest.mark.parametrize("sql", REFUSED, ids=lambda sql: sql[:60])
def test_what_is_refused_is_told_in_a_sentence(sql):
    with pytest.raises(UserError) as caught:
        guarded(sql)
    assert caught.value.detail.endswith(".")
    assert "\x1b" not in caught.value.detail


@pytest.mark.parametrize("sql", [sql for sql in ALLOWED if "now()" not in sql and "EVENTS" not in sql])
def test_what_is_run_means_what_was_sent(engine, sql):
    text = guarded(sql).sql

    def rows(statement: str) -> Any:
        return sorted(map(repr, engine.cursor().sql(statement).to_arrow_table().to_pylist()))

    assert rows(text) == rows(sql)


def test_a_name_stays_one_name(engine):
    """A blank that the engine sees, and the parser of the guard does not, would make two words of it."""
    assert engine.cursor().sql(guarded("SELECT 1 AS a\u200bb").sql).columns == ["a\u200bb"]


def test_an_arrow_asks_for_the_field_that_was_named(engine):
    sql = """SELECT '{"a.b": 1, "a": {"b": 2}}'::JSON ->> 'a.b' AS flat, '{"a": {"b": 2}}'::JSON ->> '$.a.b' AS deep"""
    assert engine.cursor().execute(guarded(sql).sql).fetchall() == [("1", "2")]


def test_the_relations_that_are_read_are_told():
    sql = "WITH raw_events AS (SELECT 1) SELECT (SELECT count(*) FROM Events) FROM raw_events"
    assert guarded(sql).relations == {"events"}


def test_functions_are_ones_of_the_engine(engine):
    rows = engine.cursor().execute("SELECT DISTINCT lower(function_name) FROM duckdb_functions()").fetchall()
    syntax = {"coalesce", "grouping", "ifnull", "columns"}
    assert FUNCTIONS - {name for (name,) in rows} <= syntax


def test_no_function_reads_the_machine(engine):
    """What the engine itself says of them: none gives another answer the next time, or has a table behind it."""
    tables = {
        row[0]
        for row in engine.cursor()
        .execute(
            "SELECT DISTINCT lower(function_name) FROM duckdb_functions() WHERE function_type LIKE '%table%' OR"
            " function_type LIKE 'pragma%'"
        )
        .fetchall()
    }
    assert FUNCTIONS & tables <= {"unnest", "generate_series", "range", "repeat", "histogram"}
    volatile = {
        row[0]
        for row in engine.cursor()
        .execute("SELECT DISTINCT lower(function_name) FROM duckdb_functions() WHERE stability = 'VOLATILE'")
        .fetchall()
    }
    assert FUNCTIONS & volatile == set()


def names(tree: Any) -> set[tuple[str, str]]:
    """(kind, name) of all functions and tables in DuckDB's own syntax tree."""
    found = set()
    if isinstance(tree, list):
        return set().union(*map(names, tree)) if tree else set()
    if isinstance(tree, dict):
        if tree.get("function_name") and not tree.get("is_operator"):
            found.add(("function", tree["function_name"].lower()))
        if tree.get("type") == "BASE_TABLE":
            found.add(("table", ".".join((tree["catalog_name"], tree["schema_name"], tree["table_name"])).lower()))
        return found.union(*map(names, tree.values()))
    return found


OPERATORS = {"struct_pack", "list_value", "row", "struct_extract", "array_extract", "map", "unnest", "count_star"}
INNER = {"to_days", "to_hours", "trunc", "date_part", "timezone", "regexp_full_match", "list_filter", "list_apply"}
WORDS = [
    *(
        "SELECT",
        "FROM",
        "WHERE",
        "WITH",
        "AS",
        "(",
        ")",
        ",",
        ";",
        ".",
        "*",
        "'",
        '"',
        "--",
        "/*",
        "*/",
        "$",
        "$$",
        "?",
        ":",
    ),
    *("events", "duckdb_settings", "read_text", "'/etc/passwd'", "current_setting", "range", "x", "1", "a.b", "E'\\'"),
    *(
        "UNION",
        "JOIN",
        "LATERAL",
        "unnest",
        "IN",
        "AND",
        "||",
        "->",
        "::",
        "[",
        "]",
        "{",
        "}",
        "\u00a0",
        "\u200b",
        "\x00",
    ),
    *(
        "CASE",
        "END",
        "CAST",
        "INTERVAL",
        "DAY",
        "COLUMNS",
        "TABLE",
        "VALUES",
        "OVER",
        "ORDER BY",
        "GROUP BY",
        "ALL",
        "\n",
    ),
]


@settings(max_examples=400, deadline=None)
@given(
    st.one_of(
        st.text(max_size=200),
        st.lists(st.sampled_from(WORDS), max_size=30).map(" ".join),
        st.lists(st.sampled_from(WORDS), max_size=30).map("".join),
        st.tuples(st.sampled_from(ALLOWED), st.integers(0, 120), st.sampled_from(WORDS)).map(
            lambda it: f"{it[0][: it[1]]}{it[2]}{it[0][it[1] :]}"
        ),
        st.tuples(st.sampled_from(ALLOWED), st.sampled_from(REFUSED[:80]), st.integers(0, 120)).map(
            lambda it: f"{it[0][: it[2]]}{it[1]}{it[0][it[2] :]}"
        ),
    )
)
def test_whatever_is_sent_the_engine_reads_only_what_was_allowed(sql):
    """The engine's own parser is asked what it reads in the text that would be run."""
    try:
        checked = guarded(sql)
    except UserError:
        return
    with duckdb.connect() as database:
        row = database.execute("SELECT json_serialize_sql(?::VARCHAR)", [checked.sql]).fetchone()
    found = json.loads(row[0])
    if found["error"]:
        return  # the engine cannot read it: it will not run it
    assert len(found["statements"]) == 1
    used = names(found)
    functions = {name for kind, name in used if kind == "function"}
    assert functions <= FUNCTIONS | OPERATORS | INNER, checked.sql
    ctes = {cte.alias.lower() for cte in checked.tree.find_all(exp.CTE)}
    assert {name.lstrip(".") for kind, name in used if kind == "table"} <= {*RELATIONS, *ctes}


DAY = 86_400_000_000
MARCH_1 = micros(dt.datetime(2026, 3, 1, tzinfo=UTC))


@pytest.mark.parametrize(
    ("where", "bounds"),
    [
        ("timestamp >= '2026-03-01'", Bounds(MARCH_1)),
        ("timestamp > TIMESTAMPTZ '2026-03-01 00:00:00+00' AND bot", Bounds(MARCH_1)),
        ("'2026-03-01T00:00:00Z' <= timestamp", Bounds(MARCH_1)),
        ("timestamp < DATE '2026-03-01'", Bounds(None, MARCH_1)),
        ("timestamp BETWEEN '2026-03-01' AND '2026-03-02'", Bounds(MARCH_1, MARCH_1 + DAY)),
        ("timestamp = '2026-03-01' AND event_type = 'click'", Bounds(MARCH_1, MARCH_1, frozenset({"click"}))),
        ("(event_type IN ('click', 'error')) AND ((event_type = 'click'))", Bounds(None, None, frozenset({"click"}))),
        ("timestamp >= now() - INTERVAL 1 DAY", Bounds(micros(NOW) - DAY)),
        ("timestamp >= current_date - INTERVAL '2 days'", Bounds(micros(NOW) - DAY // 2 - 2 * DAY)),
        ("timestamp >= '2026-03-01' AND timestamp >= '2026-02-01'", Bounds(MARCH_1)),
        ("timestamp >= '2026-03-01' OR bot", Bounds()),
        ("NOT timestamp >= '2026-03-01'", Bounds()),
        ("timestamp >= 'yesterday'", Bounds()),
        ("timestamp >= CAST('2026-03-01 12:00' AS DATE)", Bounds()),
        ("received_at >= '2026-03-01'", Bounds()),
        ("timestamp >= now() - INTERVAL 1 MONTH", Bounds()),
        ("event_type NOT IN ('click')", Bounds()),
        ("event_type IN ('click', user_id)", Bounds()),
    ],
)
def test_bounds_of_a_condition(where, bounds):
    tree = guarded(f"SELECT * FROM events WHERE {where}").tree
    assert bounds_of(tree, "events", "timestamp") == bounds


SINCE = "timestamp >= '2026-03-01'"


@pytest.mark.parametrize(
    ("sql", "start"),
    [
        (f"SELECT * FROM events e WHERE e.{SINCE}", MARCH_1),
        (f"WITH a AS (SELECT * FROM events WHERE {SINCE}) SELECT * FROM a", MARCH_1),
        (f"SELECT * FROM events e JOIN raw_events r USING (event_id) WHERE e.{SINCE}", MARCH_1),
        (f"SELECT * FROM raw_events r LEFT JOIN events e USING (event_id) WHERE e.{SINCE}", MARCH_1),
        (f"SELECT 1 FROM events WHERE {SINCE} UNION SELECT 2 FROM events WHERE timestamp >= '2026-03-05'", MARCH_1),
        (f"SELECT * FROM events e JOIN raw_events r USING (event_id) WHERE {SINCE}", None),
        (f"SELECT * FROM events e JOIN raw_events r USING (event_id) WHERE r.{SINCE}", None),
        (f"SELECT * FROM events WHERE {SINCE} UNION ALL SELECT * FROM events", None),
        (f"SELECT *, (SELECT count(*) FROM events) FROM events WHERE {SINCE}", None),
        (f"SELECT * FROM events a, events b WHERE a.{SINCE}", None),
        (f"SELECT * FROM events AS e(timestamp) WHERE {SINCE}", None),
        (f"SELECT * FROM raw_events r ASOF JOIN events e ON r.timestamp >= e.timestamp WHERE e.{SINCE}", None),
        (f"SELECT * FROM raw_events POSITIONAL JOIN events WHERE events.{SINCE}", None),
        (f"SELECT * FROM (SELECT * FROM events) WHERE {SINCE}", None),
        (f"SELECT count(*) FILTER (WHERE {SINCE}) FROM events", None),
        (f"SELECT * FROM events QUALIFY {SINCE}", None),
    ],
)
def test_bounds_are_those_of_all_uses_together(sql, start):
    assert bounds_of(guarded(sql).tree, "events", "timestamp").start == start
