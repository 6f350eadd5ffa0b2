"""A warehouse for the statements of users: each runs in a process of its own, with memory of its own.

DuckDB's limits are not enough for them. Its memory limit does not count what one value takes (``repeat``, ``||`` in a
recursion: 2.8 GB under a limit of 512 MB), and an interrupt is seen between steps only: one ``levenshtein`` of two long
texts runs for an hour. A process can be bounded by the system, and killed.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa

from cloudpulse.engines.local import worker
from cloudpulse.engines.local.warehouse import Table, check_relations, own_folder, to_rows
from cloudpulse.engines.local.worker import Order, Place, Reply, Task
from cloudpulse.errors import CloudPulseError, QueryCancelled, QueryTimeout, UserError
from cloudpulse.ports import Limits, Relation, Rows
from cloudpulse.settings import Settings

MAX_IDLE = 2
GRACE_SECONDS = 1.0
"""What DuckDB gets to end by itself; after that its process is killed."""
LOOK_SECONDS = 0.02
_ENVIRONMENT = ("PATH", "PYTHONPATH", "LANG", "TZ")
"""No more of it: there may be secrets in the rest."""


class IsolatedWarehouse:
    """``Warehouse`` on DuckDB in other processes; two are kept for the next statements, and end when none come."""

    def __init__(self, settings: Settings) -> None:
        self._data = settings.data.resolve()
        self._place = Place(str(self._data), settings.tier_folder, settings.query_threads, settings.query_memory_bytes)
        self._folder: Path | None = None
        self._idle: list[_Process] = []
        self._lock = threading.Lock()

    def run(self, sql: str, parameters: Sequence[Any], relations: Mapping[str, Relation], limits: Limits) -> Rows:
        """Run one SELECT; see ``Warehouse.run``."""
        check_relations(relations)
        with self._files_of(relations) as tasks:
            order = Order(sql, list(parameters), tasks, limits.rows, limits.seconds, limits.bytes)
            while True:
                process = self._take()
                try:
                    return to_rows(process.ask(order, limits))
                except _EndedError:
                    continue
                finally:
                    self._give_back(process)

    def forget(self) -> None:
        """End the processes that wait."""
        with self._lock:
            idle, self._idle = self._idle, []
        for process in idle:
            process.kill()

    def close(self) -> None:
        """End the processes that wait, and remove what they were given."""
        self.forget()
        if self._folder:
            shutil.rmtree(self._folder, ignore_errors=True)

    def _rows_folder(self) -> Path:
        with self._lock:
            self._folder = self._folder or own_folder(self._data, "rows")
        self._folder.mkdir(exist_ok=True)
        return self._folder

    def _take(self) -> "_Process":
        with self._lock:
            while self._idle:
                process = self._idle.pop()
                if process.is_alive():
                    return process
                process.kill()
        return _Process(self._place)

    def _give_back(self, process: "_Process") -> None:
        with self._lock:
            keep = process.is_free and len(self._idle) < MAX_IDLE
            if keep:
                self._idle.append(process)
        if not keep:
            process.kill()

    @contextmanager
    def _files_of(self, relations: Mapping[str, Relation]) -> Iterator[dict[str, Task]]:
        """Rows in memory travel by a file, which the other process maps."""
        written: list[str] = []
        try:
            yield {name: self._task(relation, written) for name, relation in relations.items()}
        finally:
            for path in written:
                Path(path).unlink(missing_ok=True)

    def _task(self, relation: Relation, written: list[str]) -> Task:
        rows = None
        if relation.rows is not None:
            handle, rows = tempfile.mkstemp(suffix=".arrow", dir=self._rows_folder())
            written.append(rows)
            with os.fdopen(handle, "wb") as file, pa.ipc.new_file(file, relation.rows.schema) as writer:
                writer.write_table(relation.rows)
        return Task(list(relation.files), rows, None if relation.columns is None else dict(relation.columns))


class _EndedError(Exception):
    """It had ended before it read the order."""


class _Process:
    """One worker, and the line to it."""

    def __init__(self, place: Place) -> None:
        ours, theirs = Pipe()
        self._line: Connection = ours
        self.is_free = True
        environment = {name: os.environ[name] for name in _ENVIRONMENT if name in os.environ}
        environment["ARROW_DEFAULT_MEMORY_POOL"] = "system"  # the default one takes 1 GB of addresses at once
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-m", worker.__name__, str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                env=environment,
            )
        self._line.send_bytes(msgspec.msgpack.encode(place))

    def is_alive(self) -> bool:
        """Whether it waits for an order; it may end at any time."""
        return self._process.poll() is None

    def kill(self) -> None:
        """End it, whatever it does."""
        self._line.close()
        self._process.kill()
        self._process.wait()

    def ask(self, order: Order, limits: Limits) -> Table:
        """The answer. Afterwards ``is_free`` tells whether it can be asked again; else it must be killed."""
        self.is_free = False
        try:
            self._line.send_bytes(msgspec.msgpack.encode(order))
            self._wait(limits)
            reply = msgspec.msgpack.decode(self._line.recv_bytes(), type=Reply)
            rows = self._line.recv_bytes() if not reply.error else b""
        except (EOFError, OSError) as exc:
            if self._process.wait() == worker.ENDED:
                raise _EndedError from exc
            raise UserError(
                "The statement needs more memory than it may have. Ask for less, or in smaller steps."
            ) from exc
        self.is_free = True
        if reply.error:
            raise _error(reply)
        return Table(reply.columns, pa.ipc.open_stream(rows).read_all(), reply.truncated)

    def _wait(self, limits: Limits) -> None:
        ends_at = time.monotonic() + limits.seconds + GRACE_SECONDS
        while not self._line.poll(LOOK_SECONDS):
            if limits.cancelled is not None and limits.cancelled.is_set():
                raise QueryCancelled("Nobody waits for the answer any more.")
            if time.monotonic() > ends_at:
                raise QueryTimeout(
                    f"The query took more than {limits.seconds:g} s. Ask for fewer days or add a filter."
                )


def _error(reply: Reply) -> Exception:
    if reply.error == FileNotFoundError.__name__:
        return FileNotFoundError(reply.detail)
    kind = next((kind for kind in worker.ERRORS if kind.__name__ == reply.error), CloudPulseError)
    return kind(reply.detail)
