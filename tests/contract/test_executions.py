"""The port ``Executions``."""

import datetime as dt
import threading

import msgspec

from cloudpulse.events.times import rfc3339
from cloudpulse.ports import Execution, StepRun

NOW = dt.datetime(2026, 11, 20, 0, 5, tzinfo=dt.UTC)
DAY = dt.timedelta(days=1)


def execution(number, status="waiting", workflow="activity", ended=None):
    steps = (StepRun(name="ingest", status="done", output={"bytes": 7}), StepRun(name="process", errors=("no",)))
    finished_at = rfc3339(ended) if ended else None
    return Execution(
        id=f"a-{number}",
        workflow=workflow,
        status=status,
        requested_at=rfc3339(NOW),
        finished_at=finished_at,
        steps=steps,
    )


def test_an_execution_is_started_once(executions):
    first = execution(1)
    assert executions.start(first) == first
    other = msgspec.structs.replace(first, workflow="other")
    assert executions.start(other) == first
    assert executions.show("a-1") == first
    assert executions.show("a-2") is None


def test_a_change_replaces_all_or_nothing(executions):
    executions.start(execution(1))
    changed = executions.change("a-1", lambda one: msgspec.structs.replace(one, status="running"))
    assert changed.status == "running"
    assert executions.show("a-1") == changed
    assert executions.change("a-1", lambda one: None) is None
    assert executions.change("a-2", lambda one: one) is None
    assert executions.show("a-1") == changed


def test_changes_of_many_threads_are_one_after_the_other(executions):
    executions.start(execution(1))

    def count():
        for _ in range(20):
            executions.change("a-1", lambda one: msgspec.structs.replace(one, retries=one.retries + 1))

    threads = [threading.Thread(target=count) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert executions.show("a-1").retries == 80


def test_history_is_newest_first_by_workflow_and_status(executions):
    for number, (status, workflow) in enumerate([("waiting", "a"), ("done", "a"), ("waiting", "b")]):
        executions.start(execution(number, status, workflow))
    executions.change("a-0", lambda one: msgspec.structs.replace(one, status="failed"))
    assert [one.id for one in executions.history()] == ["a-2", "a-1", "a-0"]
    assert [one.id for one in executions.history("a")] == ["a-1", "a-0"]
    assert [one.id for one in executions.history(statuses=("waiting", "failed"))] == ["a-2", "a-0"]
    assert [one.id for one in executions.history(limit=1)] == ["a-2"]


def test_old_executions_go_and_those_that_have_not_ended_stay(executions):
    for number, (status, ended) in enumerate(
        [("done", NOW - 9 * DAY), ("waiting", None), ("failed", NOW - 9 * DAY), ("done", NOW), ("running", None)]
    ):
        executions.start(execution(number, status, ended=ended))
    assert executions.prune(NOW - DAY, keep=100) == 2
    assert [one.id for one in executions.history()] == ["a-4", "a-3", "a-1"]
    assert executions.prune(NOW - DAY, keep=1) == 1
    assert [one.id for one in executions.history()] == ["a-4", "a-1"]
