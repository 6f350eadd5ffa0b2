"""What a consumer could not process, in one SQLite table of the file that holds the records."""

import sqlite3
from pathlib import Path

import msgspec

from cloudpulse.engines.local.records import SCHEMA as RECORDS
from cloudpulse.engines.local.sqlite import Database
from cloudpulse.events.model import Batch, Position
from cloudpulse.ports import DeadLetter

# The letter stands before its events: a list then reads no page of theirs.
_SCHEMA = """
CREATE TABLE IF NOT EXISTS letters (
    id TEXT PRIMARY KEY, consumer TEXT NOT NULL, journal TEXT NOT NULL, seq INTEGER NOT NULL,
    parked_at INTEGER NOT NULL, letter BLOB NOT NULL, batch BLOB NOT NULL);
"""
_PARK = "INSERT OR REPLACE INTO letters VALUES (?, ?, ?, ?, ?, ?, ?)"
_LIST = """
SELECT letter FROM letters WHERE :consumer IS NULL OR consumer = :consumer
ORDER BY parked_at, consumer, journal, seq
"""
_SHOW = "SELECT letter FROM letters WHERE id = ?"
_BATCH = "SELECT batch FROM letters WHERE id = ?"
_REMOVE = "DELETE FROM letters WHERE id = ?"
_FORGET = "DELETE FROM letters WHERE consumer = ?"
_FORGET_ABOVE = "DELETE FROM letters WHERE consumer = ? AND journal = ? AND seq > ?"
_MOVED = "SELECT document FROM records WHERE kind = 'ledger' AND key = ?"
_MOVE = "INSERT OR REPLACE INTO records VALUES ('ledger', ?, ?)"

_decode_letter = msgspec.msgpack.Decoder(DeadLetter).decode
_decode_batch = msgspec.msgpack.Decoder(Batch).decode


class SqliteDeadLetters:
    """Port ``DeadLetters``; one process writes a file, any may read it."""

    def __init__(self, path: Path, read_only: bool = False) -> None:
        self._database = Database(path, RECORDS + _SCHEMA, read_only, secure_delete=True)

    def park(self, letter: DeadLetter, batch: Batch) -> None:
        """Keep a letter and its events durably; parking the same one again replaces it."""
        with self._database.write() as connection:
            connection.execute(_PARK, _row(letter, batch))

    def list(self, consumer: str | None = None) -> list[DeadLetter]:
        """All letters, oldest first."""
        with self._database.read() as connection:
            rows = connection.execute(_LIST, {"consumer": consumer}).fetchall()
        return [_decode_letter(letter) for (letter,) in rows]

    def show(self, letter_id: str) -> DeadLetter | None:
        """One letter, or None."""
        with self._database.read() as connection:
            return _find(connection, letter_id)

    def batch(self, letter_id: str) -> Batch | None:
        """The events of one letter, or None."""
        with self._database.read() as connection:
            row = connection.execute(_BATCH, (letter_id,)).fetchone()
        return _decode_batch(row[0]) if row else None

    def remove(self, letter_id: str, place: str | None = None) -> bool:
        """Forget one letter, and count its events at ``place`` in the same transaction; False when there is none."""
        with self._database.write() as connection:
            letter = _find(connection, letter_id)
            if letter is not None and place is not None:
                _move(connection, f"{place}:{letter.position.journal}", letter.events)
            return connection.execute(_REMOVE, (letter_id,)).rowcount > 0

    def shorten(self, letter_id: str, batch: Batch, place: str | None = None) -> bool:
        """Leave a letter the events of ``batch`` alone, and count the others at ``place`` in the same transaction."""
        with self._database.write() as connection:
            letter = _find(connection, letter_id)
            if letter is None:
                return False
            if place is not None:
                _move(connection, f"{place}:{letter.position.journal}", letter.events - batch.events)
            connection.execute(_PARK, _row(msgspec.structs.replace(letter, events=batch.events), batch))
            return True

    def forget_above(self, consumer: str, position: Position | None) -> int:
        """Forget the letters of this consumer above its position; all of them when it has none yet.

        Letters of another journal stay: no log delivers them again.
        """
        with self._database.write() as connection:
            if position is None:
                return connection.execute(_FORGET, (consumer,)).rowcount
            return connection.execute(_FORGET_ABOVE, (consumer, position.journal, position.seq)).rowcount

    def close(self) -> None:
        """Give the file back."""
        self._database.close()


def _row(letter: DeadLetter, batch: Batch) -> tuple[str | int | bytes, ...]:
    where = (letter.id, letter.consumer, letter.position.journal, letter.position.seq, letter.parked_at)
    return (*where, msgspec.msgpack.encode(letter), msgspec.msgpack.encode(batch))


def _find(connection: sqlite3.Connection, letter_id: str) -> DeadLetter | None:
    row = connection.execute(_SHOW, (letter_id,)).fetchone()
    return _decode_letter(row[0]) if row else None


def _move(connection: sqlite3.Connection, key: str, events: int) -> None:
    row = connection.execute(_MOVED, (key,)).fetchone()
    before = msgspec.json.decode(row[0])["events"] if row else 0
    connection.execute(_MOVE, (key, msgspec.json.encode({"events": before + events})))
