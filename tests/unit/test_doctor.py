"""``cloudpulse doctor``: each check tells good from bad."""

import datetime as dt
import json
import os
import subprocess
from importlib import metadata
from types import SimpleNamespace

import pytest
from typer.testing import CliRunner

from cloudpulse import wiring
from cloudpulse.cli import checks
from cloudpulse.cli.main import app
from cloudpulse.engines.local.event_log import SqliteEventLog
from cloudpulse.entrypoints.data_folder import hold
from cloudpulse.ops.backups import copies
from cloudpulse.settings import GIB, Settings
from cloudpulse.wiring import keeping, trust

NOW = dt.datetime(2026, 11, 20, 12, tzinfo=dt.UTC)


@pytest.fixture
def data(tmp_path):
    """A data folder on which nothing runs."""
    before = os.umask(0o077)
    folder = tmp_path / "data"
    settings = Settings(data=folder)
    trust.local_tokens(settings).issue("c", (), "default", 60)
    SqliteEventLog(folder).close()
    yield folder
    os.umask(before)


def run(data, *arguments):
    done = CliRunner().invoke(app, ["doctor", "--json", "--data", str(data), *arguments])
    return done.exit_code, {check["name"]: check["state"] for check in json.loads(done.stdout)}


def test_a_stopped_folder_without_a_backup_is_no_failure(data):
    code, states = run(data)
    assert (code, states["server"], states["backup"]) == (0, "warn", "warn")
    assert {name for name, state in states.items() if state == "ok"} >= {
        "python",
        "libraries",
        "clock",
        "ledger",
        "wal",
        "tier",
    }
    keeping.backup(Settings(data=data)).run(data.parent / "backup", wiring.utc_now())
    assert run(data)[1]["backup"] == "ok"


def test_a_missing_folder_is_not_made(tmp_path):
    code, states = run(tmp_path / "none")
    assert (code, states["data folder"]) == (0, "warn")
    assert not (tmp_path / "none").exists()


def test_what_is_wrong_with_a_folder_is_told_and_exits_with_1(data):
    data.chmod(0o755)
    assert run(data)[0] == 1
    data.chmod(0o700)
    (data / "version").write_text('{"format": 99, "product": "9.9"}')
    assert (run(data)[0], run(data)[1]["version"]) == (1, "fail")
    (data / "version").unlink()
    (data / "settings.toml").write_text("port = 'x'")
    assert (run(data)[0], run(data)[1]["settings"]) == (1, "fail")


def test_a_server_that_does_not_answer_is_a_failure(data):
    (data / "server.json").write_text('{"url": "http://127.0.0.1:9", "pids": {}}')
    with hold(data):
        code, states = run(data)
    assert (code, states["server"]) == (1, "fail")
    assert run(data)[1]["server"] == "warn"


def test_a_server_whose_process_has_just_died_is_looked_at(data):
    gone = subprocess.Popen(["true"])
    gone.wait()
    (data / "server.json").write_text(json.dumps({"url": "http://127.0.0.1:9", "pids": {"api": gone.pid}}))
    with hold(data):
        assert run(data)[1].keys() >= {"open files", "server"}


def test_events_that_come_while_it_looks_are_not_of_the_future(data, monkeypatch):
    clock, examine = [wiring.utc_now()], keeping.examine

    def slowly(*arguments):
        clock[0] += dt.timedelta(minutes=1)
        return examine(*arguments)._replace(newest=clock[0])

    monkeypatch.setattr(wiring, "utc_now", lambda: clock[0])
    monkeypatch.setattr(keeping, "examine", slowly)
    assert run(data)[1]["clock"] == "ok"


def test_each_line_says_what_it_is_about(data):
    done = CliRunner().invoke(app, ["doctor", "--data", str(data)])
    assert all(
        line.split()[0] in ("ok", "warn", "fail") and line.endswith((".", "`.")) for line in done.stdout.splitlines()
    )


@pytest.mark.parametrize(
    ("free", "growth", "state"),
    [(100 * GIB, 0, "ok"), (100 * GIB, GIB, "ok"), (10 * GIB, GIB, "warn"), (100 << 20, 0, "fail")],
)
def test_disk(tmp_path, monkeypatch, free, growth, state):
    monkeypatch.setattr(checks.shutil, "disk_usage", lambda _: SimpleNamespace(free=free))
    assert checks.disk(Settings(data=tmp_path), growth).state == state


def test_clock():
    assert checks.clock(NOW, None).state == checks.clock(NOW, NOW).state == "ok"
    assert checks.clock(NOW, NOW + dt.timedelta(minutes=1)).state == "fail"
    assert checks.clock(dt.datetime(1970, 1, 2, tzinfo=dt.UTC), None).state == "fail"


@pytest.mark.parametrize(
    ("host", "public_url", "state"),
    [
        ("127.0.0.1", "", "ok"),
        ("::1", "", "ok"),
        ("localhost", "", "ok"),
        ("0.0.0.0", "", "warn"),
        ("pulse.example.com", "http://pulse.example.com", "warn"),
        ("0.0.0.0", "https://pulse.example.com", "ok"),
    ],
)
def test_network(host, public_url, state):
    assert checks.network(Settings(host=host, public_url=public_url)).state == state


def test_a_write_ahead_log_that_grows_and_dead_letters_and_gaps(tmp_path):
    assert checks.wal(tmp_path).state == "ok"
    with (tmp_path / "journal.db-wal").open("wb") as file:
        file.truncate(checks.WAL_BYTES + 1)
    assert checks.wal(tmp_path).state == "warn"
    assert (checks.dead_letters(0).state, checks.dead_letters(1).state) == ("ok", "warn")
    assert (checks.ledger([]).state, checks.ledger(["3 events are nowhere."]).state) == ("ok", "fail")


def test_an_old_backup_is_told(tmp_path):
    (tmp_path / "backup").mkdir()
    copies.remember(tmp_path, tmp_path / "backup", "backup", NOW)
    assert checks.backup(tmp_path, NOW + dt.timedelta(days=7)).state == "ok"
    assert checks.backup(tmp_path, NOW + dt.timedelta(days=9)).state == "warn"
    (tmp_path / "backup").rmdir()
    assert "There is none" in checks.backup(tmp_path, NOW).detail


def test_open_files_and_libraries(monkeypatch):
    monkeypatch.setattr(checks.resource, "getrlimit", lambda _: (256, 256))
    assert checks.open_files(Settings(), None).state == "warn"
    assert checks.libraries().state == "ok"
    monkeypatch.setattr(metadata, "requires", lambda _: ["msgspec>=99.0", "nowhere>=1", "x>=1; extra == 'dev'"])
    assert checks.libraries().detail.startswith("msgspec>=99.0, nowhere>=1 cannot")


def test_a_server_that_is_ready_and_one_that_is_not():
    assert checks.server("u", True, "", {"lake": 3.0}).detail == "u is ready; batches to do: lake 3."
    assert checks.server("u", False, "lake stands still.", {}).state == "fail"
