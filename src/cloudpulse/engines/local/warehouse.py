"""The warehouse on DuckDB: one in-memory database, which sees the lake's folders and nothing else."""

import os
import shutil
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import duckdb
import pyarrow as pa

from cloudpulse.errors import QueryCancelled, QueryTimeout, StoreError, UserError
from cloudpulse.ports import Limits, Relation, Rows
from cloudpulse.settings import Settings

FOLDERS = ("lake", "bronze", "daily_summaries")
"""What statements may read, and no more; other folders hold journals and secrets."""
SPILL_LIMIT = "2GiB"
"""What statements over their memory may put on disk; the journal needs the rest."""
WATCH_SECONDS = 0.05
MAX_OBJECT_BYTES = 1024 * 1024
"""A stored line is smaller; DuckDB reserves 32 times as much when it is not told."""
_USERS_FAULT = (duckdb.ProgrammingError, duckdb.DataError, duckdb.NotSupportedError, duckdb.PermissionException)
_BROKEN = (duckdb.FatalException, duckdb.InternalException)
_AS_TEXT = {"INTERVAL", "UUID", "BIT", "BIGNUM", "VARIANT", "TIME WITH TIME ZONE", "TIME_NS", "TIMESTAMP_NS"}
"""Types that Arrow or Python cannot tell."""


class Table(NamedTuple):
    """The answer to a statement, as it comes out of DuckDB: columns with DuckDB's types."""

    columns: list[tuple[str, str]]
    rows: pa.Table
    truncated: bool


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
        return to_rows(self.select(sql, parameters, relations, limits))

    def select(self, sql: str, parameters: Sequence[Any], relations: Mapping[str, Relation], limits: Limits) -> Table:
        """Run one SELECT, and leave the rows as they are."""
        check_relations(relations)
        database = self._database()
        cursor = database.cursor()
        try:
            with _watched(cursor, limits), _translated(relations, limits):
                for name, relation in relations.items():
                    _create_view(cursor, name, relation)
                return _select(cursor, sql, parameters, limits)
        except _BROKEN as exc:
            self._give_up(database)
            raise UserError("DuckDB cannot run this statement: it met an error of its own.") from exc
        except (UserError, StoreError) as exc:  # where the lake lies is nobody's business
            raise type(exc)(exc.detail.replace(f"{self._settings.data.resolve()}/", "")) from exc
        finally:
            cursor.close()

    def forget(self) -> None:
        """Use another database from now on, and remove what killed processes have spilled."""
        with self._opening:
            self._opened = None
        for kind in ("duckdb", "rows"):
            own_folder(self._settings.data.resolve(), kind)

    def close(self) -> None:
        """Release the database; running statements end with an error."""
        if self._opened is not None:
            self._opened.close()

    def _database(self) -> duckdb.DuckDBPyConnection:
        with self._opening:
            self._opened = self._opened or _open(self._settings)
            return self._opened

    def _give_up(self, database: duckdb.DuckDBPyConnection) -> None:
        """After such an error a database answers nothing any more."""
        with self._opening:
            if self._opened is database:
                self._opened = None


def check_relations(relations: Mapping[str, Relation]) -> None:
    """Raise ValueError for what no caller may ask for."""
    for name, relation in relations.items():
        if not name.isidentifier():
            raise ValueError(f"not a relation name: {name!r}")
        if not relation.files and relation.rows is None:
            raise ValueError(f"relation {name} has neither files nor rows")


def to_rows(answer: Table) -> Rows:
    """Rows as Python's values. By way of Arrow, for DuckDB's own need pytz to tell a moment."""
    try:
        columns = [column.to_pylist(maps_as_pydicts="strict") for column in answer.rows.columns]
    except (ValueError, TypeError, OverflowError, ImportError, KeyError, pa.ArrowException) as exc:
        raise UserError("A value of the answer is beyond what can be told: cast its column to VARCHAR.") from exc
    return Rows(columns=answer.columns, rows=list(zip(*columns, strict=True)), truncated=answer.truncated)


def _open(settings: Settings) -> duckdb.DuckDBPyConnection:
    """A locked database: no extension, no attached file, nothing outside the folders of the lake."""
    data = settings.data.resolve()
    database = duckdb.connect(
        ":memory:",
        config={
            "threads": settings.query_threads,
            "memory_limit": f"{settings.query_memory_bytes}B",
            "autoinstall_known_extensions": False,
            "python_enable_replacements": False,
            "temp_directory": str(own_folder(data, "duckdb")),
            "max_temp_directory_size": SPILL_LIMIT,
        },
    )
    database.execute("LOAD parquet; LOAD json; SET parquet_metadata_cache = true; SET TimeZone = 'UTC'")
    folders = [data / folder for folder in FOLDERS]
    folders += [Path(settings.tier_folder) / "bronze"] if settings.tier_folder else []
    database.execute("SET allowed_directories = ?", [[f"{folder}/" for folder in folders]])
    database.execute("SET enable_external_access = false; SET lock_configuration = true")
    return database


def own_folder(data: Path, kind: str) -> Path:
    """Where this process may leave what it needs for a while; what killed processes left is removed."""
    parent = data / "tmp"
    parent.mkdir(parents=True, exist_ok=True)
    for folder in parent.glob(f"{kind}-*"):
        try:
            os.kill(int(folder.name.removeprefix(f"{kind}-")), 0)
        except ProcessLookupError:
            shutil.rmtree(folder, ignore_errors=True)
        except (PermissionError, ValueError):
            continue
    return parent / f"{kind}-{os.getpid()}"


@contextmanager
def _watched(cursor: duckdb.DuckDBPyConnection, limits: Limits) -> Iterator[None]:
    """Interrupt what runs when its time is over or nobody waits for it; again and again, for one may come too early."""
    done = threading.Event()
    ends_at = time.monotonic() + limits.seconds

    def watch() -> None:
        while not done.wait(min(WATCH_SECONDS, limits.seconds)):
            if time.monotonic() >= ends_at or _is_cancelled(limits):
                cursor.interrupt()

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield
    finally:
        done.set()
        watcher.join()  # so that a late interrupt never meets a closed cursor


def _is_cancelled(limits: Limits) -> bool:
    return limits.cancelled is not None and limits.cancelled.is_set()


def _select(cursor: duckdb.DuckDBPyConnection, sql: str, parameters: Sequence[Any], limits: Limits) -> Table:
    try:
        statements = cursor.extract_statements(sql)
        if [statement.type for statement in statements] != [duckdb.StatementType.SELECT]:
            raise UserError("Send exactly one SELECT statement; nothing else is run.")
        result = cursor.sql(sql, params=list(parameters)).limit(limits.rows + 1)
        columns = [(name, str(kind)) for name, kind in zip(result.columns, result.types, strict=True)]
        rows = _tellable(result, columns).to_arrow_table()
        if limits.bytes is not None and rows.nbytes > limits.bytes:
            raise UserError(f"The answer is larger than {limits.bytes:,} bytes; ask for fewer rows or columns.")
        return Table(columns, rows.slice(0, limits.rows), truncated=rows.num_rows > limits.rows)
    except _USERS_FAULT as exc:
        raise UserError(_first_line(exc)) from exc
    except pa.ArrowException as exc:
        raise UserError(_first_line(exc)) from exc
    except UnicodeDecodeError as exc:  # what DuckDB wants to say quotes half a character
        raise UserError("DuckDB cannot run this statement, and cannot say why.") from exc


def _tellable(result: duckdb.DuckDBPyRelation, columns: Sequence[tuple[str, str]]) -> duckdb.DuckDBPyRelation:
    """The result with columns of odd types as text."""
    if not any(kind in _AS_TEXT for _, kind in columns):
        return result
    names = [(_quoted(name, '"'), kind) for name, kind in columns]
    return result.project(
        ", ".join(f"CAST({name} AS VARCHAR) AS {name}" if kind in _AS_TEXT else name for name, kind in names)
    )


def _create_view(cursor: duckdb.DuckDBPyConnection, name: str, relation: Relation) -> None:
    """A temporary view over exactly the files named, and the rows in memory beside them."""
    parts = []
    if relation.files:
        parts.append(f"SELECT * FROM {_reader(relation)}")
    if relation.rows is not None:
        cursor.register(f"{name}_rows", relation.rows)
        parts.append(f"SELECT * FROM {name}_rows")
    cursor.execute(f"CREATE TEMP VIEW {name} AS {' UNION ALL BY NAME '.join(parts)}")


def _reader(relation: Relation) -> str:
    paths = ", ".join(_quoted(path, "'") for path in relation.files)
    if relation.columns is None:
        return f"read_parquet([{paths}], hive_partitioning = false)"
    columns = ", ".join(
        f"{_quoted(name, chr(39))}: {_quoted(kind, chr(39))}" for name, kind in relation.columns.items()
    )
    return (
        f"read_json([{paths}], columns = {{{columns}}}, format = 'unstructured', hive_partitioning = false,"
        f" maximum_object_size = {MAX_OBJECT_BYTES})"
    )


def _quoted(text: str, mark: str) -> str:
    return mark + text.replace(mark, 2 * mark) + mark


@contextmanager
def _translated(relations: Mapping[str, Relation], limits: Limits) -> Iterator[None]:
    try:
        yield
    except duckdb.InterruptException as exc:
        if _is_cancelled(limits):
            raise QueryCancelled("Nobody waits for the answer any more.") from exc
        detail = f"The query took more than {limits.seconds:g} s. Ask for fewer days or add a filter."
        raise QueryTimeout(detail) from exc
    except duckdb.OutOfMemoryException as exc:
        detail = "The query needs more memory than query_memory_bytes. Ask for fewer days or add a filter."
        raise UserError(detail) from exc
    except _BROKEN:
        raise
    except duckdb.Error as exc:
        missing = [path for relation in relations.values() for path in relation.files if not Path(path).exists()]
        if missing:
            raise FileNotFoundError(missing[0]) from exc
        raise StoreError(f"The lake cannot be read: {_first_line(exc)}") from exc


def _first_line(exc: Exception) -> str:
    return str(exc).partition("\n")[0]
