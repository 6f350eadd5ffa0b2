"""A process that runs the statements of users, one after another: ``python -m cloudpulse.engines.local.worker FD``.

It is bounded by the system in memory, gives way to the server, and ends when nobody asks, or when the server is gone.
"""

import os
import resource
import sys
import threading
import time
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa

from cloudpulse.engines.local.warehouse import DuckDbWarehouse
from cloudpulse.errors import CloudPulseError, QueryTimeout, StoreError, UserError
from cloudpulse.ports import Limits, Relation
from cloudpulse.settings import Settings

IDLE_SECONDS = 60.0
NICENESS = 5
ENDED = 0
"""The exit code of a worker that has no order in hand."""
ERRORS: tuple[type[CloudPulseError], ...] = (UserError, QueryTimeout, StoreError)
"""What an answer may be besides rows; subclasses are told as the first that fits."""


class Place(msgspec.Struct, frozen=True, array_like=True):
    """The settings that a worker needs."""

    data: str
    tier_folder: str
    threads: int
    memory_bytes: int


class Task(msgspec.Struct, frozen=True, array_like=True):
    """A relation; ``rows`` is an Arrow file."""

    files: list[str]
    rows: str | None
    columns: dict[str, str] | None


class Order(msgspec.Struct, frozen=True, array_like=True):
    """A statement."""

    sql: str
    parameters: list[Any]
    relations: dict[str, Task]
    max_rows: int
    seconds: float
    max_bytes: int | None


class Reply(msgspec.Struct, frozen=True, array_like=True):
    """What became of it; without ``error`` the rows follow as an Arrow stream."""

    error: str = ""
    detail: str = ""
    columns: list[tuple[str, str]] = []
    truncated: bool = False


def main() -> None:
    """Run statements until the line is closed."""
    line = Connection(int(sys.argv[1]))
    threading.Thread(target=_end_with, args=(os.getppid(),), daemon=True).start()
    os.nice(NICENESS)
    place = msgspec.msgpack.decode(line.recv_bytes(), type=Place)
    settings = Settings(
        data=Path(place.data),
        tier_folder=place.tier_folder,
        query_threads=place.threads,
        query_memory_bytes=place.memory_bytes,
    )
    warehouse = DuckDbWarehouse(settings)
    warehouse.run("SELECT count(DISTINCT range) FROM range(100000)", (), {}, Limits())
    base = _data_bytes()
    if base:  # beyond what is there by now: DuckDB's own limit, and as much again that it does not count
        limit = base + 2 * place.memory_bytes
        resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
    while line.poll(IDLE_SECONDS):
        try:
            order = msgspec.msgpack.decode(line.recv_bytes(), type=Order)
        except EOFError:
            break
        for part in _answer(warehouse, order):
            line.send_bytes(part)
        if _data_bytes() > base + place.memory_bytes:
            break  # what it does not give back would be missing to the next statement
    os._exit(ENDED)


def _data_bytes() -> int:
    """What RLIMIT_DATA counts; 0 where the system is not Linux, which does not bound such memory anyway."""
    try:
        return int(Path("/proc/self/statm").read_text().split()[5]) * resource.getpagesize()
    except (OSError, IndexError):
        return 0


def _answer(warehouse: DuckDbWarehouse, order: Order) -> list[bytes | memoryview]:
    limits = Limits(rows=order.max_rows, seconds=order.seconds, bytes=order.max_bytes)
    try:
        relations = {name: _relation(task) for name, task in order.relations.items()}
        answer = warehouse.select(order.sql, order.parameters, relations, limits)
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, answer.rows.schema) as writer:
            writer.write_table(answer.rows)
    except FileNotFoundError as exc:
        return [_encode(Reply(FileNotFoundError.__name__, str(exc)))]
    except MemoryError:
        return [_encode(Reply(UserError.__name__, "The statement needs more memory than it may have. Ask for less."))]
    except CloudPulseError as exc:
        kind = next(kind for kind in (*ERRORS, CloudPulseError) if isinstance(exc, kind))
        return [_encode(Reply(kind.__name__, exc.detail))]
    return [_encode(Reply(columns=answer.columns, truncated=answer.truncated)), memoryview(sink.getvalue())]


def _relation(task: Task) -> Relation:
    rows = None if task.rows is None else pa.ipc.open_file(pa.memory_map(task.rows)).read_all()
    return Relation(task.files, rows, task.columns)


def _end_with(parent: int) -> None:
    """A statement that no interrupt reaches must not outlive the server."""
    while os.getppid() == parent:
        time.sleep(1)
    os._exit(0)


_encode = msgspec.msgpack.Encoder().encode

if __name__ == "__main__":
    main()
