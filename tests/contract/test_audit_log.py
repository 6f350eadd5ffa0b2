"""What every implementation of ``AuditLog`` promises, and what its file does."""

import errno
import multiprocessing
import os
import threading
from pathlib import Path

import msgspec
import pytest

from cloudpulse.engines.local.audit_log import FileAuditLog
from cloudpulse.errors import StoreError
from cloudpulse.ports import AuditEntry

WRITERS = 4
ENTRIES = 60


def entry(number: int = 0, actor: str = "client/ab12", at: str = "2026-11-20T14:00:00Z") -> AuditEntry:
    return AuditEntry(at=at, actor=actor, action="client_removed", subject=f"client/{number}", request_id="r")


def entries(path: Path) -> list[AuditEntry]:
    return [msgspec.json.decode(line, type=AuditEntry) for line in path.read_bytes().splitlines()]


def write_in_pieces(descriptor: int, content: bytes, write=os.write) -> int:
    return write(descriptor, content[:7])


def write_many(path: Path, actor: str) -> None:
    os.write = write_in_pieces
    log = FileAuditLog(path)
    for number in range(ENTRIES):
        log.append(entry(number, actor, f"2026-{9 + 3 * number // ENTRIES:02}-01T00:00:00Z"))


def test_entries_stand_in_order_as_they_were_given(audit):
    written, log = [entry(number) for number in range(5)], audit.open()
    for one in written:
        log.append(one)
    assert [msgspec.json.decode(line, type=AuditEntry) for line in audit.read()] == written


def test_what_stands_there_is_never_changed(audit):
    before, log = [], audit.open()
    for number in range(5):
        log.append(entry(number))
        now = audit.read()
        assert now[:-1] == before
        before = now


def test_a_log_that_is_opened_again_goes_on(audit):
    first, second = entry(1), entry(2, at="2026-11-20T14:00:01Z")
    audit.open().append(first)
    audit.open().append(second)
    assert [msgspec.json.decode(line, type=AuditEntry) for line in audit.read()] == [first, second]


def test_only_its_owner_reads_it(audit_log, audit_file):
    audit_log.append(entry())
    assert audit_file.stat().st_mode & 0o777 == 0o600
    audit_file.chmod(0o644)
    audit_log.append(entry())
    assert audit_file.stat().st_mode & 0o777 == 0o600


def test_several_processes_and_threads_tear_no_line(audit_file, writes_in_pieces):
    spawn = multiprocessing.get_context("spawn")
    processes = [spawn.Process(target=write_many, args=(audit_file, f"process/{n}")) for n in range(WRITERS)]
    threads = [threading.Thread(target=write_many, args=(audit_file, f"thread/{n}")) for n in range(WRITERS)]
    for worker in (*processes, *threads):
        worker.start()
    for worker in (*processes, *threads):
        worker.join()
    assert audit_file.with_name("audit-2026-09.ndjson").exists()
    found = [one for path in audit_file.parent.glob("audit*.ndjson") for one in entries(path)]
    assert len(found) == 2 * WRITERS * ENTRIES
    for actor in {one.actor for one in found}:
        assert sorted(one.subject for one in found if one.actor == actor) == sorted(
            f"client/{n}" for n in range(ENTRIES)
        )


def test_an_entry_that_the_system_takes_in_pieces_is_whole(audit_log, audit_file, writes_in_pieces):
    audit_log.append(entry(1))
    assert entries(audit_file) == [entry(1)]


def test_an_entry_behind_a_torn_line_has_a_line_of_its_own(audit_log, audit_file):
    audit_log.append(entry(1))
    whole = audit_file.read_bytes()
    torn = whole + whole[: len(whole) // 2]
    audit_file.write_bytes(torn)
    audit_log.append(entry(2))
    assert audit_file.read_bytes().startswith(torn + b"\n")
    lines = audit_file.read_bytes().splitlines()
    assert [msgspec.json.decode(lines[n], type=AuditEntry) for n in (0, 2)] == [entry(1), entry(2)]


def test_a_moved_log_is_begun_anew(audit_log, audit_file):
    audit_log.append(entry(1))
    moved = audit_file.rename(audit_file.with_name("audit.1.ndjson"))
    audit_log.append(entry(2))
    assert (entries(moved), entries(audit_file)) == ([entry(1)], [entry(2)])


def test_the_file_of_a_month_is_put_away_as_it_is(audit_log, audit_file):
    november = [entry(1), entry(2, at="2026-11-30T23:59:59Z")]
    december = [entry(3, at="2026-12-01T00:00:00Z"), entry(4)]
    for one in [*november, *december, entry(5, at="2027-02-01T00:00:00Z")]:
        audit_log.append(one)
    assert entries(audit_file.with_name("audit-2026-11.ndjson")) == november
    assert entries(audit_file.with_name("audit-2026-12.ndjson")) == december, "a clock that is set back begins no file"
    assert [one.subject for one in entries(audit_file)] == ["client/5"]


def test_a_file_that_was_put_away_is_never_replaced(audit_log, audit_file):
    audit_log.append(entry(1))
    put_away = audit_file.with_name("audit-2026-11.ndjson")
    put_away.write_text("something else")
    audit_log.append(entry(2, at="2026-12-01T00:00:00Z"))
    assert put_away.read_text() == "something else"
    assert entries(audit_file.with_name("audit-2026-11-2.ndjson")) == [entry(1)]
    assert [one.subject for one in entries(audit_file)] == ["client/2"]


def test_a_full_disk_is_told_with_what_is_missing(audit_log, audit_file, monkeypatch):
    audit_log.append(entry(1))
    room = [20]

    def write(descriptor: int, content: bytes, write=os.write) -> int:
        if not room[0]:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        written = write(descriptor, content[: room[0]])
        room[0] -= written
        return written

    monkeypatch.setattr(os, "write", write)
    with pytest.raises(StoreError, match=r"No space left.*client_removed of client/2 by client/ab12"):
        audit_log.append(entry(2))
    monkeypatch.undo()
    audit_log.append(entry(3))
    lines = audit_file.read_bytes().splitlines()
    assert [msgspec.json.decode(lines[n], type=AuditEntry) for n in (0, 2)] == [entry(1), entry(3)]


def test_a_folder_that_has_gone_is_an_error_of_ours(tmp_path):
    with pytest.raises(StoreError, match="cannot be written"):
        FileAuditLog(tmp_path / "gone" / "audit.ndjson").append(entry())


@pytest.fixture
def writes_in_pieces(monkeypatch):
    monkeypatch.setattr(os, "write", write_in_pieces)
