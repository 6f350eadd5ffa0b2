"""The watched folder: complete files alone, each once, then moved; time is passed in."""

import datetime as dt
import gzip
import json
import os
from pathlib import Path

import pytest
import zstandard

from cloudpulse.engines.local.executions import SqliteExecutions
from cloudpulse.entrypoints.watch_folder import STABLE_SECONDS, FolderWatch
from cloudpulse.errors import SettingError, StoreError
from cloudpulse.ops.uploads import Uploads
from cloudpulse.ops.workflows import WorkflowService, done, failed, with_error
from cloudpulse.settings import Settings, load

NOW = dt.datetime(2026, 11, 20, 12, tzinfo=dt.UTC)
EVENT = json.dumps({"event_type": "Page View", "session_id": "s", "source": "web"}).encode()


class World:
    def __init__(self, folder):
        settings = Settings(data=folder / "data", min_free_bytes=0, max_body_bytes=100_000)
        settings.data.mkdir()
        self.folder = folder / "in"
        self.folder.mkdir()
        self.seconds = 0.0
        self.executions = SqliteExecutions(settings.data)
        self.uploads = Uploads(settings)
        self.service = WorkflowService(self.executions, self.uploads, lambda: NOW)
        self.restart()

    def restart(self):
        self.watch = FolderWatch(self.folder, self.service, lambda: self.seconds)

    def put(self, name, content=EVENT):
        (self.folder / name).write_bytes(content)

    def look(self, seconds=STABLE_SECONDS):
        self.seconds += seconds
        self.watch.look()

    def take(self):
        """See what is there, and take what has not changed since."""
        self.look(0)
        self.look()

    def begun(self):
        return self.executions.history()

    def end(self, error=None):
        """The executions that wait are over."""
        for one in self.executions.history(statuses=("waiting",)):
            if error:
                change = lambda now: failed(with_error(now, "process", error), "process", NOW)  # noqa: E731
            else:
                change = lambda now: done(now, "write", {}, NOW)  # noqa: E731
            self.executions.change(one.id, change)

    def names(self):
        return sorted(str(path.relative_to(self.folder)) for path in self.folder.rglob("*") if path.is_file())

    def raw(self):
        found = []
        for path in self.uploads.paths():
            with self.uploads.open(path) as stream:
                found.append(stream.read())
        return found


@pytest.fixture
def world(tmp_path):
    world = World(tmp_path)
    yield world
    world.executions.close()


def test_a_complete_file_is_taken_once_and_moved_when_that_has_ended(world):
    world.put("a.ndjson")
    world.take()
    (execution,) = world.begun()
    assert execution.steps[0].input["client_id"] == "watch-folder"
    assert world.raw() == [EVENT]
    world.look()
    assert (len(world.begun()), world.names()) == (1, ["a.ndjson"])
    world.end()
    world.look()
    assert world.names() == ["done/a.ndjson"]
    world.take()
    assert len(world.begun()) == 1


def test_one_that_is_still_written_waits(world):
    path = world.folder / "a.ndjson"
    for part in range(4):
        path.write_bytes(EVENT * part)
        world.look(STABLE_SECONDS - 1)
    assert world.begun() == []
    world.look()
    assert len(world.begun()) == 1


def test_one_that_a_process_has_open_for_writing_waits_however_long_it_pauses(world):
    with (world.folder / "a.ndjson").open("wb") as file:
        file.write(EVENT[:10])
        file.flush()
        for _ in range(3):
            world.take()
        assert world.begun() == []
        file.write(EVENT[10:])
    world.take()
    assert world.raw() == [EVENT]


def test_a_name_that_is_not_for_us_is_left_alone(world):
    names = [".a.json", "a.json.part", "a.txt", "README"]
    for name in names:
        world.put(name)
    (world.folder / "sub.json").mkdir()
    (world.folder / "link.json").symlink_to(world.folder / "a.txt")
    os.mkfifo(world.folder / "pipe.json")
    world.take()
    world.look()
    assert world.begun() == []
    os.rename(world.folder / "a.json.part", world.folder / "a.json")
    world.take()
    assert len(world.begun()) == 1


def test_one_that_fails_is_moved_with_the_reason(world):
    world.put("a.json", b"rubbish")
    world.take()
    world.end(error="No.")
    world.look()
    assert world.names() == ["failed/a.json", "failed/a.json.reason"]
    assert (world.folder / "failed/a.json.reason").read_text() == f"{world.begun()[0].id}: process: No.\n"


def test_one_that_failed_and_comes_back_is_taken_up_again(world):
    world.put("a.json")
    world.take()
    world.end(error="The disk is full.")
    world.look()
    os.rename(world.folder / "failed/a.json", world.folder / "a.json")
    world.take()
    (execution,) = world.begun()
    assert (execution.status, execution.retries) == ("waiting", 1)


def test_after_a_restart_nothing_is_taken_twice(world):
    """Guards mechanism 21: a death between any two steps."""
    world.put("a.json")
    world.take()
    world.restart()
    world.take()
    assert len(world.begun()) == 1
    world.end()
    world.restart()
    world.take()
    world.look()
    assert (len(world.begun()), world.names()) == (1, ["done/a.json"])


def test_equal_files_of_two_names_are_two_and_no_file_is_lost(world):
    for name, content in (("a.json", EVENT), ("b.json", EVENT), ("a.json", EVENT + b"\n")):
        world.put(name, content)
        world.take()
        world.end()
        world.look()
    assert len(world.begun()) == 3
    assert world.names() == ["done/2-a.json", "done/a.json", "done/b.json"]


def test_one_that_is_changed_after_it_was_read_is_not_called_done(world):
    world.put("a.ndjson")
    world.take()
    world.put("a.ndjson", EVENT + b"\n" + EVENT)
    world.end()
    world.look()
    assert "changed after" in (world.folder / "failed/a.ndjson.reason").read_text()


def test_compressed_files_are_inflated_and_damaged_ones_are_not_taken(world):
    zst = zstandard.compress(EVENT)
    world.put("a.ndjson.gz", gzip.compress(EVENT) + gzip.compress(b"\n" + EVENT))
    world.put("b.jsonl.zst", zst + zstandard.compress(b"\n") + zst)
    world.take()
    assert world.raw() == [EVENT + b"\n" + EVENT] * 2
    broken = {"c.json.gz": gzip.compress(EVENT)[:-6], "d.json.zst": zst[:-6], "e.json.gz": EVENT, "f.json.zst": EVENT}
    for name, content in broken.items():
        world.put(name, content)
    world.put("g.json", b" " * 200_000)
    world.take()
    assert len(world.begun()) == 2
    reasons = {path.name: path.read_text() for path in (world.folder / "failed").glob("*.reason")}
    assert set(reasons) == {f"{name}.reason" for name in [*broken, "g.json"]}
    assert {reasons[f"{name}.reason"] for name in broken} == {"The file is damaged, or ends too early.\n"}
    assert "write it as NDJSON" in reasons["g.json.reason"]
    assert len(world.raw()) == 2


def test_files_that_go_or_cannot_be_read_hold_up_no_other(world):
    for name in ("a.json", "b.json", "c.json"):
        world.put(name)
    world.look(0)
    (world.folder / "a.json").unlink()
    world.look()
    assert len(world.begun()) == 2
    (world.folder / "b.json").unlink()
    world.end()
    world.look()
    assert world.names() == ["done/c.json"]


def test_a_store_that_refuses_is_asked_again(world, monkeypatch):
    def refuse(*_):
        raise StoreError("The upload could not be kept.")

    world.put("a.json")
    with monkeypatch.context() as patch:
        patch.setattr(world.uploads, "keep", refuse)
        world.look(0)
        with pytest.raises(StoreError):
            world.look()
    world.look()
    assert len(world.begun()) == 1


def test_a_name_that_is_no_utf_8(world):
    name = os.fsdecode(b"\xff.json")
    world.put(name)
    world.put("good.json")
    world.take()
    assert len(world.begun()) == 2
    world.end()
    world.look()
    assert world.names() == ["done/good.json", f"done/{name}"]


def test_a_file_that_cannot_be_moved_holds_up_no_other(world):
    longest, others = "x" * 250 + ".json", [f"{number}.json" for number in range(12)]
    for number, name in enumerate((longest, *others)):
        world.put(name, EVENT + b" " * number)
    world.take()
    world.end(error="No event is valid.")
    with pytest.raises(OSError, match="too long"):
        world.look()
    names = world.names()
    assert longest in names
    assert {f"failed/{name}" for name in others} < set(names)


def test_a_link_where_a_file_is_moved_to_is_not_followed(world, tmp_path):
    other = tmp_path / "other"
    other.write_text("precious")
    (world.folder / "failed").mkdir()
    for name in ("a.json.gz", "a.json.gz.reason"):
        (world.folder / "failed" / name).symlink_to(other)
    (world.folder / "failed" / "2-a.json.gz.reason").symlink_to(other)
    (world.folder / "done").symlink_to(tmp_path)
    world.put("a.json.gz", b"no gzip")
    world.put("b.json")
    world.take()
    world.end()
    with pytest.raises(NotADirectoryError):
        world.look()
    assert other.read_text() == "precious"
    assert not (tmp_path / "b.json").exists()
    assert "damaged" in (world.folder / "failed" / "2-a.json.gz.reason").read_text()


def test_the_folder_must_not_lie_in_the_data_folder(tmp_path):
    for inside in (tmp_path, tmp_path / "a" / ".." / "in"):
        with pytest.raises(SettingError, match="watch_folder"):
            load({"data": tmp_path, "watch_folder": str(inside)}, {})
    assert load({"data": tmp_path / "data", "watch_folder": str(tmp_path)}, {}).watch_folder == str(tmp_path)
    assert Path(load({"data": tmp_path}, {}).watch_folder) == Path()
