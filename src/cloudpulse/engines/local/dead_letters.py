"""Batches that a consumer could not process, in one SQLite table."""

from pathlib import Path
from typing import Any

import msgspec

from cloudpulse.engines.local.sqlite import Database
from cloudpulse.events.model import Batch, Position
from cloudpulse.ports import DeadLetter

_SCHEMA = """
CREATE TABLE IF NOT EXISTS dead_letters (
    consumer TEXT NOT NULL, journal TEXT NOT NULL, seq INTEGER NOT NULL, parked_at INTEGER NOT NULL,
    attempts INTEGER NOT NULL, reason TEXT NOT NULL, batch BLOB NOT NULL, PRIMARY KEY (consumer, journal, seq));
"""
_PARK = "INSERT OR REPLACE INTO dead_letters VALUES (?, ?, ?, ?, ?, ?, ?)"
_LIST = """
SELECT * FROM dead_letters WHERE :consumer IS NULL OR consumer = :consumer ORDER BY parked_at, consumer, journal, seq
"""
_WHERE_ID = "FROM dead_letters WHERE consumer || ':' || journal || ':' || seq = ?"
_FORGET = "DELETE FROM dead_letters WHERE consumer = ?"
_FORGET_ABOVE = "DELETE FROM dead_letters WHERE consumer = ? AND journal = ? AND seq > ?"

_decode_batch = msgspec.msgpack.Decoder(Batch).decode


class SqliteDeadLetters:
    """Port ``DeadLetters``; one process writes a file, any may read it."""

    def __init__(self, path: Path, read_only: bool = False) -> None:
        self._database = Database(path, _SCHEMA, read_only, secure_delete=True)

    def park(self, letter: DeadLetter) -> None:
        """Keep a letter durably; parking the same one again replaces it."""
        where = (letter.consumer, letter.position.journal, letter.position.seq)
        row = (*where, letter.parked_at, letter.attempts, letter.reason, msgspec.msgpack.encode(letter.batch))
        with self._database.write() as connection:
            connection.execute(_PARK, row)

    def list(self, consumer: str | None = None) -> list[DeadLetter]:
        """All letters, oldest first."""
        with self._database.read() as connection:
            rows = connection.execute(_LIST, {"consumer": consumer}).fetchall()
        return [_letter(row) for row in rows]

    def show(self, letter_id: str) -> DeadLetter | None:
        """One letter, or None."""
        with self._database.read() as connection:
            row = connection.execute(f"SELECT * {_WHERE_ID}", (letter_id,)).fetchone()
        return _letter(row) if row else None

    def remove(self, letter_id: str) -> bool:
        """Forget one letter; False when there is none."""
        with self._database.write() as connection:
            return connection.execute(f"DELETE {_WHERE_ID}", (letter_id,)).rowcount > 0

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


def _letter(row: tuple[Any, ...]) -> DeadLetter:
    consumer, journal, seq, parked_at, attempts, reason, batch = row
    return DeadLetter(
        consumer=consumer,
        position=Position(journal, seq),
        parked_at=parked_at,
        attempts=attempts,
        reason=reason,
        batch=_decode_batch(batch),
    )
