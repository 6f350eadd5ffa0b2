"""How the local engine opens a SQLite file, and the transactions that threads share on one connection."""

import os
import sqlite3
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from cloudpulse.errors import StoreError

BUSY_TIMEOUT_SECONDS = 5.0
NO_LIMIT = -1
"""What LIMIT takes for all rows."""
EMPTY_TRIES = 10
EMPTY_PAUSE_SECONDS = 0.05


def keep_temporaries_in(folder: Path) -> None:
    """Have SQLite put large temporary files here instead of on the disk of the system; before it makes the first."""
    folder.mkdir(parents=True, exist_ok=True)
    os.environ["SQLITE_TMPDIR"] = str(folder)


def connect(path: Path, secure_delete: bool = False) -> sqlite3.Connection:
    """Open a file in WAL mode whose commits survive a power cut; transactions are begun by hand.

    ``secure_delete`` overwrites what is deleted. Foreign errors are not translated here (see ``Database``).
    """
    connection = sqlite3.connect(path, BUSY_TIMEOUT_SECONDS, isolation_level=None, check_same_thread=False)
    try:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute(f"PRAGMA secure_delete = {'ON' if secure_delete else 'OFF'}")
    except sqlite3.Error:
        connection.close()
        raise
    return connection


def where(**wanted: Sequence[str]) -> tuple[str, list[str]]:
    """A WHERE clause and its values: each column must have one of its values; one with none may have any."""
    conditions = [f"{column} IN ({', '.join('?' for _ in values)})" for column, values in wanted.items() if values]
    values = [value for some in wanted.values() for value in some]
    return (f"WHERE {' AND '.join(conditions)}" if conditions else ""), values


@contextmanager
def _translated(path: Path) -> Iterator[None]:
    """Turn errors of SQLite into ``StoreError``; the first stays its ``__cause__``."""
    try:
        yield
    except sqlite3.Error as exc:
        raise StoreError(f"{path.name} could not be read or written: {exc}") from exc


class Database:
    """One file and one connection, which the threads of a process use in turn.

    The process that comes first lays the tables, reader or not: a reader that starts before the writer finds them
    empty instead of missing.
    """

    def __init__(self, path: Path, schema: str, read_only: bool = False, secure_delete: bool = False) -> None:
        self._path = path
        self._turn = threading.Lock()
        with _translated(path):
            self._connection = connect(path, secure_delete=secure_delete)
            self._connection.executescript(schema)
            if read_only:
                self._connection.execute("PRAGMA query_only = ON")

    @contextmanager
    def read(self) -> Iterator[sqlite3.Connection]:
        """A read transaction: all statements in it see one moment."""
        with self._transaction("BEGIN") as connection:
            yield connection

    @contextmanager
    def write(self) -> Iterator[sqlite3.Connection]:
        """A write transaction: durable when the block ends, undone when it raises."""
        with self._transaction("BEGIN IMMEDIATE") as connection:
            yield connection

    def insert(self, statement: str, values: Sequence[Any]) -> int:
        """Run one statement that is a transaction by itself, durable on return; gives the new row's id."""
        with self._turn, _translated(self._path):
            return self._connection.execute(statement, values).lastrowid or 0

    def empty_log(self) -> bool:
        """Bring all that was written into the file itself, and keep no copy of it in the write-ahead log.

        While somebody reads, nothing happens, and the answer is False.
        """
        with self._turn, _translated(self._path):
            busy, _, _ = self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        return not busy

    def vacuum(self) -> None:
        """Write the file anew, and empty its log: nothing is left in them of what was deleted.

        Overwriting what is deleted is not enough: a page that was divided or merged keeps copies of rows that have
        moved. Raises ``StoreError`` when somebody reads or writes all the time.
        """
        with self._turn, _translated(self._path):
            self._connection.execute("VACUUM")
        for _ in range(EMPTY_TRIES):
            if self.empty_log():
                return
            time.sleep(EMPTY_PAUSE_SECONDS)
        raise StoreError(f"{self._path.name} is in use all the time: its log could not be emptied.")

    @contextmanager
    def _transaction(self, begin: str) -> Iterator[sqlite3.Connection]:
        with self._turn, _translated(self._path):
            self._connection.execute(begin)
            try:
                yield self._connection
                self._connection.execute("COMMIT")
            except BaseException:
                # A full disk has ended the transaction already.
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise

    def close(self) -> None:
        """Give the file back."""
        with self._turn:
            self._connection.close()


def copy_database(source: Path, target: Path) -> None:
    """Copy a file that may be in use, as it is at one moment and without what was deleted from it.

    Through SQLite alone: a process that opens a database as a plain file ends its own locks on it when it closes it.
    """
    with _translated(source), closing(connect(source)) as connection:
        connection.execute("VACUUM INTO ?", (str(target),))
