"""What a crash, another journal or a lost folder does to the index in RocksDB, and how it comes back."""

import shutil
import subprocess
import sys
import time
import uuid

import msgspec
import pytest

from cloudpulse.engines.local.dead_letters import SqliteDeadLetters
from cloudpulse.engines.local.event_log import SqliteEventLog, SqliteLogReader
from cloudpulse.engines.local.id_index import FOLDER_NAME, RocksIdIndex
from cloudpulse.engines.local.records import SqliteRecords
from cloudpulse.errors import StoreError
from cloudpulse.events import codec
from cloudpulse.events.model import Batch, Position
from cloudpulse.ingest.rebuild import bring_up
from cloudpulse.lake import bronze
from cloudpulse.ports import DeadLetter

WINDOW = 7 * 86_400
NOW = int(time.time())
STORED_AT = (NOW + 1) * 1_000_000


def key(number: int) -> bytes:
    return uuid.UUID(int=number).bytes


def line(number: int) -> bytes:
    event = b'{"received_at":"%s","client_id":"c","app":"a","event_id":"%s","event_type":"click","session_id":"s",'
    moment = time.strftime("%Y-%m-%dT%H:%M:%S.000000Z", time.gmtime(NOW)).encode()
    return event % (moment, str(uuid.UUID(int=number)).encode()) + b'"source":"web"}'


def batch(*numbers: int) -> Batch:
    return Batch(
        received_at=NOW * 1_000_000,
        events=len(numbers),
        digest=(),
        ids=b"".join(codec.pack_id(key(number), number.to_bytes(8, "big"), "click") for number in numbers),
        lines=codec.pack_lines([line(number) for number in numbers]),
    )


def known(index, *numbers: int) -> list[bool]:
    return [entry is not None for entry in index.lookup([key(number) for number in numbers], NOW)]


@pytest.fixture
def journal(tmp_path):
    log, reader = SqliteEventLog(tmp_path), SqliteLogReader(tmp_path)
    yield log, reader
    log.close()
    reader.close()


@pytest.fixture
def letters(tmp_path):
    letters = SqliteDeadLetters(tmp_path / "records.db")
    yield letters
    letters.close()


@pytest.fixture
def records(tmp_path):
    records = SqliteRecords(tmp_path / "records.db")
    yield records
    records.close()


def test_an_index_that_was_closed_has_all(tmp_path):
    index = RocksIdIndex(tmp_path, "journal", WINDOW)
    index.record(msgspec.structs.replace(batch(1), seq=1))
    index.close()
    again = RocksIdIndex(tmp_path, "journal", WINDOW)
    assert (again.through(), again.flush(), known(again, 1, 2)) == (1, 1, [True, False])
    again.close()


def test_the_place_in_another_journal_does_not_count(tmp_path, journal, records, letters):
    """Guards mechanisms 2 and 3: a new journal begins at 1, and none of it may be passed over."""
    index = RocksIdIndex(tmp_path, "another", WINDOW)
    for seq in range(1, 6):
        index.record(Batch(seq=seq, received_at=NOW * 1_000_000, events=1, digest=(), ids=batch(seq).ids, lines=b""))
    index.close()
    log, reader = journal
    log.append(batch(11))
    index = RocksIdIndex(tmp_path, reader.state().journal, WINDOW)
    assert index.through() == 0
    bring_up(index, reader, records, letters, tmp_path, NOW - WINDOW)
    assert (index.through(), known(index, 11, 1)) == (1, [True, True])
    index.close()


def test_an_index_ahead_of_the_journal_passes_nothing_over(tmp_path, journal, records, letters):
    """Guards mechanism 2: an older copy of the journal gives its numbers out again."""
    log, reader = journal
    log.append(batch(1))
    index = RocksIdIndex(tmp_path, reader.state().journal, WINDOW)
    for seq in range(1, 6):
        index.record(msgspec.structs.replace(batch(seq), seq=seq))
    log.append(batch(12))
    bring_up(index, reader, records, letters, tmp_path, NOW - WINDOW)
    assert (index.through(), known(index, 1, 12)) == (2, [True, True])
    log.append(batch(13))
    index.record(msgspec.structs.replace(batch(13), seq=3))
    assert known(index, 13) == [True]
    index.close()


KILLED = """
import os, signal, sys, time
from pathlib import Path
from cloudpulse.engines.local.dead_letters import SqliteDeadLetters
from cloudpulse.engines.local.event_log import SqliteEventLog, SqliteLogReader
from cloudpulse.engines.local.id_index import RocksIdIndex
from cloudpulse.events.model import Batch, Position
sys.path.insert(0, sys.argv[2])
from test_local_id_index import WINDOW, batch
import msgspec
folder = Path(sys.argv[1])
log = SqliteEventLog(folder)
index = RocksIdIndex(folder, SqliteLogReader(folder).state().journal, WINDOW)
for number in range(1, 31):
    one = batch(number)
    index.record(msgspec.structs.replace(one, seq=log.append(one)))
    if number == 10:
        assert index.flush() == 10
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_what_a_kill_takes_from_the_index_the_journal_gives_again(tmp_path, records, letters, request):
    """Guards mechanism 3: ``through`` and the ids travel in one write, and a start replays what lies above."""
    here = str(request.path.parent)
    done = subprocess.run([sys.executable, "-c", KILLED, str(tmp_path), here], check=False, timeout=60)
    assert done.returncode == -9
    reader = SqliteLogReader(tmp_path)
    index = RocksIdIndex(tmp_path, reader.state().journal, WINDOW)
    through = index.through()
    assert 10 <= through <= 30
    assert known(index, *range(1, 31)) == [number <= through for number in range(1, 31)]
    bring_up(index, reader, records, letters, tmp_path, NOW - WINDOW)
    assert index.through() == 30
    assert all(known(index, *range(1, 31)))
    index.close()
    reader.close()


class Refusing:
    """RocksDB on a full disk."""

    def __init__(self, inner):
        self._inner = inner

    def __getattr__(self, name):
        return getattr(self._inner, name)

    def __setitem__(self, key, value):
        self._inner[key] = value

    def write(self, batch):
        raise OSError("No space left on device")


def test_a_write_that_fails_moves_nothing(tmp_path, monkeypatch):
    """Guards mechanisms 3 and 6: ids and ``through`` are one write, and what failed is recorded later."""
    index = RocksIdIndex(tmp_path, "journal", WINDOW)
    one = msgspec.structs.replace(batch(1), seq=1)
    with monkeypatch.context() as patched:
        patched.setattr(index, "_db", Refusing(index._db))
        with pytest.raises(StoreError, match="cannot be written"):
            index.record(one)
        assert index.through() == 0
    index.close()
    again = RocksIdIndex(tmp_path, "journal", WINDOW)
    assert (again.through(), known(again, 1)) == (0, [False])
    again.record(one)
    assert (again.through(), known(again, 1)) == (1, [True])
    again.close()


def test_a_lost_index_is_rebuilt_from_bronze_and_journal(tmp_path, journal, records, letters):
    """Guards mechanism 3: the journal no longer has what is trimmed."""
    log, reader = journal
    numbers = [log.append(batch(number, number + 100)) for number in range(1, 5)]
    uuid_text = reader.state().journal
    rows = reader.read(0)
    file = bronze.BronzeFile(
        path="bronze/one.ndjson.zst", journal=uuid_text, first=1, last=3, min_ts=0, max_ts=0, n=6, stored_at=STORED_AT
    )
    bronze.settle(records, [bronze.write(tmp_path, file, rows[:3])])
    log.trim(3)
    assert not (tmp_path / FOLDER_NAME).exists()
    index = RocksIdIndex(tmp_path, uuid_text, WINDOW)
    bring_up(index, reader, records, letters, tmp_path, NOW - WINDOW)
    assert index.through() == numbers[-1]
    assert all(known(index, 1, 2, 3, 4, 101, 102, 103, 104))
    assert index.lookup([key(1)], NOW)[0].payload_hash != (1).to_bytes(8, "big"), "computed from the line"
    index.close()


def test_a_lost_index_knows_what_is_set_aside(tmp_path, journal, records, letters):
    """Guards mechanism 17: dead letters are in no bronze object, be they whole batches or parts of stored ones."""
    log, reader = journal
    for number in range(1, 4):
        log.append(batch(number, number + 100))
    journal_id = reader.state().journal
    rows = reader.read(0)
    stored = [msgspec.structs.replace(rows[0], lines=batch(1).lines), rows[2]]
    file = bronze.BronzeFile(
        path="bronze/one.ndjson.zst", journal=journal_id, first=1, last=1, min_ts=0, max_ts=0, n=1, stored_at=STORED_AT
    )
    bronze.settle(records, [bronze.write(tmp_path, file, stored[:1])])
    letters.park(letter(Position(journal_id, 1)), batch(101))
    letters.park(letter(Position(journal_id, 2)), rows[1])
    log.trim(2)
    index = RocksIdIndex(tmp_path, journal_id, WINDOW)
    bring_up(index, reader, records, letters, tmp_path, NOW - WINDOW)
    found = index.lookup([key(number) for number in (1, 101, 2, 102, 3)], NOW)
    assert [entry.seq for entry in found] == [1, 1, 2, 2, 3]
    index.close()


def letter(position: Position) -> DeadLetter:
    return DeadLetter(
        consumer="lake",
        position=position,
        events=1,
        parked_at=1,
        attempts=3,
        failed_at=(),
        fingerprint="",
        reason="",
        stack="",
    )


def test_bronze_older_than_the_window_is_passed_over(tmp_path, journal, records, letters):
    log, reader = journal
    log.append(batch(1))
    journal_id = reader.state().journal
    file = bronze.BronzeFile(
        path="bronze/one.ndjson.zst", journal=journal_id, first=1, last=1, min_ts=0, max_ts=0, n=1, stored_at=STORED_AT
    )
    bronze.settle(records, [bronze.write(tmp_path, file, reader.read(0))])
    log.trim(1)
    index = RocksIdIndex(tmp_path, journal_id, WINDOW)
    bring_up(index, reader, records, letters, tmp_path, NOW + 1)
    assert index.through() == 0
    bring_up(index, reader, records, letters, tmp_path, NOW)
    assert (index.through(), known(index, 1)) == (1, [True])
    index.close()


def test_a_folder_that_cannot_be_opened(tmp_path):
    (tmp_path / FOLDER_NAME).write_text("in the way")
    with pytest.raises(StoreError, match="cannot be opened"):
        RocksIdIndex(tmp_path, "journal", WINDOW)
    shutil.rmtree(tmp_path)
