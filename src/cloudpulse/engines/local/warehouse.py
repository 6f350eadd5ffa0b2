"""The warehouse on DuckDB: one in-memory database, which sees the lake's folder and nothing else."""

import os
import shutil
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from cloudpulse.errors import QueryTimeout, StoreError, UserError
from cloudpulse.ports import Limits, Relation, Rows
from cloudpulse.settings import Settings

LAKE_FOLDER = "lake"
SPILL_LIMIT = "2GiB"
"""What statements over their memory may put on disk; the journal needs the rest."""
_USERS_FAULT = (duckdb.ProgrammingError, duckdb.DataError, duckdb.NotSupportedError, duckdb.PermissionException)


class DuckDbWarehouse:
    """``Warehouse`` on DuckDB; every call has its own cursor, all share threads, memory and the cache of footers.

    The database is opened by the first statement: it takes 40 MB, which a server that only counts does not need.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._opening = threading.Lock()
        self._opened: duckdb.DuckDBPyConnection | None = None

    def run(self, sql: str, parameters: Sequence[Any], relations: Mapping[str, Relation], limits: Limits) -> Rows:
        """Run one SELECT; see ``Warehouse.run``."""
        cursor = self._database().cursor()
        try:
            with _deadline(cursor, limits.seconds), _translated(relations, limits):
                for name, relation in relations.items():
                    _create_view(cursor, name, relation)
                columns, table = _select(cursor, sql, parameters, limits.rows + 1)
        finally:
            cursor.close()
        # By way of Arrow, for DuckDB's own rows need pytz to tell a moment.
        rows = list(zip(*[column.to_pylist() for column in table.slice(0, limits.rows).columns], strict=True))
        return Rows(columns=columns, rows=rows, truncated=table.num_rows > limits.rows)

    def close(self) -> None:
        """Release the database; running statements end with an error."""
        if self._opened is not None:
            self._opened.close()

    def _database(self) -> duckdb.DuckDBPyConnection:
        with self._opening:
            self._opened = self._opened or _open(self._settings)
            return self._opened


def _open(settings: Settings) -> duckdb.DuckDBPyConnection:
    """A locked database: no extension, no attached file, nothing outside the lake's folder."""
    lake = Path(settings.data).resolve() / LAKE_FOLDER
    database = duckdb.connect(
        ":memory:",
        config={
            "threads": settings.query_threads,
            "memory_limit": f"{settings.query_memory_bytes}B",
            "autoinstall_known_extensions": False,
            "python_enable_replacements": False,
            "temp_directory": str(_spill_folder(settings.data.resolve() / "tmp")),
            "max_temp_directory_size": SPILL_LIMIT,
        },
    )
    database.execute("LOAD parquet; SET parquet_metadata_cache = true; SET TimeZone = 'UTC'")
    database.execute("SET allowed_directories = [?]", [f"{lake}/"])
    database.execute("SET enable_external_access = false; SET lock_configuration = true")
    return database


def _spill_folder(parent: Path) -> Path:
    """This process's own; those of processes that were killed are removed."""
    parent.mkdir(parents=True, exist_ok=True)
    for folder in parent.glob("duckdb-*"):
        try:
            os.kill(int(folder.name.removeprefix("duckdb-")), 0)
        except ProcessLookupError:
            shutil.rmtree(folder, ignore_errors=True)
        except (PermissionError, ValueError):
            continue
    return parent / f"duckdb-{os.getpid()}"


@contextmanager
def _deadline(cursor: duckdb.DuckDBPyConnection, seconds: float) -> Iterator[None]:
    timer = threading.Timer(seconds, cursor.interrupt)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        timer.join()  # so that a late interrupt never meets a closed cursor


def _select(
    cursor: duckdb.DuckDBPyConnection, sql: str, parameters: Sequence[Any], limit: int
) -> tuple[list[tuple[str, str]], pa.Table]:
    try:
        statements = cursor.extract_statements(sql)
        if [statement.type for statement in statements] != [duckdb.StatementType.SELECT]:
            raise UserError("Send exactly one SELECT statement; nothing else is run.")
        result = cursor.sql(sql, params=list(parameters)).limit(limit)
        columns = [(name, str(kind)) for name, kind in zip(result.columns, result.types, strict=True)]
        return columns, result.to_arrow_table()
    except _USERS_FAULT as exc:
        raise UserError(_first_line(exc)) from exc


def _create_view(cursor: duckdb.DuckDBPyConnection, name: str, relation: Relation) -> None:
    """A temporary view over exactly the files named, and the rows in memory beside them."""
    if not name.isidentifier():
        raise ValueError(f"not a relation name: {name!r}")
    parts = []
    if relation.files:
        paths = ", ".join("'" + path.replace("'", "''") + "'" for path in relation.files)
        parts.append(f"SELECT * FROM read_parquet([{paths}], hive_partitioning = false)")
    if relation.rows is not None:
        cursor.register(f"{name}_rows", relation.rows)
        parts.append(f"SELECT * FROM {name}_rows")
    if not parts:
        raise ValueError(f"relation {name} has neither files nor rows")
    cursor.execute(f"CREATE TEMP VIEW {name} AS {' UNION ALL BY NAME '.join(parts)}")


@contextmanager
def _translated(relations: Mapping[str, Relation], limits: Limits) -> Iterator[None]:
    try:
        yield
    except duckdb.InterruptException as exc:
        detail = f"The query took more than {limits.seconds:g} s. Ask for fewer days or add a filter."
        raise QueryTimeout(detail) from exc
    except duckdb.OutOfMemoryException as exc:
        detail = "The query needs more memory than query_memory_bytes. Ask for fewer days or add a filter."
        raise UserError(detail) from exc
    except duckdb.Error as exc:
        missing = [path for relation in relations.values() for path in relation.files if not Path(path).exists()]
        if missing:
            raise FileNotFoundError(missing[0]) from exc
        raise StoreError(f"The lake cannot be read: {_first_line(exc)}") from exc


def _first_line(exc: Exception) -> str:
    return str(exc).partition("\n")[0]
