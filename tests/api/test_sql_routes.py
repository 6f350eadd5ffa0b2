"""What can be asked in SQL, as the API tells it."""

import re

from cloudpulse.serving.guard import check
from cloudpulse.serving.relations import TIME_COLUMNS


def test_the_schema_has_every_table_with_the_types_of_its_columns(http, bearer):
    tables = http.get("/v1/query/sql/schema", headers=bearer("events:read")).json()["tables"]
    columns = {table["name"]: {one["name"]: one["type"] for one in table["columns"]} for table in tables}
    assert set(columns) == set(TIME_COLUMNS)
    assert all(TIME_COLUMNS[name] in columns[name] for name in columns)
    assert columns["events"]["timestamp"] == "TIMESTAMP WITH TIME ZONE"
    assert columns["events"]["bot"] == "BOOLEAN"
    assert columns["daily_summaries"]["by_event_type"] == "MAP(VARCHAR, BIGINT)"


def test_the_statement_of_a_named_query_can_be_sent_as_sql(http, services, bearer):
    queries = http.get("/v1/query/named", headers=bearer("events:read")).json()["queries"]
    for query in queries:
        sql = re.sub(r"\?", "TIMESTAMPTZ '2026-03-09 00:00:00+00'", query["sql"])
        assert query["sql"].count("?") == 2
        assert check(sql, TIME_COLUMNS, services.now()).relations == {"events"}
        assert not re.search(r"^\s|\s$", query["sql"])


def test_what_can_be_asked_is_told_to_readers_alone(http, bearer):
    for route in ("/v1/query/sql/schema", "/v1/query/named"):
        assert http.get(route).status_code == 401
        assert http.get(route, headers=bearer("events:write")).status_code == 403
