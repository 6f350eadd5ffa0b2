"""Secrets in one SQLite file that only its owner can read."""

import os
import secrets as random
from contextlib import suppress
from pathlib import Path

from cloudpulse.engines.local.sqlite import Database
from cloudpulse.ports import SecretVersion

SCHEMA = """
CREATE TABLE IF NOT EXISTS secret_version (
    name TEXT NOT NULL,
    version TEXT NOT NULL PRIMARY KEY,
    value TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    expires_at INTEGER
) WITHOUT ROWID;
CREATE UNIQUE INDEX IF NOT EXISTS current_version ON secret_version (name) WHERE expires_at IS NULL;
CREATE INDEX IF NOT EXISTS by_name ON secret_version (name);
"""
NAMES = "SELECT name FROM secret_version WHERE expires_at IS NULL AND substr(name, 1, length(?1)) = ?1 ORDER BY name"
VERSIONS = """
SELECT version, value, created_at, expires_at FROM secret_version
WHERE name = ? AND (expires_at IS NULL OR expires_at > ?)
ORDER BY expires_at IS NOT NULL, expires_at DESC
"""
RETIRE = "UPDATE secret_version SET expires_at = ?1 WHERE name = ?2 AND (expires_at IS NULL OR expires_at > ?1)"
INSERT = "INSERT INTO secret_version (name, version, value, created_at) VALUES (?, ?, ?, ?)"
DELETE_OLDER = "DELETE FROM secret_version WHERE name = ? AND expires_at IS NOT NULL"
DELETE_ENDED = "DELETE FROM secret_version WHERE name = ? AND expires_at <= ?"
EXPIRE = "DELETE FROM secret_version WHERE expires_at <= ?"
AMEND = "UPDATE secret_version SET value = ? WHERE name = ? AND expires_at IS NULL"
DELETE = "DELETE FROM secret_version WHERE name = ?"


class SqliteSecrets:
    """The port ``Secrets``; deleted values are overwritten in the file, and gone from its log with ``expire``."""

    def __init__(self, path: Path) -> None:
        _make_private(path)
        self._database = Database(path, SCHEMA, secure_delete=True)

    def names(self, prefix: str = "") -> list[str]:
        """Names that begin with ``prefix``, sorted."""
        with self._database.read() as connection:
            return [name for (name,) in connection.execute(NAMES, (prefix,))]

    def versions(self, name: str, now: int) -> list[SecretVersion]:
        """The valid versions, the current one first; empty when there is none."""
        with self._database.read() as connection:
            rows = connection.execute(VERSIONS, (name, now)).fetchall()
        return [
            SecretVersion(version=version, value=value, created_at=created_at, expires_at=expires_at)
            for version, value, created_at, expires_at in rows
        ]

    def put(
        self, name: str, value: str, now: int, keep_previous_seconds: int = 0, end_older: bool = False
    ) -> SecretVersion:
        """Make ``value`` the current version; those before stay valid for ``keep_previous_seconds`` at most."""
        secret = SecretVersion(version=random.token_hex(8), value=value, created_at=now)
        with self._database.write() as connection:
            if end_older:
                connection.execute(DELETE_OLDER, (name,))
            connection.execute(RETIRE, (now + keep_previous_seconds, name))
            connection.execute(DELETE_ENDED, (name, now))
            connection.execute(INSERT, (name, secret.version, value, now))
        return secret

    def amend(self, name: str, value: str) -> bool:
        """Change the value of the current version and nothing else; False when there is none."""
        with self._database.write() as connection:
            return connection.execute(AMEND, (value, name)).rowcount > 0

    def remove(self, name: str) -> bool:
        """Forget all versions; False when there were none."""
        with self._database.write() as connection:
            return connection.execute(DELETE, (name,)).rowcount > 0

    def expire(self, now: int) -> int:
        """Forget the versions of all names that have ended; returns how many there were."""
        with self._database.write() as connection:
            ended = connection.execute(EXPIRE, (now,)).rowcount
        self._database.empty_log()  # it holds what was there before, also what was removed or amended long ago
        return ended

    def close(self) -> None:
        """Give the file back."""
        self._database.close()


def _make_private(path: Path) -> None:
    # SQLite gives -wal and -shm the mode of the file itself, so creating this one before SQLite does is enough.
    # One that exists must not be opened here: closing it would end all locks of this process on it (POSIX), and
    # another process would take itself for the last one and remove the write-ahead log that this one goes on writing.
    with suppress(FileExistsError):
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
    path.chmod(0o600)
