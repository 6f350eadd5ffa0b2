"""The loop that launches jobs beside the layers."""

import datetime as dt

import pytest
from structlog.testing import capture_logs

from cloudpulse.engines.local.jobs import SqliteJobs
from cloudpulse.entrypoints import run_jobs
from cloudpulse.entrypoints.run_jobs import JobLoop

NOW = dt.datetime(2026, 11, 20, 0, 5, tzinfo=dt.UTC)


class Runner:
    """Cannot be launched at first."""

    def __init__(self, failures):
        self.failures = failures
        self.launched = 0
        self.handed_over = 0

    def launch(self):
        self.launched += 1
        if self.launched <= self.failures:
            raise OSError(28, "No space left on device")

    def hand_over(self):
        self.handed_over += 1


@pytest.fixture
def runs(tmp_path):
    store = SqliteJobs(tmp_path)
    yield store
    store.close()


def test_jobs_are_launched_once_and_put_in_line_when_due(runs):
    runner, clock = Runner(0), [NOW - dt.timedelta(days=1)]
    loop = JobLoop(runs, lambda: runner, lambda: clock[0])
    loop.look()
    clock[0] = NOW
    loop.look()
    assert (runner.launched, runner.handed_over) == (1, 2)
    assert "summarise" in {run.name for run in runs.history()}


def test_jobs_that_cannot_be_launched_are_tried_again(runs, monkeypatch):
    """Nothing of it reaches the layers, which run in threads of their own."""
    monkeypatch.setattr(run_jobs, "DELAY_SECONDS", 0.0)
    monkeypatch.setattr(run_jobs, "RETRY_SECONDS", 0.0)
    runner = Runner(3)
    loop = JobLoop(runs, lambda: runner, lambda: NOW)
    with capture_logs() as logs:
        loop.start()
        while not runner.handed_over:
            assert loop.is_alive()
        loop.stop()
    assert runner.launched == 4
    assert [entry["event"] for entry in logs] == ["jobs could not be run"] * 3
