"""The file of the local secrets."""

import os
import stat
import subprocess
import sys

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


def test_what_has_ended_is_in_no_file_once_the_server_has_looked(tmp_path):
    """Also while it runs, and others have the file open."""
    secrets, other = (SqliteSecrets(tmp_path / "secrets.db") for _ in range(2))
    secrets.put("signing", "an-ended-value", 1)
    secrets.put("signing", "a-present-value", 2)
    other.put("client/a", "a-removed-value", 1)
    other.remove("client/a")
    secrets.expire(2)
    held = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert [text in held for text in (b"an-ended-value", b"a-removed-value", b"a-present-value")] == [
        False,
        False,
        True,
    ]
    assert [one.value for one in other.versions("signing", 3)] == ["a-present-value"]
    other.close()
    secrets.close()


READ = """
import sys
from pathlib import Path
from cloudpulse.engines.local.secrets import SqliteSecrets
secrets = SqliteSecrets(Path(sys.argv[1]))
print(*(version.value for version in secrets.versions("signing", 1)))
secrets.close()
"""


def test_what_is_written_is_seen_by_others_however_often_the_file_was_opened(tmp_path):
    """Closing a descriptor of a file ends all locks of the process on it: another removes the write-ahead log then."""
    path = tmp_path / "secrets.db"
    opened = [SqliteSecrets(path) for _ in range(2)]

    def read_elsewhere() -> str:
        command = [sys.executable, "-c", READ, str(path)]
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout.strip()

    for value in ("one", "two"):
        opened[0].put("signing", value, 1)
        assert read_elsewhere() == value
    for secrets in opened:
        secrets.close()
