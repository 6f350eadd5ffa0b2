"""The file of the local secrets."""

import os
import stat

import pytest

from cloudpulse.engines.local.secrets import SqliteSecrets


@pytest.fixture
def wide_umask():
    before = os.umask(0)
    yield
    os.umask(before)


def modes(folder):
    return {path.name: stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()}


@pytest.mark.usefixtures("wide_umask")
def test_only_the_owner_can_read_the_file_and_what_sqlite_puts_beside_it(tmp_path):
    secrets = SqliteSecrets(tmp_path / "secrets.db")
    secrets.put("signing", "value", 1)
    assert modes(tmp_path) == {"secrets.db": 0o600, "secrets.db-wal": 0o600, "secrets.db-shm": 0o600}
    secrets.close()


def test_a_file_that_others_could_read_is_narrowed(tmp_path):
    path = tmp_path / "secrets.db"
    path.touch(0o644)
    path.chmod(0o644)
    SqliteSecrets(path).close()
    assert modes(tmp_path)["secrets.db"] == 0o600


def test_secrets_outlive_the_process_and_are_seen_by_another(tmp_path):
    writer, reader = (SqliteSecrets(tmp_path / "secrets.db") for _ in range(2))
    secret = writer.put("signing", "value", 1)
    assert reader.versions("signing", 1) == [secret]
    writer.close()
    reader.close()
    again = SqliteSecrets(tmp_path / "secrets.db")
    assert again.versions("signing", 1) == [secret]
    again.close()


def test_a_removed_secret_is_not_left_in_the_file(tmp_path):
    secrets = SqliteSecrets(tmp_path / "secrets.db")
    secrets.put("signing", "a-value-to-look-for", 1)
    secrets.remove("signing")
    secrets.close()
    assert b"a-value-to-look-for" not in (tmp_path / "secrets.db").read_bytes()
