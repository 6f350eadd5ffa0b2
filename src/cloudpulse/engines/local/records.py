"""Small JSON documents in one SQLite table."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import msgspec

from cloudpulse.engines.local.sqlite import NO_LIMIT, Database

SCHEMA = """
CREATE TABLE IF NOT EXISTS records (
    kind TEXT NOT NULL, key TEXT NOT NULL, document BLOB NOT NULL, PRIMARY KEY (kind, key)) WITHOUT ROWID;
"""
_PUT = "INSERT OR REPLACE INTO records VALUES (?, ?, ?)"
_GET = "SELECT document FROM records WHERE kind = ? AND key = ?"
_LIST = """
SELECT key, document FROM records
WHERE kind = :kind AND key >= :start AND (:end IS NULL OR key < :end) ORDER BY key LIMIT :limit
"""
_DELETE = "DELETE FROM records WHERE kind = ? AND key = ?"


class SqliteRecords:
    """Port ``Records``; one process writes a file, any may read it."""

    def __init__(self, path: Path, read_only: bool = False) -> None:
        self._database = Database(path, SCHEMA, read_only, secure_delete=True)

    def put(self, kind: str, documents: Mapping[str, Any]) -> None:
        """Write documents, all or none."""
        rows = [(kind, key, msgspec.json.encode(document)) for key, document in documents.items()]
        with self._database.write() as connection:
            connection.executemany(_PUT, rows)

    def get(self, kind: str, key: str) -> Any | None:
        """One document, or None."""
        with self._database.read() as connection:
            row = connection.execute(_GET, (kind, key)).fetchone()
        return msgspec.json.decode(row[0]) if row else None

    def list(
        self, kind: str, start: str = "", end: str | None = None, limit: int | None = None
    ) -> list[tuple[str, Any]]:
        """(key, document) with ``start`` <= key < ``end``, in key order."""
        bounds = {"kind": kind, "start": start, "end": end, "limit": NO_LIMIT if limit is None else limit}
        with self._database.read() as connection:
            rows = connection.execute(_LIST, bounds).fetchall()
        return [(key, msgspec.json.decode(document)) for key, document in rows]

    def delete(self, kind: str, keys: Iterable[str]) -> int:
        """Remove documents, all or none; returns how many were there."""
        with self._database.write() as connection:
            return connection.executemany(_DELETE, [(kind, key) for key in keys]).rowcount

    def exchange(self, removed: Mapping[str, Iterable[str]], documents: Mapping[str, Mapping[str, Any]]) -> None:
        """Remove documents and write others, all or none."""
        gone = [(kind, key) for kind, keys in removed.items() for key in keys]
        rows = [
            (kind, key, msgspec.json.encode(document))
            for kind, group in documents.items()
            for key, document in group.items()
        ]
        with self._database.write() as connection:
            connection.executemany(_DELETE, gone)
            connection.executemany(_PUT, rows)

    def vacuum(self) -> None:
        """Leave no byte of what was deleted."""
        self._database.vacuum()

    def close(self) -> None:
        """Give the file back."""
        self._database.close()
