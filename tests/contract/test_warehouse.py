import datetime as dt
import os
import socket
import threading
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard

from cloudpulse.engines.local.isolated import IsolatedWarehouse
from cloudpulse.engines.local.warehouse import DuckDbWarehouse
from cloudpulse.engines.local.worker import ENDED
from cloudpulse.errors import QueryCancelled, QueryTimeout, StoreError, UserError
from cloudpulse.events.times import UTC
from cloudpulse.ports import Limits, Relation, Warehouse
from cloudpulse.settings import Settings

SLOW = "SELECT count(*) FROM range(1000000000) a, range(1000000) b WHERE (a.range * b.range) % 7 = 3"


@pytest.fixture
def lake(tmp_path: Path) -> Path:
    """The folder that the warehouse may read."""
    folder = tmp_path / "lake"
    folder.mkdir(exist_ok=True)
    return folder


def write(path: Path, **columns: list) -> str:
    pq.write_table(pa.table(columns), path)
    return str(path)


def run(warehouse: Warehouse, sql: str, *parameters: object, limits: Limits | None = None, **relations: Relation):
    return warehouse.run(sql, parameters, relations, limits or Limits())


def test_runs_over_exactly_the_files_named(warehouse, lake):
    named = [write(lake / f"{n}.parquet", n=[n]) for n in range(3)]
    rows = run(warehouse, "SELECT n FROM events ORDER BY n", events=Relation(named[:2]))
    assert rows.rows == [(0,), (1,)]
    assert [name for name, _ in rows.columns] == ["n"]
    assert not rows.truncated


def test_rows_in_memory_stand_beside_files_whatever_the_order_of_their_columns(warehouse, lake):
    named = [write(lake / "a.parquet", n=[1], word=["file"])]
    memory = pa.table({"word": ["memory"], "n": [2]})
    rows = run(warehouse, "SELECT n, word FROM events ORDER BY n", events=Relation(named, memory))
    assert rows.rows == [(1, "file"), (2, "memory")]


def test_rows_in_memory_alone(warehouse):
    assert run(warehouse, "SELECT sum(n) FROM events", events=Relation((), pa.table({"n": [2, 3]}))).rows == [(5,)]


def test_a_relation_of_nothing_is_a_programming_error(warehouse):
    with pytest.raises(ValueError, match="neither files nor rows"):
        run(warehouse, "SELECT 1 FROM events", events=Relation(()))


def test_relations_of_one_call_are_unknown_to_the_next(warehouse):
    run(warehouse, "SELECT * FROM events", events=Relation((), pa.table({"n": [1]})))
    with pytest.raises(UserError):
        run(warehouse, "SELECT * FROM events")


def test_parameters_are_values_never_text(warehouse):
    memory = pa.table({"word": ["x' OR '1'='1", "y"]})
    sql = "SELECT word FROM events WHERE word = ?"
    assert run(warehouse, sql, "x' OR '1'='1", events=Relation((), memory)).rows == [("x' OR '1'='1",)]


def test_times_come_back_as_moments_in_utc(warehouse):
    moment = dt.datetime(2026, 3, 9, 14, 22, 31, 402_000, tzinfo=UTC)
    memory = pa.table({"timestamp": pa.array([moment], pa.timestamp("us", "UTC"))})
    rows = run(warehouse, "SELECT timestamp FROM events WHERE timestamp >= ?", moment, events=Relation((), memory))
    assert rows.rows == [(moment,)]


def test_rows_beyond_the_limit_are_left_out_and_it_says_so(warehouse):
    memory = pa.table({"n": list(range(5))})
    sql = "SELECT n FROM events ORDER BY n"
    rows = run(warehouse, sql, limits=Limits(rows=3), events=Relation((), memory))
    assert rows.rows == [(0,), (1,), (2,)]
    assert rows.truncated
    assert not run(warehouse, sql, limits=Limits(rows=5), events=Relation((), memory)).truncated


def test_a_file_that_is_gone_is_file_not_found_also_when_it_was_read_before(warehouse, lake):
    path = write(lake / "a.parquet", n=[1])
    run(warehouse, "SELECT * FROM events", events=Relation([path]))
    Path(path).unlink()
    with pytest.raises(FileNotFoundError):
        run(warehouse, "SELECT * FROM events", events=Relation([path]))


def test_a_damaged_file_is_our_fault(warehouse, lake):
    (lake / "a.parquet").write_bytes(b"PAR1 this is no parquet file PAR1")
    with pytest.raises(StoreError):
        run(warehouse, "SELECT * FROM events", events=Relation([str(lake / "a.parquet")]))


def test_a_statement_that_nobody_waits_for_ends(warehouse):
    gone = threading.Event()
    threading.Timer(0.2, gone.set).start()
    with pytest.raises(QueryCancelled):
        run(warehouse, SLOW, limits=Limits(cancelled=gone))
    assert run(warehouse, "SELECT 1").rows == [(1,)]


def test_one_that_is_given_up_before_it_begins_ends_too(warehouse):
    gone = threading.Event()
    gone.set()
    with pytest.raises(QueryCancelled):
        run(warehouse, SLOW, limits=Limits(cancelled=gone))


def test_an_answer_over_its_bytes_is_refused(warehouse):
    sql = "SELECT repeat('x', 1000) FROM range(100)"
    assert len(run(warehouse, sql, limits=Limits(bytes=200_000)).rows) == 100
    with pytest.raises(UserError, match="larger than 50,000 bytes"):
        run(warehouse, sql, limits=Limits(bytes=50_000))


def test_objects_in_files_have_the_columns_that_are_asked_for(warehouse, tmp_path):
    folder = tmp_path / "bronze"
    folder.mkdir()
    lines = b'{"n": 1, "object": {"a": [1, 2]}, "other": 7}\n{"moment": "2026-03-09T14:22:31.402Z"}\n'
    (folder / "a.ndjson.zst").write_bytes(zstandard.compress(lines))
    (folder / "b.json").write_text('{\n "n": 3\n}\n')
    columns = {"n": "BIGINT", "object": "VARCHAR", "moment": "TIMESTAMPTZ"}
    memory = pa.table({"n": [4]})
    relation = Relation([str(folder / "a.ndjson.zst"), str(folder / "b.json")], memory, columns)
    rows = run(warehouse, "SELECT n, object, moment FROM raw ORDER BY n NULLS LAST", raw=relation).rows
    moment = dt.datetime(2026, 3, 9, 14, 22, 31, 402_000, tzinfo=UTC)
    assert rows == [(1, '{"a":[1,2]}', None), (3, None, None), (4, None, None), (None, None, moment)]


@pytest.mark.parametrize(
    ("sql", "value"),
    [
        ("SELECT INTERVAL 90 MINUTE", "01:30:00"),
        ("SELECT UUID '01a1f8ae-942c-71d8-b8b0-809fda29c80e'", "01a1f8ae-942c-71d8-b8b0-809fda29c80e"),
        ("SELECT TIMESTAMP_NS '2026-03-09 14:22:31.402000001'", "2026-03-09 14:22:31.402000001"),
        ("SELECT MAP {'k': 1}", {"k": 1}),
        ("SELECT sum(range) FROM range(3)", 3),
    ],
)
def test_values_that_arrow_or_python_lack(warehouse, sql, value):
    assert run(warehouse, sql).rows == [(value,)]


@pytest.mark.parametrize("sql", ["SELECT TIMESTAMP 'infinity'", "SELECT [DATE '294247-01-10']", "SELECT MAP {[1]: 2}"])
def test_a_value_that_cannot_be_told_is_the_users_fault(warehouse, sql):
    with pytest.raises(UserError, match="cast its column to VARCHAR"):
        run(warehouse, sql)


def test_half_a_character_in_a_message_is_the_users_fault(warehouse):
    with pytest.raises(UserError):
        run(warehouse, "SELECT from_hex('\U0001f600')")


def test_no_message_tells_where_the_lake_lies(warehouse, tmp_path, lake):
    folder = tmp_path / "bronze"
    folder.mkdir()
    (folder / "a.ndjson.zst").write_bytes(zstandard.compress(b"{torn"))
    (lake / "a.parquet").write_bytes(b"PAR1 this is no parquet file PAR1")
    for name, columns in (("bronze/a.ndjson.zst", {"n": "BIGINT"}), ("lake/a.parquet", None)):
        with pytest.raises((UserError, StoreError)) as caught:
            run(warehouse, "SELECT * FROM raw", raw=Relation([str(tmp_path / name)], columns=columns))
        assert name in caught.value.detail
        assert str(tmp_path) not in caught.value.detail


def test_a_statement_over_its_time_ends(warehouse):
    with pytest.raises(QueryTimeout, match="fewer days"):
        run(warehouse, SLOW, limits=Limits(seconds=0.2))


def test_it_answers_after_a_timeout(warehouse):
    with pytest.raises(QueryTimeout):
        run(warehouse, SLOW, limits=Limits(seconds=0.1))
    assert run(warehouse, "SELECT 1").rows == [(1,)]


@pytest.mark.parametrize(
    "sql",
    [
        "SELEC 1",
        "SELECT missing FROM events",
        "SELECT n + 'word' FROM events",
        "SELECT 1; SELECT 2",
        "",
        "CREATE TABLE t (n INTEGER)",
        "SET threads = 1",
        "ATTACH '/tmp/other.db'",
        "COPY (SELECT 1) TO 'lake/out.parquet'",
        "SELECT * FROM read_text('/etc/hostname')",
        "SELECT * FROM read_parquet('/tmp/elsewhere.parquet')",
        "SELECT * FROM '/etc/passwd'",
        "SELECT * FROM glob('/etc/*')",
        "SELECT * FROM sniff_csv('/etc/passwd')",
        "SELECT * FROM query('DROP VIEW events')",
        "SELECT * FROM enable_logging(storage = 'file', storage_path = 'logs')",
        "SELECT * FROM duckdb_extensions()",
        "SELECT * FROM which_secret('s3://bucket', 's3')",
        "SELECT * FROM 'https://example.org/x.parquet'",
        "INSTALL httpfs",
        "LOAD httpfs",
        "PRAGMA enable_profiling",
        "CALL pragma_version()",
        "EXPLAIN ANALYZE SELECT 1",
        "PREPARE p AS SELECT 1",
        "SELECT getenv('HOME')",
    ],
)
def test_a_wrong_or_writing_statement_is_the_users_fault(warehouse, sql):
    with pytest.raises(UserError):
        run(warehouse, sql, events=Relation((), pa.table({"n": [1]})))


def test_a_statement_beyond_its_memory_spills_or_is_told_to_ask_for_less(tmp_path):
    small = DuckDbWarehouse(Settings(data=tmp_path, query_memory_bytes=40 * 1024 * 1024))
    sql = "SELECT count(*) FROM (SELECT DISTINCT md5(range::VARCHAR) FROM range(1000000))"
    assert small.run(sql, (), {}, Limits()).rows == [(1_000_000,)]
    assert list((tmp_path / "tmp").iterdir())
    small.close()


def test_what_a_killed_process_spilled_is_removed(tmp_path):
    left = tmp_path / "tmp" / "duckdb-999999999"
    left.mkdir(parents=True)
    warehouse = DuckDbWarehouse(Settings(data=tmp_path))
    assert warehouse.run("SELECT 1", (), {}, Limits()).rows == [(1,)]
    warehouse.close()
    assert not left.exists()


def test_nothing_beside_the_folders_of_the_lake_is_read_or_written(warehouse, tmp_path, lake):
    """The engine alone, without the guard in front: journals and secrets lie beside the lake."""
    (tmp_path / "secrets.json").write_text('{"secret": "do not tell"}')
    (lake / "link.json").symlink_to(tmp_path / "secrets.json")
    before = {path for path in tmp_path.rglob("*") if "tmp" not in path.parts[len(tmp_path.parts) :]}
    for path in (tmp_path / "secrets.json", lake / ".." / "secrets.json", tmp_path / "*.json", "~/.bashrc"):
        for read in (f"read_text('{path}')", f"read_json('{path}')", f"read_csv('{path}')", f"'{path}'"):
            with pytest.raises(UserError):
                run(warehouse, f"SELECT * FROM {read}")
    for sql in (
        f"COPY (SELECT 1) TO '{lake}/out.parquet'",
        f"ATTACH '{lake}/new.db'",
        f"EXPORT DATABASE '{lake}/export'",
        "SET allowed_directories = ['/']",
        "SET enable_external_access = true",
        "RESET lock_configuration",
    ):
        with pytest.raises(UserError):
            run(warehouse, sql)
    assert {path for path in tmp_path.rglob("*") if "tmp" not in path.parts[len(tmp_path.parts) :]} == before


class TestIsolated:
    @pytest.fixture
    def isolated(self, tmp_path):
        warehouse = IsolatedWarehouse(Settings(data=tmp_path, query_memory_bytes=64 * 1024 * 1024))
        yield warehouse
        warehouse.close()

    @pytest.mark.parametrize(
        "sql",
        [
            "SELECT length(repeat('x', 1000000000))",
            "SELECT len(range(100000000))",
            "SELECT length(format('{:>1000000000}', 'a'))",
            "WITH RECURSIVE t AS (SELECT 'a' AS s UNION ALL SELECT s || s FROM t) SELECT max(length(s)) FROM t",
        ],
    )
    def test_one_value_cannot_take_all_memory(self, isolated, sql):
        with pytest.raises(UserError, match="more memory"):
            run(isolated, sql, limits=Limits(seconds=60))
        assert run(isolated, "SELECT 1").rows == [(1,)]

    def test_what_no_interrupt_reaches_is_killed(self, isolated):
        sql = "SELECT levenshtein(repeat('a', 1000000), repeat('b', 1000000))"
        with pytest.raises(QueryTimeout):
            run(isolated, sql, limits=Limits(seconds=0.5))
        gone = threading.Event()
        threading.Timer(0.2, gone.set).start()
        with pytest.raises(QueryCancelled):
            run(isolated, sql, limits=Limits(seconds=600, cancelled=gone))

    def test_a_worker_that_died_in_between_is_not_missed(self, isolated):
        run(isolated, "SELECT 1")
        (process,) = isolated._idle
        process._process.kill()
        process._process.wait()
        assert run(isolated, "SELECT 2").rows == [(2,)]

    def test_a_worker_that_dies_over_its_statement_is_told_as_too_little_memory(self, isolated):
        run(isolated, "SELECT 1")
        (process,) = isolated._idle
        threading.Timer(0.3, process._process.kill).start()
        with pytest.raises(UserError, match="more memory"):
            run(isolated, SLOW)

    def test_a_worker_that_has_ended_by_itself_is_replaced(self, isolated):
        run(isolated, "SELECT 1")
        (process,) = isolated._idle
        with socket.socket(fileno=os.dup(process._line.fileno())) as line:
            line.shutdown(socket.SHUT_WR)
        assert process._process.wait() == ENDED
        assert run(isolated, "SELECT 2").rows == [(2,)]

    def test_workers_do_not_know_the_environment(self, isolated, monkeypatch):
        monkeypatch.setenv("CLOUDPULSE_METRICS_TOKEN", "do-not-tell")
        run(isolated, "SELECT 1")
        (process,) = isolated._idle
        assert b"do-not-tell" not in Path(f"/proc/{process._process.pid}/environ").read_bytes()

    def test_nothing_is_left_of_rows_in_memory(self, isolated, tmp_path):
        assert run(isolated, "SELECT n FROM events", events=Relation((), pa.table({"n": [1]}))).rows == [(1,)]
        isolated.close()
        assert not list((tmp_path / "tmp").rglob("*.arrow"))

    def test_nor_of_what_a_killed_server_left(self, isolated, tmp_path):
        left = tmp_path / "tmp" / "rows-999999999"
        left.mkdir(parents=True)
        run(isolated, "SELECT n FROM events", events=Relation((), pa.table({"n": [1]})))
        assert not left.exists()
