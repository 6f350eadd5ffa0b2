import datetime as dt
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from cloudpulse.engines.local.warehouse import DuckDbWarehouse
from cloudpulse.errors import QueryTimeout, StoreError, UserError
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
