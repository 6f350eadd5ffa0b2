"""Jobs on DBOS, in this process; deaths are in ``tests/crash/test_jobs_kill.py``. Guards mechanism 21."""

import datetime as dt
import logging
import threading
import time

import pytest
from structlog.testing import capture_logs

from cloudpulse.engines.local import dbos_runtime, job_runner
from cloudpulse.engines.local.dbos_runtime import Failed, JsonSerializer
from cloudpulse.engines.local.job_runner import DbosRunner
from cloudpulse.engines.local.jobs import SqliteJobs
from cloudpulse.errors import InvalidParameter

NOW = dt.datetime(2026, 11, 20, 0, 5, tzinfo=dt.UTC)
PATIENCE_SECONDS = 60


class World:
    """A folder with a name that means something in URLs, its line, and what runs it."""

    def __init__(self, folder):
        self.folder = folder / "a #1?b=c d"
        self.folder.mkdir()
        self.runs = SqliteJobs(self.folder)
        self.functions = {}
        self.runner = None

    def launch(self):
        self.runner = DbosRunner(self.folder, self.runs, self.functions, lambda: NOW, retry_seconds=0.01)
        self.runner.launch()
        self.runner.hand_over()

    def stop(self):
        if self.runner:
            self.runner.close()
        self.runner = None

    def ask(self, name, **arguments):
        return self.runs.request(name, arguments, NOW).id

    def outcome(self, run_id):
        give_up_at = time.monotonic() + PATIENCE_SECONDS
        while (run := self.runs.show(run_id)).status in ("waiting", "running"):
            assert time.monotonic() < give_up_at, run
            time.sleep(0.02)
        return run


@pytest.fixture
def world(tmp_path):
    world = World(tmp_path)
    yield world
    world.stop()
    world.runs.close()


def test_runs_in_line_are_run_with_their_arguments(world):
    world.functions["count"] = lambda arguments, now: {"n": arguments["n"] + 1, "at": str(now.date())}
    run_id = world.ask("count", n=1)
    world.launch()
    assert world.outcome(run_id).result == {"n": 2, "at": "2026-11-20"}
    later = world.ask("count", n=5)
    world.runner.hand_over()
    assert world.outcome(later).result["n"] == 6


def test_one_job_at_a_time(world):
    """Guards mechanism 21: maintenance of the lake never meets other maintenance."""
    busy = threading.Lock()
    met = []

    def work(arguments, now):
        met.append(not busy.acquire(blocking=False))
        time.sleep(0.2)
        busy.release()
        return {}

    world.functions.update(a=work, b=work)
    asked = [world.ask(name) for name in "abab"]
    world.launch()
    assert [world.outcome(run_id).status for run_id in asked] == ["done"] * 4
    assert met == [False] * 4


def test_a_job_that_fails_is_tried_again(world):
    tries = []

    def flaky(arguments, now):
        tries.append(now)
        if len(tries) < 3:
            raise OSError(28, "No space left on device")
        return {}

    world.functions["flaky"] = flaky
    run_id = world.ask("flaky")
    world.launch()
    run = world.outcome(run_id)
    assert (run.status, run.attempts, len(tries)) == ("done", 3, 3)


def test_a_job_that_keeps_failing_says_why(world):
    def fail(arguments, now):
        raise OSError(28, "No space left on device")

    def refuse(arguments, now):
        raise InvalidParameter("There is no such day.")

    world.functions.update(fail=fail, refuse=refuse, work=lambda *_: {})
    failed, refused, fine = world.ask("fail"), world.ask("refuse"), world.ask("work")
    world.launch()
    run = world.outcome(failed)
    assert (run.status, run.attempts, run.error) == ("failed", 3, "[Errno 28] No space left on device")
    run = world.outcome(refused)
    assert (run.status, run.attempts, run.error) == ("failed", 1, "There is no such day.")
    assert world.outcome(fine).status == "done"


def test_what_had_ended_is_not_run_again(world):
    """Guards mechanism 21: a crash between the end of a run and DBOS's note of it."""
    calls = []
    world.functions["once"] = lambda *_: calls.append(1) or {}
    run_id = world.ask("once")
    world.launch()
    assert world.outcome(run_id).status == "done"
    assert world.runner._try(run_id) is None
    assert calls == [1]


def test_a_job_that_ends_its_process_again_and_again_is_given_up(world):
    world.functions["deadly"] = lambda *_: {}
    run_id = world.ask("deadly")
    for _ in range(job_runner.MAX_ATTEMPTS):
        world.runs.begin(run_id, NOW)
    with pytest.raises(Failed, match="6 times"):
        DbosRunner(world.folder, world.runs, world.functions, lambda: NOW)._try(run_id)


def test_a_job_of_another_process_is_left_alone(world):
    run_id = world.ask("rotate")
    world.launch()
    world.runner.hand_over()
    assert world.runs.show(run_id).status == "waiting"


def test_a_launch_that_failed_can_be_tried_again(world, monkeypatch):
    world.functions["work"] = lambda *_: {}
    run_id = world.ask("work")
    with monkeypatch.context() as patch:
        patch.setattr(dbos_runtime, "connect", lambda *_, **__: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            world.launch()
    world.launch()
    assert world.outcome(run_id).status == "done"


def test_nothing_is_pickled_and_no_error_is_quoted():
    serializer = JsonSerializer()
    assert serializer.serialize({"args": ["a"], "kwargs": {}}) == '{"args":["a"],"kwargs":{}}'
    again = serializer.deserialize(serializer.serialize(KeyError("ada@example.org")))
    assert (type(again), again.detail) == (Failed, "It failed with KeyError; the log says where.")


def test_what_dbos_logs_is_told_without_its_words(world, capsys):
    with capture_logs() as logs:
        world.launch()
        logging.getLogger("dbos").info("hello at https://console.example.org")
        logging.getLogger("dbos").warning("cannot store ada@example.org")
    assert [(entry["event"], entry["place"].partition(":")[0]) for entry in logs] == [("dbos", "test_job_runner.py")]
    assert "example.org" not in str(logs) + "".join(capsys.readouterr())
