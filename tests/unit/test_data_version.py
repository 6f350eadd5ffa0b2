"""The version of a data folder."""

import json
import subprocess
import sys

import pytest

from cloudpulse import __version__
from cloudpulse.entrypoints.supervise import Supervisor
from cloudpulse.ops import data_version
from cloudpulse.ops.data_version import OtherVersion, bring_up_to_date, check
from cloudpulse.settings import Settings
from cloudpulse.wiring.trust import local_tokens


def refuse(folder):
    raise AssertionError("no backup is needed")


def test_a_folder_gets_the_version_that_started_on_it(tmp_path):
    for _ in range(2):
        bring_up_to_date(tmp_path, refuse)
        assert json.loads((tmp_path / "version").read_text()) == {"format": 1, "product": __version__}
    assert [path.name for path in tmp_path.iterdir()] == ["version"]


def test_a_newer_folder_is_refused_and_both_versions_are_named(tmp_path):
    content = '{"format": 2, "product": "7.3.1"}'
    (tmp_path / "version").write_text(content)
    with pytest.raises(OtherVersion, match=rf"CloudPulse 7\.3\.1.*CloudPulse {__version__}"):
        bring_up_to_date(tmp_path, refuse)
    assert (tmp_path / "version").read_text() == content


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"format": "x", "product": ""}'])
def test_a_damaged_version_file_is_refused(tmp_path, content):
    (tmp_path / "version").write_text(content)
    with pytest.raises(OtherVersion, match="restore it from a backup"):
        check(tmp_path)


def test_an_older_folder_is_backed_up_then_led_up_step_by_step(tmp_path, monkeypatch):
    folder = tmp_path / "data"
    folder.mkdir()
    done = []
    monkeypatch.setattr(data_version, "FORMAT", 3)
    monkeypatch.setattr(data_version, "MIGRATIONS", {2: lambda _: done.append(2), 3: lambda _: done.append(3 / 0)})
    with pytest.raises(ZeroDivisionError):
        bring_up_to_date(folder, lambda found: done.append(f"backup of {found}"))
    assert (done, check(folder)) == (["backup of 1", 2], 2)
    monkeypatch.setitem(data_version.MIGRATIONS, 3, lambda _: done.append(3))
    bring_up_to_date(folder, lambda found: done.append(f"backup of {found}"))
    assert (done, check(folder)) == (["backup of 1", 2, "backup of 2", 3], 3)


def test_without_its_backup_nothing_is_changed(tmp_path, monkeypatch):
    monkeypatch.setattr(data_version, "FORMAT", 2)
    monkeypatch.setattr(data_version, "MIGRATIONS", {2: refuse})
    with pytest.raises(OSError, match="full"):
        bring_up_to_date(tmp_path, lambda _: (_ for _ in ()).throw(OSError("full")))
    assert list(tmp_path.iterdir()) == []


def test_a_half_restored_folder_is_refused(tmp_path):
    (tmp_path / data_version.UNFINISHED).touch()
    with pytest.raises(OtherVersion, match="restore again"):
        bring_up_to_date(tmp_path, refuse)


def test_nothing_starts_on_a_newer_folder_or_reads_it(tmp_path):
    (tmp_path / "version").write_text('{"format": 2, "product": "7.3.1"}')
    (tmp_path / "secrets.db").touch()
    for command in (["up", "--port", "0"], ["verify"], ["backup", str(tmp_path.with_name("backup"))]):
        arguments = [sys.executable, "-m", "cloudpulse.cli.main", *command, "--data", str(tmp_path)]
        done = subprocess.run(arguments, capture_output=True, text=True, timeout=60)
        assert (done.returncode, "7.3.1" in done.stderr, __version__ in done.stderr) == (1, True, True)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["lock", "secrets.db", "version"]


def test_the_first_start_of_a_newer_version_takes_a_backup_beside_the_folder(tmp_path, monkeypatch):
    data = tmp_path / "data"
    local_tokens(Settings(data=data)).issue("c", (), "default", 60)
    steps = []
    monkeypatch.setattr(data_version, "FORMAT", 2)
    monkeypatch.setattr(data_version, "MIGRATIONS", {2: steps.append})
    supervisor = Supervisor({"data": str(data), "port": 0})
    for handle in (supervisor._lock, supervisor._listener):
        handle.close()
    [backup] = tmp_path.glob("data-format-1-*")
    paths = {file["path"] for file in json.loads((backup / "manifest.json").read_text())["files"]}
    assert (steps, check(data), "secrets.db" in paths) == ([data], 2, True)
