"""SQL over one consistent view: what it sees, what it reads, what it remembers."""

import contextlib
import datetime as dt
import json
import random
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
import sqlglot
from query_world import NOW, World, random_event
from sqlglot import exp

from cloudpulse.errors import InvalidParameter, QueryCancelled, UserError
from cloudpulse.events.model import Position
from cloudpulse.events.times import UTC
from cloudpulse.lake import bronze
from cloudpulse.lake.summaries import FOLDER
from cloudpulse.serving.answers import SqlRequest
from cloudpulse.serving.named import NAMED
from cloudpulse.serving.relations import COLUMNS
from cloudpulse.serving.vocabulary import FUNCTIONS

FIRST = dt.datetime(2026, 3, 27, tzinfo=UTC)
DAYS = (dt.date(2026, 3, 27), dt.date(2026, 4, 2))
ARGUMENTS = [
    *("NULL", "1", "-1", "1.5", "'nan'::DOUBLE", "true", "'x'", "''", "'\U0001f600'", "properties", "'a'::BLOB", "*"),
    *("timestamp", "DATE '2026-01-01'", "INTERVAL 1 DAY", "TIMESTAMPTZ '290000-01-01'", "[1, 2]", "[]", "{'a': 1}"),
    *("MAP {'a': 1}", "MAP {[1]: 2}", "lambda x: x"),
]
COUNT = "SELECT count(*) AS n FROM events"


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    world = World(tmp_path)
    yield world
    world.close()


def accept(world: World, events: int = 60, seed: int = 1) -> None:
    rng = random.Random(seed)
    world.accept([random_event(rng, FIRST, NOW) for _ in range(events)])


def ask(world: World, sql: str, **others: Any) -> Any:
    """The answer as a client gets it."""
    return msgspec.json.decode(msgspec.json.encode(world.sql.run(SqlRequest(sql=sql, **others))))


def named(world: World, name: str, **others: Any) -> Any:
    return msgspec.json.decode(msgspec.json.encode(world.sql.run_named(name, *DAYS, **others)))


def count(world: World, sql: str = COUNT) -> int:
    return ask(world, sql)["results"][0]["n"]


class TestEvents:
    def test_lake_and_tail_are_one_table(self, world):
        accept(world, seed=1)
        world.to_lake(1)
        accept(world, seed=2)
        world.to_tail_file(1, 2)
        accept(world, seed=3)
        found = ask(world, "SELECT event_type, count(*) AS n FROM events GROUP BY ALL ORDER BY ALL")
        assert {row["event_type"]: row["n"] for row in found["results"]} == Counter(
            row["event_type"] for row in world.truth
        )
        assert found["columns"] == [{"name": "event_type", "type": "VARCHAR"}, {"name": "n", "type": "BIGINT"}]

    def test_an_empty_folder_has_the_columns(self, world):
        answer = ask(world, "SELECT * FROM events, daily_summaries, raw_events")
        assert answer["results"] == []
        assert {"event_id", "timestamp", "total_events", "remote"} <= {one["name"] for one in answer["columns"]}

    def test_columns_are_those_that_the_schema_tells(self, world):
        def told() -> dict[str, dict[str, str]]:
            answers = {name: ask(world, f"SELECT * FROM {name}") for name in COLUMNS}
            return {name: {one["name"]: one["type"] for one in answer["columns"]} for name, answer in answers.items()}

        assert told() == COLUMNS
        accept(world)
        assert told() == COLUMNS
        world.to_lake(1)
        assert told() == COLUMNS

    def test_values_of_all_kinds_are_json(self, world):
        sql = """SELECT sum(x) AS huge, 1.5 AS exact, 'nan'::DOUBLE AS nan, INTERVAL 90 MINUTE AS span, [x] AS list,
            {'a': DATE '2026-03-01'} AS struct, MAP {'k': 1} AS map, [MAP {2.5: 1}] AS other,
            TIMESTAMPTZ '2026-03-01' AS at FROM range(3) t(x) GROUP BY x ORDER BY x DESC LIMIT 1"""
        assert ask(world, sql)["results"] == [
            {
                "huge": 2,
                "exact": 1.5,
                "nan": None,
                "span": "01:30:00",
                "list": [2],
                "struct": {"a": "2026-03-01"},
                "map": {"k": 1},
                "other": [{"2.5": 1}],
                "at": "2026-03-01T00:00:00Z",
            }
        ]

    @pytest.mark.parametrize("value", ["TIMESTAMP 'infinity'", "DATE '294247-01-10'", "[TIMESTAMPTZ '-infinity']"])
    def test_a_value_beyond_json_is_said(self, world, value):
        with pytest.raises(UserError, match="cast its column to VARCHAR"):
            ask(world, f"SELECT {value}")

    def test_columns_of_one_name_get_another(self, world):
        assert ask(world, "SELECT 1 AS a, 2 AS a")["results"] == [{"a": 1, "a_1": 2}]

    def test_an_unknown_column_is_told_without_a_path(self, world):
        with pytest.raises(UserError, match='"missing" not found') as caught:
            ask(world, "SELECT missing FROM events")
        assert str(world.settings.data) not in caught.value.detail

    def test_now_is_the_servers_and_one(self, world):
        assert ask(world, "SELECT now() AS a, current_timestamp AS b, current_date AS c")["results"] == [
            {"a": "2026-04-02T12:00:00Z", "b": "2026-04-02T12:00:00Z", "c": "2026-04-02"}
        ]


def test_a_function_answers_or_is_refused_whatever_it_is_given(world):
    accept(world, 3)
    rng = random.Random(1)
    for function in sorted(FUNCTIONS):
        for _ in range(5):
            arguments = ", ".join(rng.choices(ARGUMENTS, k=rng.randrange(4)))
            with contextlib.suppress(UserError):
                ask(world, f"SELECT {function}({arguments}) FROM events")


class TestRawEvents:
    def to_bronze(self, world: World, upto: int) -> None:
        """As the writer does: bronze, silver, list."""
        before = world.lake.position()
        batches = [batch for batch in world.reader.read(0 if before is None else before.seq) if batch.seq <= upto]
        planned = bronze.plan(world.journal, batches, 0)
        bronze.announce(world.records, [file for file, _ in planned])
        written = [bronze.write(world.settings.data, file, group) for file, group in planned]
        world.to_lake(upto)
        bronze.settle(world.records, written)

    def test_lines_of_files_and_tail_are_as_they_were_sent(self, world):
        accept(world, seed=1)
        self.to_bronze(world, 1)
        accept(world, seed=2)
        rows = ask(world, "SELECT * FROM raw_events")["results"]
        stored = {row["event_id"]: row for row in rows}
        assert len(rows) == len(stored) == 120
        for event in world.truth:
            row = stored[event["event_id"]]
            assert dt.datetime.fromisoformat(row["timestamp"]) == event["timestamp"]
            assert json.loads(row["properties"]) == json.loads(event["properties"] or "{}")
            assert row["session_id"] == event["session_id"]
            assert (json.loads(row["metadata"]) or {}).get("country") == event["country"]
        half = ask(world, "SELECT count(*) AS n, count(remote) AS remote FROM raw_events")["results"]
        assert half == [{"n": 120, "remote": 0}]

    def test_an_object_of_a_commit_under_way_does_not_count(self, world):
        accept(world)
        batches = world.reader.read(0)
        for file, group in bronze.plan(world.journal, batches, 0):
            bronze.announce(world.records, [file])
            bronze.write(world.settings.data, file, group)
        assert count(world, "SELECT count(*) AS n FROM raw_events") == 60

    def test_objects_that_are_older_than_asked_for_are_not_opened(self, world):
        accept(world)
        self.to_bronze(world, 1)
        later = "SELECT count(*) AS n FROM raw_events WHERE received_at >= '2026-04-02 14:30'"
        assert ask(world, later)["scanned_bytes"] == 0
        sooner = ask(world, later.replace("14:30", "11:59"))
        assert sooner["results"] == [{"n": 60}]
        assert sooner["scanned_bytes"] > 0


class TestDailySummaries:
    def test_each_file_is_a_row(self, world):
        folder = world.settings.data / FOLDER
        folder.mkdir()
        summary = {"date": "2026-04-01", "total_events": 7, "by_event_type": {"click": 7}, "by_hour": [{"hour": "x"}]}
        (folder / "2026-04-01.json").write_text(json.dumps(summary, indent=1))
        sql = "SELECT date, total_events, by_event_type['click'] AS clicks, by_hour, users FROM daily_summaries"
        row = ask(world, sql)["results"][0]
        assert json.loads(row.pop("by_hour")) == [{"hour": "x"}]
        assert row == {"date": "2026-04-01", "total_events": 7, "clicks": 7, "users": None}
        (folder / "2026-04-01.json").write_text(json.dumps(summary | {"total_events": 11}))
        again = ask(world, sql)
        assert (again["results"][0]["total_events"], again["cached"]) == (11, False)


class TestReadsOnlyWhatItNeeds:
    def test_conditions_on_time_and_type_leave_files_unread(self, world):
        accept(world, 300)
        world.to_lake(1)
        wanted = [
            file
            for file in world.snapshots.current().files
            if file.event_type in ("click", "error") and file.day >= dt.date(2026, 4, 1)
        ]
        for file in world.snapshots.current().files:
            if file not in wanted:
                Path(file.path).unlink()
        where = "WHERE timestamp >= '2026-04-01' AND event_type IN ('click', 'error')"
        answer = ask(world, f"{COUNT} {where}")
        assert answer["results"][0]["n"] == sum(file.rows for file in wanted) > 0
        assert answer["scanned_bytes"] == sum(file.bytes for file in wanted)

    def test_a_statement_over_the_cap_is_refused_before_it_runs(self, tmp_path):
        world = World(tmp_path, query_max_scanned_bytes=30_000)
        accept(world, 300)
        world.to_lake(1)
        for file in world.snapshots.current().files:
            if file.day < dt.date(2026, 4, 2):
                Path(file.path).unlink()  # whoever ran it would not find them
        with pytest.raises(UserError, match="30,000 are allowed"):
            ask(world, COUNT)
        assert count(world, f"{COUNT} WHERE timestamp >= '2026-04-02' AND event_type = 'click'") > 0
        world.close()


class TestLimits:
    def test_rows_beyond_the_limit_are_cut_off(self, world):
        sql = "SELECT range AS n FROM range(20000)"
        answer = ask(world, sql)
        assert (answer["rows_returned"], len(answer["results"]), answer["truncated"]) == (10_000, 10_000, True)
        assert ask(world, sql, limit=3)["results"] == [{"n": 0}, {"n": 1}, {"n": 2}]
        with pytest.raises(InvalidParameter):
            ask(world, sql, limit=10_001)

    def test_an_answer_beyond_the_limit_of_bytes_is_refused(self, tmp_path):
        world = World(tmp_path, query_max_result_bytes=100_000)
        sql = "SELECT repeat('x', 200) AS text FROM range({})"
        assert ask(world, sql.format(100))["rows_returned"] == 100
        with pytest.raises(UserError, match="larger than 100,000 bytes"):
            ask(world, sql.format(1000))
        long_name = "x" * 200
        with pytest.raises(UserError, match="larger than 100,000 bytes"):
            ask(world, f"SELECT range AS {long_name} FROM range(1000)")  # small, until it is written as JSON
        world.close()

    def test_a_statement_ends_when_nobody_waits(self, world):
        gone = threading.Event()
        threading.Timer(0.2, gone.set).start()
        with pytest.raises(QueryCancelled):
            world.sql.run(SqlRequest(sql="SELECT count(*) FROM range(10000000000) a, range(1000) b"), gone)


class TestCache:
    """Guards mechanism 14."""

    def test_the_same_statement_over_the_same_files_is_answered_from_memory(self, world):
        accept(world)
        world.to_lake(1)
        first, second = ask(world, COUNT), ask(world, COUNT)
        assert (first["cached"], second["cached"]) == (False, True)
        assert (second["results"], second["scanned_bytes"]) == (first["results"], 0)
        assert ask(world, COUNT, limit=5)["cached"] is False

    def test_nothing_is_from_memory_while_there_is_a_tail(self, world):
        accept(world, seed=1)
        world.to_lake(1)
        assert [count(world), count(world)] == [60, 60]
        accept(world, seed=2)
        answers = [ask(world, COUNT) for _ in range(2)]
        assert [(answer["results"][0]["n"], answer["cached"]) for answer in answers] == [(120, False)] * 2

    def test_a_commit_makes_it_another_question(self, world):
        accept(world, seed=1)
        world.to_lake(1)
        count(world)
        accept(world, seed=2)
        world.to_lake(2)
        answer = ask(world, COUNT)
        assert (answer["results"][0]["n"], answer["cached"]) == (120, False)

    def test_so_does_a_rewrite_of_files(self, world):
        accept(world)
        world.to_lake(1)
        count(world)
        files = [task.file for task in world.lake._table.scan().plan_files()]
        kept = world.chunk(0, 1).table.slice(0, 50)
        assert world.lake.replace(files, kept)
        answer = ask(world, COUNT)
        assert (answer["results"][0]["n"], answer["cached"]) == (50, False)

    def test_a_tail_of_other_days_does_not_spoil_it(self, world):
        accept(world)
        world.to_lake(1)
        world.accept([random_event(random.Random(3), NOW - dt.timedelta(hours=1), NOW)])
        sql = f"{COUNT} WHERE timestamp < '2026-04-01'"
        assert [ask(world, sql)["cached"] for _ in range(2)] == [False, True]

    def test_named_queries_too(self, world):
        accept(world)
        world.to_lake(1)
        assert [named(world, "top_pages")["cached"] for _ in range(2)] == [False, True]
        accept(world, seed=2)
        assert named(world, "top_pages")["cached"] is False


class TestNamedQueries:
    @pytest.fixture
    def filled(self, world: World) -> World:
        accept(world, 200, seed=1)
        world.to_lake(1)
        accept(world, 100, seed=2)
        return world

    @pytest.mark.parametrize("name", NAMED)
    def test_its_columns_are_as_told(self, filled, name):
        answer = named(filled, name)
        assert tuple(answer["results"][0]) == NAMED[name].columns
        assert (answer["query_type"], answer["date_from"], answer["date_to"]) == (name, "2026-03-27", "2026-04-02")

    def test_they_count_as_by_hand(self, filled):
        truth = filled.truth
        by_day = Counter((str(row["timestamp"].date()), row["event_type"]) for row in truth)
        found = named(filled, "daily_counts")["results"]
        assert {(row["day"], row["event_type"]): row["event_count"] for row in found} == by_day
        pages = Counter(row["page"] for row in truth if row["event_type"] == "page_view" and row["page"])
        assert {row["page"]: row["views"] for row in named(filled, "top_pages")["results"]} == pages
        hours = named(filled, "error_rate")["results"]
        assert sum(row["errors"] for row in hours) == sum(row["event_type"] == "error" for row in truth)
        assert all(row["error_rate_pct"] == round(100 * row["errors"] / row["event_count"], 2) for row in hours)
        assert sum(row["event_count"] for row in named(filled, "hourly_traffic")["results"]) == len(truth)
        longest = named(filled, "session_durations", limit=1)["results"][0]
        times = sorted(row["timestamp"] for row in truth if row["session_id"] == longest["session_id"])
        assert longest["event_count"] == len(times)
        assert abs(longest["seconds"] - (times[-1] - times[0]).total_seconds()) <= 1

    def test_days_are_in_utc_and_inclusive(self, filled):
        day = dt.date(2026, 3, 30)
        rows = msgspec.json.decode(msgspec.json.encode(filled.sql.run_named("daily_counts", day, day)))["results"]
        assert {row["day"] for row in rows} == {"2026-03-30"}
        assert sum(row["event_count"] for row in rows) == sum(row["timestamp"].date() == day for row in filled.truth)

    def test_an_unknown_name_and_a_range_that_is_none_are_refused(self, filled):
        with pytest.raises(InvalidParameter, match="daily_counts"):
            filled.sql.run_named("nobody", *DAYS)
        with pytest.raises(InvalidParameter, match="swap"):
            filled.sql.run_named("top_pages", *reversed(DAYS))

    @pytest.mark.parametrize("name", NAMED)
    def test_it_translates_to_athena(self, name):
        (translated,) = sqlglot.transpile(NAMED[name].sql, read="duckdb", write="athena")
        tree = sqlglot.parse_one(translated, read="athena")
        assert list(tree.find_all(exp.Anonymous)) == []
        assert translated.count("?") == 2


def test_files_that_go_meanwhile_start_it_over(world):
    accept(world, seed=1)
    world.to_lake(1)
    stale = world.snapshots.current()

    class Once:
        """Gives the old snapshot first, whose files go at once."""

        def __init__(self) -> None:
            self.gone = False

        def current(self) -> Any:
            if self.gone:
                return world.snapshots.current()
            self.gone = True
            files = [task.file for task in world.lake._table.scan().plan_files()]
            assert world.lake.replace(files, world.chunk(0, 1).table)
            for file in stale.files:
                Path(file.path).unlink()
            return stale

    world.sql = world.sql_service(Once())
    assert count(world) == 60
    assert world.lake.position() == Position(world.journal, 1)
