"""The data folder is its owner's."""

import os

import pytest

from cloudpulse import wiring


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
