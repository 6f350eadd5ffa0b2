"""Backups and what is restored from them, step by step (mechanism 21)."""

import datetime as dt
import errno
import json
import os
import random
from contextlib import suppress
from pathlib import Path

import pytest
from lake_samples import NOW, batch, event

from cloudpulse import wiring
from cloudpulse.engines.local import sqlite
from cloudpulse.engines.local.event_log import SqliteEventLog, SqliteLogReader
from cloudpulse.engines.local.records import SqliteRecords
from cloudpulse.engines.local.sqlite import copy_database
from cloudpulse.errors import DataFolderBusy, NotFound, StoreError, UserError
from cloudpulse.lake import garbage
from cloudpulse.lake.chunk import decode
from cloudpulse.ops.backups.backup import Backup, Contents
from cloudpulse.ops.backups.vault import Damaged, Vault
from cloudpulse.settings import Settings
from cloudpulse.wiring import keeping


class World:
    """A data folder whose batches are in the lake up to ``stored``; the others are in the journal alone."""

    def __init__(self, folder: Path) -> None:
        self.settings = Settings(data=folder)
        wiring.open_folder(folder)
        self.log = SqliteEventLog(folder)
        self.reader = SqliteLogReader(folder)
        self.parts = wiring.pipeline(self.settings)
        self.journal = self.reader.state().journal
        self.take = keeping.backup(self.settings)

    def accept(self, batches: int) -> None:
        for _ in range(batches):
            self.log.append(batch(0, [event(user_id="u-1") for _ in range(3)]))

    def store(self) -> None:
        position = self.parts.writer.position()
        self.parts.writer.add(decode(self.journal, self.reader.read(position.seq if position else 0), NOW))
        self.parts.writer.commit(NOW)


@pytest.fixture
def world(tmp_path):
    before = os.umask(0o077)
    world = World(tmp_path / "data")
    world.accept(4)
    world.store()
    world.accept(2)
    yield world
    world.log.close()
    world.reader.close()
    os.umask(before)


def restored(backup: Path, to: Path):
    """The ledger of what a backup gives."""
    settings = Settings(data=to)
    wiring.open_folder(to)
    keeping.restore(backup, settings)
    return wiring.ledger_service(settings).report(deep=True)


def entry(backup: Path, suffix: str) -> Path:
    """Where the first file of a kind lies."""
    vault = Vault(backup)
    return vault.object(next(file for file in vault.manifest().files if file.path.endswith(suffix)))


def test_lake_journal_and_bronze_come_back(world, tmp_path):
    world.take.run(tmp_path / "backup", NOW)
    report = restored(tmp_path / "backup", tmp_path / "new")
    assert (report.gaps, report.ledger.stored, report.ledger.in_flight) == ([], 12, 6)


def test_a_journal_that_is_trimmed_while_the_stores_are_copied_starts_it_again(world, tmp_path):
    """Mechanism 21: lake before journal is not enough when the lake's copy is older than the trim."""
    copied = []

    def copy(source: Path, target: Path) -> None:
        if source.name == "journal.db" and not copied.count("journal.db"):
            world.store()
            world.log.trim(6)
        copied.append(source.name)
        copy_database(source, target)

    Backup(world.settings.data, copy, keeping._contents_of_stores).run(tmp_path / "backup", NOW)
    assert copied.count("journal.db") == 2
    assert copied[-1] == "journal.db"
    report = restored(tmp_path / "backup", tmp_path / "new")
    assert (report.gaps, report.ledger.stored) == ([], 18)


def test_files_that_go_while_they_are_copied_are_named_anew(world, tmp_path):
    """Mechanism 21: as a query does that lasts longer than files are kept."""
    tries = []

    def read(folder: Path) -> Contents:
        found = keeping._contents_of_stores(folder)
        tries.append(found)
        gone = [f"{found.lake[0]}.gone"] if len(tries) == 1 else []
        return found._replace(lake=[*found.lake, *gone])

    Backup(world.settings.data, copy_database, read).run(tmp_path / "backup", NOW)
    assert (len(tries), restored(tmp_path / "backup", tmp_path / "new").gaps) == (2, [])


def test_a_folder_with_a_gap_is_backed_up_and_the_gap_is_told(world, tmp_path):
    records = SqliteRecords(world.settings.data / "records.db")
    records.delete("bronze_files", [key for key, _ in records.list("bronze_files")])
    done = world.take.run(tmp_path / "backup", NOW)
    assert "Bronze lists 0 events" in done.warnings[0]


def test_each_damage_is_found_and_the_new_folder_stays_empty(world, tmp_path):
    """Mechanism 21: nothing of a backup is believed without its hash."""
    backup, new = tmp_path / "backup", tmp_path / "new"
    world.take.run(backup, NOW)
    rng = random.Random(5)
    for suffix in (".parquet", ".zst", ".avro", "journal.db", "records.db", "catalog.db"):
        path = entry(backup, suffix)
        content = bytearray(path.read_bytes())
        place = rng.randrange(len(content))
        for damaged in (bytes(content[:-1]), bytes(content[:place]) + b"\xee\xef" + bytes(content[place + 2 :]), None):
            path.unlink(missing_ok=True)  # it may share its content with the data folder
            if damaged is not None:
                path.write_bytes(damaged)
            with pytest.raises(Damaged, match=str(backup)):
                restored(backup, new)
            assert list(new.iterdir()) == []
        path.write_bytes(content)
    assert restored(backup, new).ok


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"format": 1}'])
def test_a_damaged_manifest_is_refused(world, tmp_path, content):
    world.take.run(tmp_path / "backup", NOW)
    (tmp_path / "backup" / "manifest.json").write_bytes(content)
    with pytest.raises(Damaged):
        restored(tmp_path / "backup", tmp_path / "new")


def test_a_manifest_that_leads_out_of_the_folder_is_refused(world, tmp_path):
    world.take.run(tmp_path / "backup", NOW)
    manifest = json.loads((tmp_path / "backup" / "manifest.json").read_bytes())
    for path in ("../outside", str(tmp_path / "outside"), "a/../../outside"):
        manifest["files"][0]["path"] = path
        (tmp_path / "backup" / "manifest.json").write_text(json.dumps(manifest))
        with pytest.raises(Damaged):
            restored(tmp_path / "backup", tmp_path / "new")
    assert not (tmp_path / "outside").exists()


def test_only_an_empty_folder_is_filled_and_only_a_backup_is_read(world, tmp_path):
    (tmp_path / "none").mkdir()
    with pytest.raises(NotFound):
        restored(tmp_path / "none", tmp_path / "new")
    world.take.run(tmp_path / "backup", NOW)
    with pytest.raises(DataFolderBusy):
        restored(tmp_path / "backup", world.settings.data)
    assert world.reader.state().head == 6


def test_a_backup_never_touches_what_is_none(world, tmp_path):
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos").chmod(0o755)
    (tmp_path / "photos" / "one.jpg").write_text("x")
    with pytest.raises(UserError, match="no backup"):
        world.take.run(tmp_path / "photos", NOW)
    assert [path.name for path in (tmp_path / "photos").iterdir()] == ["one.jpg"]
    assert (tmp_path / "photos").stat().st_mode & 0o777 == 0o755
    with pytest.raises(UserError, match="cannot lie in"):
        world.take.run(world.settings.data / "backup", NOW)


@pytest.mark.parametrize("name", ["file", "file/below"])
def test_a_backup_whose_folder_cannot_be_had_is_refused(world, tmp_path, name):
    (tmp_path / "file").write_text("x")
    with pytest.raises(UserError, match="cannot be written: Not a directory"):
        world.take.run(tmp_path / name, NOW)


def test_two_backups_are_not_written_to_one_folder_at_once(world, tmp_path):
    vault = Vault(tmp_path / "backup")
    with vault.writing(), pytest.raises(DataFolderBusy):
        world.take.run(tmp_path / "backup", NOW)
    world.take.run(tmp_path / "backup", NOW)


def test_a_full_disk_leaves_the_backup_before_it(world, tmp_path, monkeypatch):
    """Mechanism 21: at whichever file the disk is full."""
    backup = tmp_path / "backup"
    first = world.take.run(backup, NOW)
    fsync = os.fsync
    for number in range(1, 100, 7):
        world.accept(1)
        left = [number]

        def full(handle, left=left):
            left[0] -= 1
            if left[0] == 0:
                raise OSError(errno.ENOSPC, "No space left on device")
            fsync(handle)

        monkeypatch.setattr("cloudpulse.ops.backups.vault.os.fsync", full)
        with suppress(StoreError):
            world.take.run(backup, NOW + dt.timedelta(days=1))
            break
        monkeypatch.undo()
        assert Vault(backup).manifest() == first
        assert restored(backup, tmp_path / f"new-{number}").ok
    assert number > 1
    monkeypatch.undo()
    assert restored(backup, tmp_path / "last").ok


def test_what_was_deleted_is_in_no_copy(tmp_path):
    connection = sqlite.connect(tmp_path / "a.db")
    connection.execute("CREATE TABLE t (v)")
    connection.execute("INSERT INTO t VALUES (?)", ("secret-person" * 100,))
    connection.execute("DELETE FROM t")
    copy_database(tmp_path / "a.db", tmp_path / "b.db")
    connection.close()
    assert b"secret-person" in (tmp_path / "a.db").read_bytes()
    assert b"secret-person" not in (tmp_path / "b.db").read_bytes()


def test_a_restored_folder_unlinks_nothing_of_the_first(world, tmp_path):
    """Mechanism 21: names of files to unlink stay behind."""
    live = next((world.settings.data / "lake").rglob("*.parquet"))
    records = SqliteRecords(world.settings.data / "records.db")
    garbage.remember(records, [f"file://{live}"], NOW)
    world.take.run(tmp_path / "backup", NOW)
    assert restored(tmp_path / "backup", tmp_path / "new").ok
    copy = SqliteRecords(tmp_path / "new" / "records.db")
    assert (copy.list(garbage.KIND), len(records.list(garbage.KIND))) == ([], 1)
