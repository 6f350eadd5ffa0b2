"""The journal: one SQLite file that holds every accepted batch until both layers have it.

One process writes it (``SqliteEventLog``); any process reads it (``SqliteLogReader``) with statements that fetch and
end at once, for an open read transaction keeps the write-ahead log from being reset.
"""

import sqlite3
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from cloudpulse.engines.local.sqlite import Database
from cloudpulse.errors import DiskFull, LogTrimmed, StoreError
from cloudpulse.events.model import Batch, Count
from cloudpulse.ports import LogState

FILE_NAME = "journal.db"
TRIM_ROWS = 20
"""At most this many rows go with one commit: one large DELETE held up acknowledgements for 180 ms."""

# The small columns stand before the blobs: SQLite then reads digests without touching the pages of the lines.
_SCHEMA = """
CREATE TABLE IF NOT EXISTS journal (
    id INTEGER PRIMARY KEY CHECK (id = 1), uuid TEXT NOT NULL, trimmed INTEGER NOT NULL DEFAULT 0,
    accepted INTEGER NOT NULL DEFAULT 0, bytes INTEGER NOT NULL DEFAULT 0, last_received_at INTEGER NOT NULL DEFAULT 0);
CREATE TABLE IF NOT EXISTS batches (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, received_at INTEGER NOT NULL, events INTEGER NOT NULL,
    bytes INTEGER NOT NULL, redrive_of TEXT, digest BLOB NOT NULL, ids BLOB NOT NULL, lines BLOB NOT NULL);
-- What was decided on a dead letter, once and for ever: its next try, or 0 for a purged one.
CREATE TABLE IF NOT EXISTS redrives (redrive_of TEXT PRIMARY KEY, seq INTEGER NOT NULL) WITHOUT ROWID;
CREATE TRIGGER IF NOT EXISTS count_in AFTER INSERT ON batches BEGIN
    -- Another try of a batch accepts nothing new.
    UPDATE journal SET accepted = accepted + iif(new.redrive_of IS NULL, new.events, 0), bytes = bytes + new.bytes,
        last_received_at = max(last_received_at, new.received_at);
END;
CREATE TRIGGER IF NOT EXISTS count_out AFTER DELETE ON batches BEGIN
    UPDATE journal SET trimmed = max(trimmed, old.seq), bytes = bytes - old.bytes;
END;
"""
# A checkpoint syncs twice: 4,000 pages make it rare, and keep the file small enough to read back.
_PRAGMAS = "PRAGMA wal_autocheckpoint = 4000;"
_STATE = """
SELECT uuid, trimmed, accepted, bytes, last_received_at, (SELECT max(seq) FROM batches),
       (SELECT received_at FROM batches ORDER BY seq LIMIT 1) FROM journal
"""
_INSERT = (
    "INSERT INTO batches (received_at, events, bytes, redrive_of, digest, ids, lines) VALUES (?, ?, ?, ?, ?, ?, ?)"
)
_TRIM = "DELETE FROM batches WHERE seq IN (SELECT seq FROM batches WHERE seq <= ? ORDER BY seq LIMIT ?)"
_READ = """
SELECT seq, received_at, events, redrive_of, digest, ids, lines FROM batches WHERE seq > ? ORDER BY seq LIMIT ?
"""
_DIGESTS = """
SELECT seq, received_at, digest FROM batches
WHERE seq > ? AND (redrive_of IS NULL OR substr(redrive_of, 1, length(?2) + 1) = ?2 || ':') ORDER BY seq
"""
_DECIDED = "SELECT seq FROM redrives WHERE redrive_of = ?"
_DECIDE = "INSERT OR IGNORE INTO redrives VALUES (?, ?)"

_encode = msgspec.msgpack.Encoder().encode
_decode_digest = msgspec.msgpack.Decoder(tuple[Count, ...]).decode


class SqliteEventLog:
    """Port ``EventLog``; one process writes a journal."""

    def __init__(self, folder: Path) -> None:
        with _full_disk_told_apart():
            self._database = Database(folder / FILE_NAME, _PRAGMAS + _SCHEMA)
            with self._database.write() as connection:
                connection.execute("INSERT OR IGNORE INTO journal (id, uuid) VALUES (1, ?)", (str(uuid.uuid4()),))
        # Up to here nothing is left to drop; a commit that fails may have left something after all, which can wait.
        self._trimmed = 0

    def append(self, batch: Batch, trim_through: int = 0) -> int:
        """Write one batch, and in the same transaction drop a few batches up to ``trim_through``."""
        digest = _encode(batch.digest)
        size = len(digest) + len(batch.ids) + len(batch.lines)
        row = (batch.received_at, batch.events, size, batch.redrive_of, digest, batch.ids, batch.lines)
        if batch.redrive_of is None and trim_through <= self._trimmed:
            # Under load, each statement more makes this thread wait for the interpreter once more.
            with _full_disk_told_apart():
                return self._database.insert(_INSERT, row)
        with _full_disk_told_apart(), self._database.write() as connection:
            if (known := _decided(connection, batch.redrive_of)) is not None:
                return known
            seq = int(connection.execute(_INSERT, row).lastrowid or 0)
            if batch.redrive_of is not None:
                connection.execute(_DECIDE, (batch.redrive_of, seq))
            self._drop(connection, trim_through)
        return seq

    def trim(self, through: int) -> bool:
        """Drop a few batches up to ``through``; True when more of them may wait."""
        with _full_disk_told_apart(), self._database.write() as connection:
            return self._drop(connection, through)

    def purge(self, letter_id: str) -> bool:
        """Decide that a dead letter is never appended again; False when it was."""
        with _full_disk_told_apart(), self._database.write() as connection:
            connection.execute(_DECIDE, (letter_id, 0))
            return _decided(connection, letter_id) == 0

    def vacuum(self) -> None:
        """Write the file anew."""
        with _full_disk_told_apart():
            self._database.vacuum()

    def close(self) -> None:
        """Write the write-ahead log back and close."""
        self._database.close()

    def _drop(self, connection: sqlite3.Connection, through: int) -> bool:
        if through <= self._trimmed:
            return False
        dropped = connection.execute(_TRIM, (through, TRIM_ROWS)).rowcount
        self._trimmed = through if dropped < TRIM_ROWS else self._trimmed
        return dropped == TRIM_ROWS


class SqliteLogReader:
    """Port ``LogReader``; safe for many threads."""

    def __init__(self, folder: Path) -> None:
        self._database = Database(folder / FILE_NAME, _SCHEMA, read_only=True)

    def read(self, after: int, limit: int = 500, max_events: int = 50_000) -> list[Batch]:
        """Batches above ``after`` in order; stops once ``max_events`` are reached."""
        with self._database.read() as connection:
            _refuse_trimmed(connection, after)
            batches: list[Batch] = []
            for seq, received_at, events, redrive_of, digest, ids, lines in connection.execute(_READ, (after, limit)):
                batches.append(
                    Batch(
                        seq=seq,
                        received_at=received_at,
                        events=events,
                        redrive_of=redrive_of,
                        digest=_decode_digest(digest),
                        ids=ids,
                        lines=lines,
                    )
                )
                max_events -= events
                if max_events <= 0:
                    break
            return batches

    def digests(self, after: int, consumer: str | None) -> tuple[int, list[tuple[int, int, tuple[Count, ...]]]]:
        """The head and (seq, received_at, digest) of a consumer's batches above ``after``."""
        with self._database.read() as connection:
            trimmed = _refuse_trimmed(connection, after)
            rows = connection.execute(_DIGESTS, (after, consumer)).fetchall()
            head = connection.execute("SELECT max(seq) FROM batches").fetchone()[0]
        found = [(seq, received_at, _decode_digest(digest)) for seq, received_at, digest in rows]
        return max(head or 0, after, trimmed), found

    def redrives(self, letter_ids: Iterable[str]) -> dict[str, int]:
        """What was decided on dead letters."""
        with self._database.read() as connection:
            decided = {letter_id: _decided(connection, letter_id) for letter_id in letter_ids}
        return {letter_id: seq for letter_id, seq in decided.items() if seq is not None}

    def state(self) -> LogState:
        """Where the log stands; an empty journal id means that no writer has opened it yet."""
        with self._database.read() as connection:
            row = connection.execute(_STATE).fetchone() or ("", 0, 0, 0, 0, None, None)
        journal, trimmed, accepted, stored_bytes, last_received_at, head, oldest = row
        return LogState(
            journal=journal,
            head=head or trimmed,
            trimmed=trimmed,
            accepted=accepted,
            stored_bytes=stored_bytes,
            oldest_received_at=oldest,
            last_received_at=last_received_at,
        )

    def close(self) -> None:
        """Give the file back."""
        self._database.close()


def _decided(connection: sqlite3.Connection, letter_id: str | None) -> int | None:
    row = connection.execute(_DECIDED, (letter_id,)).fetchone()
    return int(row[0]) if row else None


def _refuse_trimmed(connection: sqlite3.Connection, after: int) -> int:
    row = connection.execute("SELECT trimmed FROM journal").fetchone()
    trimmed = int(row[0]) if row else 0
    if after < trimmed:
        raise LogTrimmed(f"the journal is trimmed up to {trimmed}; {after} was asked for")
    return trimmed


@contextmanager
def _full_disk_told_apart() -> Iterator[None]:
    try:
        yield
    except StoreError as exc:
        cause = exc.__cause__
        if isinstance(cause, sqlite3.Error) and cause.sqlite_errorname == "SQLITE_FULL":
            raise DiskFull("The disk is full: free some space; nothing of this request was kept.") from exc
        raise
