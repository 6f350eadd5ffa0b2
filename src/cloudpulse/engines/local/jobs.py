"""The line of jobs and their history in one SQLite table.

The api process writes requests and its own runs into the file, the pipeline all others, each in short transactions.
"""

import datetime as dt
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from cloudpulse.engines.local.sqlite import NO_LIMIT, Database, where
from cloudpulse.events.times import from_micros, micros, rfc3339
from cloudpulse.ports import JobRun, JobStatus

FILE_NAME = "jobs.db"

_SCHEMA = """
CREATE TABLE IF NOT EXISTS job_runs (
    n INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, name TEXT NOT NULL, status TEXT NOT NULL,
    arguments BLOB NOT NULL, requested_at INTEGER NOT NULL, scheduled_for INTEGER, started_at INTEGER,
    finished_at INTEGER, attempts INTEGER NOT NULL DEFAULT 0, result BLOB, error TEXT);
CREATE INDEX IF NOT EXISTS job_runs_by_name ON job_runs (name, status, n);
CREATE INDEX IF NOT EXISTS job_runs_by_status ON job_runs (status, n);
CREATE TABLE IF NOT EXISTS job_slots (name TEXT PRIMARY KEY, slot INTEGER NOT NULL) WITHOUT ROWID;
"""
_COLUMNS = "id, name, status, arguments, requested_at, scheduled_for, started_at, finished_at, attempts, result, error"
_REQUEST = (
    "INSERT INTO job_runs (id, name, status, arguments, requested_at, scheduled_for) VALUES (?, ?, 'waiting', ?, ?, ?)"
)
_WAITS = "SELECT 1 FROM job_runs WHERE name = ? AND status = 'waiting'"
_REMEMBER_SLOT = "INSERT OR REPLACE INTO job_slots VALUES (?, ?)"
_BEGIN = f"""
UPDATE job_runs SET status = 'running', attempts = attempts + 1, started_at = ifnull(started_at, :now)
WHERE id = :id AND status IN ('waiting', 'running') RETURNING {_COLUMNS}
"""
_FINISH = """
UPDATE job_runs SET status = :status, finished_at = :now, result = :result, error = :error
WHERE id = :id AND status IN ('waiting', 'running')
"""
_PRUNE = """
DELETE FROM job_runs WHERE status IN ('done', 'failed')
AND (finished_at < :before OR n <= (SELECT n FROM job_runs ORDER BY n DESC LIMIT 1 OFFSET :keep))
AND n NOT IN (SELECT max(n) FROM job_runs WHERE status = 'done' GROUP BY name)
"""


class SqliteJobs:
    """Port ``Jobs``."""

    def __init__(self, folder: Path) -> None:
        self._database = Database(folder / FILE_NAME, _SCHEMA, secure_delete=True)

    def request(self, name: str, arguments: Mapping[str, Any], now: dt.datetime) -> JobRun:
        """Put a run in line."""
        run_id = f"{name}-{uuid.uuid4().hex}"
        self._database.insert(_REQUEST, (run_id, name, msgspec.json.encode(arguments), micros(now), None))
        return JobRun(id=run_id, name=name, status="waiting", arguments=dict(arguments), requested_at=rfc3339(now))

    def schedule(self, name: str, slot: dt.datetime, now: dt.datetime) -> bool:
        """Put the run of a scheduled time in line, once."""
        with self._database.write() as connection:
            known = connection.execute("SELECT slot FROM job_slots WHERE name = ?", (name,)).fetchone()
            if known and known[0] >= micros(slot):
                return False
            connection.execute(_REMEMBER_SLOT, (name, micros(slot)))
            waits = connection.execute(_WAITS, (name,)).fetchone()
            if known is None or waits:
                return False
            run_id = f"{name}-{slot:%Y%m%dT%H%M%SZ}"
            connection.execute(_REQUEST, (run_id, name, b"{}", micros(now), micros(slot)))
            return True

    def begin(self, run_id: str, now: dt.datetime) -> JobRun | None:
        """Count another try of a run that has not ended."""
        with self._database.write() as connection:
            rows = connection.execute(_BEGIN, {"id": run_id, "now": micros(now)}).fetchall()
        return _run(rows[0]) if rows else None

    def finish(
        self, run_id: str, now: dt.datetime, result: Mapping[str, Any] | None = None, error: str | None = None
    ) -> None:
        """End a run, once."""
        values = {
            "id": run_id,
            "now": micros(now),
            "status": "done" if error is None else "failed",
            "result": None if result is None else msgspec.json.encode(result),
            "error": error,
        }
        with self._database.write() as connection:
            connection.execute(_FINISH, values)

    def history(
        self, name: str | None = None, statuses: Sequence[JobStatus] = (), limit: int | None = None
    ) -> list[JobRun]:
        """Runs, newest first."""
        clause, values = where(name=() if name is None else (name,), status=statuses)
        select = f"SELECT {_COLUMNS} FROM job_runs {clause} ORDER BY n DESC LIMIT ?"
        with self._database.read() as connection:
            rows = connection.execute(select, [*values, NO_LIMIT if limit is None else limit]).fetchall()
        return [_run(row) for row in rows]

    def show(self, run_id: str) -> JobRun | None:
        """One run, or None."""
        with self._database.read() as connection:
            row = connection.execute(f"SELECT {_COLUMNS} FROM job_runs WHERE id = ?", (run_id,)).fetchone()
        return _run(row) if row else None

    def prune(self, before: dt.datetime, keep: int) -> int:
        """Forget old runs."""
        with self._database.write() as connection:
            return connection.execute(_PRUNE, {"before": micros(before), "keep": keep}).rowcount

    def vacuum(self) -> None:
        """Leave no byte of what was deleted."""
        self._database.vacuum()

    def close(self) -> None:
        """Give the file back."""
        self._database.close()


def _run(row: tuple[Any, ...]) -> JobRun:
    run_id, name, status, arguments, requested_at, scheduled_for, started_at, finished_at, attempts, result, error = row
    return JobRun(
        id=run_id,
        name=name,
        status=status,
        arguments=msgspec.json.decode(arguments),
        requested_at=rfc3339(from_micros(requested_at)),
        scheduled_for=_moment(scheduled_for),
        started_at=_moment(started_at),
        finished_at=_moment(finished_at),
        seconds=None if started_at is None or finished_at is None else (finished_at - started_at) / 1e6,
        attempts=attempts,
        result=None if result is None else msgspec.json.decode(result),
        error=error,
    )


def _moment(value: int | None) -> str | None:
    return None if value is None else rfc3339(from_micros(value))
