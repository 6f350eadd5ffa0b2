"""The data folder is its owner's."""

import os
import sqlite3
import subprocess
import sys
from contextlib import closing

import pytest

from cloudpulse import wiring
from cloudpulse.entrypoints.data_folder import close_files

NAMES = ("secrets.db", "secrets.db-wal", "records.db-shm", "audit.ndjson", "first-login", "settings.toml")


def test_files_of_an_older_version_are_closed_to_others(tmp_path):
    for name in NAMES:
        (tmp_path / name).touch(0o644)
    for name in ("counters.db", "lock"):
        (tmp_path / name).touch()
        (tmp_path / name).chmod(0o600 if name == "counters.db" else 0o644)
    (tmp_path / "elsewhere").touch(0o644)
    (tmp_path / "linked.db").symlink_to(tmp_path / "elsewhere")
    assert sorted(close_files(tmp_path)) == sorted(NAMES)
    assert {(tmp_path / name).stat().st_mode & 0o777 for name in NAMES} == {0o600}
    assert (tmp_path / "elsewhere").stat().st_mode & 0o777 == 0o644
    assert close_files(tmp_path) == []


def test_the_locks_of_a_database_outlive_it(tmp_path):
    path = tmp_path / "some.db"
    code = "import sqlite3, sys; sqlite3.connect(sys.argv[1], 0).execute('BEGIN IMMEDIATE')"
    with closing(sqlite3.connect(path, isolation_level=None)) as database:
        database.execute("CREATE TABLE t (x)")
        database.execute("BEGIN IMMEDIATE")
        path.chmod(0o644)
        assert close_files(tmp_path) == ["some.db"]
        other = subprocess.run([sys.executable, "-c", code, path], capture_output=True, text=True, check=False)
    assert "database is locked" in other.stderr


@pytest.fixture(autouse=True)
def umask():
    before = os.umask(0o022)
    yield
    os.umask(before)


@pytest.mark.parametrize(("mode", "told"), [(0o755, True), (0o701, True), (0o777, True), (0o700, False)])
def test_a_folder_that_is_open_to_others_is_closed(tmp_path, mode, told):
    folder = tmp_path / "data"
    folder.mkdir()
    folder.chmod(mode)
    assert wiring.open_folder(folder) is told
    assert folder.stat().st_mode & 0o777 == 0o700
    (folder / "file").write_text("x")
    assert (folder / "file").stat().st_mode & 0o777 == 0o600


def test_a_new_folder_is_private(tmp_path):
    assert wiring.open_folder(tmp_path / "new" / "data") is False
    assert (tmp_path / "new" / "data").stat().st_mode & 0o777 == 0o700


def test_a_folder_of_somebody_else_is_left_alone(tmp_path, monkeypatch):
    tmp_path.chmod(0o755)
    monkeypatch.setattr(os, "geteuid", lambda: tmp_path.stat().st_uid + 1)
    assert wiring.open_folder(tmp_path) is False
    assert tmp_path.stat().st_mode & 0o777 == 0o755
