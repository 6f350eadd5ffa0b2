"""Executions of workflows in one SQLite table, in the file of the jobs.

Api and pipeline both write, each in short transactions.
"""

import datetime as dt
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec

from cloudpulse.engines.local.jobs import FILE_NAME
from cloudpulse.engines.local.sqlite import NO_LIMIT, Database, where
from cloudpulse.events.times import micros, parse
from cloudpulse.ports import Execution, JobStatus

_SCHEMA = """
CREATE TABLE IF NOT EXISTS executions (
    n INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, workflow TEXT NOT NULL, status TEXT NOT NULL,
    finished_at INTEGER, document BLOB NOT NULL);
CREATE INDEX IF NOT EXISTS executions_by_status ON executions (status, n);
"""
_START = "INSERT OR IGNORE INTO executions (id, workflow, status, finished_at, document) VALUES (?, ?, ?, ?, ?)"
_SHOW = "SELECT document FROM executions WHERE id = ?"
_CHANGE = "UPDATE executions SET status = ?, finished_at = ?, document = ? WHERE id = ?"
_PRUNE = """
DELETE FROM executions WHERE status IN ('done', 'failed')
AND (finished_at < :before OR n <= (SELECT n FROM executions ORDER BY n DESC LIMIT 1 OFFSET :keep))
"""

_decode = msgspec.json.Decoder(Execution).decode


class SqliteExecutions:
    """Port ``Executions``."""

    def __init__(self, folder: Path) -> None:
        self._database = Database(folder / FILE_NAME, _SCHEMA, secure_delete=True)

    def start(self, execution: Execution) -> Execution:
        """Put an execution in line, once."""
        status, finished_at, document = _row(execution)
        with self._database.write() as connection:
            connection.execute(_START, (execution.id, execution.workflow, status, finished_at, document))
            row = connection.execute(_SHOW, (execution.id,)).fetchone()
        return _decode(row[0])

    def change(self, execution_id: str, change: Callable[[Execution], Execution | None]) -> Execution | None:
        """Read and write in one transaction."""
        with self._database.write() as connection:
            row = connection.execute(_SHOW, (execution_id,)).fetchone()
            changed = change(_decode(row[0])) if row else None
            if changed is not None:
                connection.execute(_CHANGE, (*_row(changed), execution_id))
        return changed

    def history(
        self, workflow: str | None = None, statuses: Sequence[JobStatus] = (), limit: int | None = None
    ) -> list[Execution]:
        """Executions, newest first."""
        clause, values = where(workflow=() if workflow is None else (workflow,), status=statuses)
        select = f"SELECT document FROM executions {clause} ORDER BY n DESC LIMIT ?"
        with self._database.read() as connection:
            rows = connection.execute(select, [*values, NO_LIMIT if limit is None else limit]).fetchall()
        return [_decode(row[0]) for row in rows]

    def show(self, execution_id: str) -> Execution | None:
        """One execution, or None."""
        with self._database.read() as connection:
            row = connection.execute(_SHOW, (execution_id,)).fetchone()
        return _decode(row[0]) if row else None

    def prune(self, before: dt.datetime, keep: int) -> int:
        """Forget old executions."""
        with self._database.write() as connection:
            return connection.execute(_PRUNE, {"before": micros(before), "keep": keep}).rowcount

    def close(self) -> None:
        """Give the file back."""
        self._database.close()


def _row(execution: Execution) -> tuple[JobStatus, int | None, bytes]:
    ended = execution.finished_at
    return execution.status, micros(parse(ended)) if ended else None, msgspec.json.encode(execution)
