"""Live per-minute counters, session sketches and the checkpoint behind them, in one SQLite file."""

import sqlite3
from collections.abc import Iterable, Mapping
from pathlib import Path

from cloudpulse.engines.local.sqlite import Database
from cloudpulse.events import sketch
from cloudpulse.events.model import Position
from cloudpulse.ports import LiveCounts, MinuteCount

_SCHEMA = """
CREATE TABLE IF NOT EXISTS counts (
    minute INTEGER NOT NULL, app TEXT NOT NULL, event_type TEXT NOT NULL, events INTEGER NOT NULL,
    PRIMARY KEY (minute, app, event_type)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS sessions (
    minute INTEGER NOT NULL, app TEXT NOT NULL, sketch BLOB NOT NULL, PRIMARY KEY (minute, app));
CREATE TABLE IF NOT EXISTS checkpoint (
    id INTEGER PRIMARY KEY CHECK (id = 1), journal TEXT NOT NULL, seq INTEGER NOT NULL);
"""
_POSITION = "SELECT journal, seq FROM checkpoint"
_MOVE = "INSERT OR REPLACE INTO checkpoint VALUES (1, ?, ?)"
_ADD = """
INSERT INTO counts VALUES (?, ?, ?, ?)
ON CONFLICT (minute, app, event_type) DO UPDATE SET events = events + excluded.events
"""
_STORED_SKETCH = "SELECT sketch FROM sessions WHERE minute = ? AND app = ?"
_PUT_SKETCH = "INSERT OR REPLACE INTO sessions VALUES (?, ?, ?)"
_COUNTS = """
SELECT app, minute, event_type, events FROM counts WHERE minute BETWEEN ? AND ? ORDER BY minute, app, event_type
"""
_SKETCHES = "SELECT app, minute, sketch FROM sessions WHERE minute BETWEEN ? AND ? ORDER BY minute, app"


class SqliteCounters:
    """Port ``Counters``; one process writes a file, any may read it."""

    def __init__(self, path: Path, read_only: bool = False) -> None:
        self._database = Database(path, _SCHEMA, read_only)

    def position(self) -> Position | None:
        """How far the counters have come; None when they are new."""
        with self._database.read() as connection:
            return _position(connection)

    def apply(
        self,
        expected: Position | None,
        position: Position,
        counts: Iterable[MinuteCount],
        sessions: Mapping[tuple[str, int], bytes],
    ) -> bool:
        """Add counts, merge sketches and move the checkpoint in one transaction."""
        with self._database.write() as connection:
            if _position(connection) != expected:
                return False
            _add(connection, counts)
            for (app, minute), fresh in sessions.items():
                _merge(connection, app, minute, fresh)
            connection.execute(_MOVE, (position.journal, position.seq))
            return True

    def range(self, first_minute: int, last_minute: int, with_sessions: bool = True) -> LiveCounts:
        """Counters and sketches of the minutes from first to last, with the position, in one read transaction."""
        minutes = (first_minute, last_minute)
        with self._database.read() as connection:
            position = _position(connection)
            counts = connection.execute(_COUNTS, minutes).fetchall()
            sessions = connection.execute(_SKETCHES, minutes).fetchall() if with_sessions else []
        return LiveCounts(position, [MinuteCount(*row) for row in counts], sessions)

    def replace(
        self,
        position: Position,
        first_minute: int,
        last_minute: int,
        counts: Iterable[MinuteCount],
        sessions: Mapping[tuple[str, int], bytes],
    ) -> bool:
        """Set counters and sketches of a range of minutes in one transaction."""
        with self._database.write() as connection:
            if _position(connection) != position:
                return False
            for table in ("counts", "sessions"):
                connection.execute(f"DELETE FROM {table} WHERE minute BETWEEN ? AND ?", (first_minute, last_minute))
            _add(connection, counts)
            rows = ((minute, app, body) for (app, minute), body in sessions.items())
            connection.executemany(_PUT_SKETCH, rows)
            return True

    def expire(self, before_minute: int) -> int:
        """Remove minutes before this one; returns how many rows went."""
        with self._database.write() as connection:
            return sum(
                connection.execute(f"DELETE FROM {table} WHERE minute < ?", (before_minute,)).rowcount
                for table in ("counts", "sessions")
            )

    def close(self) -> None:
        """Give the file back."""
        self._database.close()


def _position(connection: sqlite3.Connection) -> Position | None:
    row = connection.execute(_POSITION).fetchone()
    return Position(*row) if row else None


def _add(connection: sqlite3.Connection, counts: Iterable[MinuteCount]) -> None:
    connection.executemany(_ADD, ((count.minute, count.app, count.event_type, count.events) for count in counts))


def _merge(connection: sqlite3.Connection, app: str, minute: int, fresh: bytes) -> None:
    stored = connection.execute(_STORED_SKETCH, (minute, app)).fetchone()
    merged = sketch.union((stored[0], fresh)) if stored else fresh
    connection.execute(_PUT_SKETCH, (minute, app, merged))
