"""How the local engine's stores share a file, and what they make of SQLite's errors."""

import sqlite3
import threading
from pathlib import Path

import pytest

from cloudpulse.engines.local.counters import SqliteCounters
from cloudpulse.engines.local.dead_letters import SqliteDeadLetters
from cloudpulse.engines.local.records import SqliteRecords
from cloudpulse.engines.local.sqlite import Database, connect
from cloudpulse.errors import StoreError
from cloudpulse.events.model import Position
from cloudpulse.ports import MinuteCount

SCHEMA = "CREATE TABLE IF NOT EXISTS numbers (value INTEGER PRIMARY KEY);"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "numbers.db"


def values(database: Database) -> list[int]:
    with database.read() as connection:
        return [row[0] for row in connection.execute("SELECT value FROM numbers ORDER BY value")]


def insert(database: Database, value: int, failing: bool = False) -> None:
    with database.write() as connection:
        connection.execute("INSERT INTO numbers VALUES (?)", (value,))
        if failing:
            raise TypeError


@pytest.mark.parametrize("secure_delete", [True, False])
def test_commits_survive_a_power_cut(path: Path, secure_delete: bool) -> None:
    """Guards mechanisms 2 and 15: a position must not go back behind what was trimmed."""
    connection = connect(path, secure_delete=secure_delete)
    pragmas = [connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("journal_mode", "synchronous")]
    assert pragmas == ["wal", 2]
    assert connection.execute("PRAGMA secure_delete").fetchone()[0] == secure_delete
    connection.close()


def test_a_block_that_raises_is_undone_and_the_next_one_works(path: Path) -> None:
    database = Database(path, SCHEMA)
    with pytest.raises(TypeError):
        insert(database, 1, failing=True)
    insert(database, 2)
    assert values(database) == [2]
    database.close()


def test_foreign_errors_become_ours_and_keep_their_cause(path: Path) -> None:
    database = Database(path, SCHEMA)
    insert(database, 1)
    with pytest.raises(StoreError, match=r"numbers\.db") as caught:
        insert(database, 1)
    assert isinstance(caught.value.__cause__, sqlite3.IntegrityError)
    database.close()
    with pytest.raises(StoreError):
        values(database)


def test_a_file_that_cannot_be_opened_is_a_store_error(path: Path) -> None:
    path.write_bytes(b"this is no database" * 100)
    with pytest.raises(StoreError):
        Database(path, SCHEMA)
    with pytest.raises(StoreError):
        Database(path / "below" / "a-file.db", SCHEMA)


def test_a_reader_sees_what_the_writer_committed_and_cannot_write(path: Path) -> None:
    reader, writer = Database(path, SCHEMA, read_only=True), Database(path, SCHEMA)
    assert values(reader) == []
    insert(writer, 1)
    assert values(reader) == [1]
    with pytest.raises(StoreError):
        insert(reader, 2)
    assert values(writer) == [1]
    reader.close()
    writer.close()


def test_a_read_sees_one_moment(path: Path) -> None:
    reader, writer = Database(path, SCHEMA, read_only=True), Database(path, SCHEMA)
    insert(writer, 1)
    with reader.read() as connection:
        counts = [connection.execute("SELECT count(*) FROM numbers").fetchone()[0]]
        insert(writer, 2)
        counts.append(connection.execute("SELECT count(*) FROM numbers").fetchone()[0])
    assert counts == [1, 1]
    assert values(reader) == [1, 2]
    reader.close()
    writer.close()


def test_threads_take_turns(path: Path) -> None:
    database = Database(path, SCHEMA)
    threads = [
        threading.Thread(target=lambda start=start: [insert(database, start + i) for i in range(25)])
        for start in (0, 100, 200, 300)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(values(database)) == 100
    database.close()


def test_what_is_deleted_from_the_records_leaves_no_trace(tmp_path: Path) -> None:
    path = tmp_path / "records.db"
    records = SqliteRecords(path)
    records.put("activity", {"a": "somebody-secret", "b": "else"})
    records.delete("activity", ["a"])
    records.close()
    assert b"somebody-secret" not in path.read_bytes()


def test_records_and_dead_letters_share_a_file_with_readers(tmp_path: Path) -> None:
    path = tmp_path / "records.db"
    reader, letters = SqliteRecords(path, read_only=True), SqliteDeadLetters(path)
    writer = SqliteRecords(path)
    writer.put("summary", {"a": 1})
    assert reader.get("summary", "a") == 1
    assert letters.list() == []
    with pytest.raises(StoreError):
        reader.put("summary", {"a": 2})
    for store in (reader, letters, writer):
        store.close()


def test_counters_are_there_after_a_restart_and_for_readers(tmp_path: Path) -> None:
    path = tmp_path / "counters.db"
    row, position = MinuteCount("shop", 100, "click", 2), Position("journal", 5)
    counters = SqliteCounters(path)
    counters.apply(None, position, [row], {})
    reader = SqliteCounters(path, read_only=True)
    assert reader.range(0, 1000).counts == [row]
    with pytest.raises(StoreError):
        reader.apply(position, Position("journal", 6), [row], {})
    reader.close()
    counters.close()
    again = SqliteCounters(path)
    assert (again.position(), again.range(0, 1000).counts) == (position, [row])
    again.close()
