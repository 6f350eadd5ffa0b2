"""Executions of workflows: begun once, run step by step on DBOS, failed, taken up again. Guards mechanism 21.

Deaths are in ``tests/crash/test_workflow_kill.py``.
"""

import datetime as dt
import hashlib
import json
import threading
import time

import msgspec
import pytest

from cloudpulse.engines.local import workflow_runner
from cloudpulse.engines.local.executions import SqliteExecutions
from cloudpulse.engines.local.intake import Receipt
from cloudpulse.engines.local.job_runner import DbosRunner
from cloudpulse.engines.local.jobs import SqliteJobs
from cloudpulse.engines.local.workflow_runner import DbosWorkflows
from cloudpulse.errors import Conflict, NotFound, Overloaded, StoreError, UserError
from cloudpulse.events.model import Event
from cloudpulse.events.validate import Rejection
from cloudpulse.ops import activity, workflows
from cloudpulse.ops.activity import Activity
from cloudpulse.ops.uploads import Uploads
from cloudpulse.ops.workflows import StepRunner, Upload, WorkflowService
from cloudpulse.settings import Settings

NOW = dt.datetime(2026, 11, 20, 12, tzinfo=dt.UTC)
DAY = dt.timedelta(days=1)
PATIENCE_SECONDS = 60


class Intake:
    """The api process: knows ids, and fails when told to."""

    def __init__(self):
        self.events = {}
        self.batches = []
        self.failures = []

    def deliver(self, lines, client_id, app):
        if self.failures:
            raise self.failures.pop(0)
        events = [msgspec.json.decode(line, type=Event) for line in lines]
        new = [one for one in events if one.event_id not in self.events]
        self.events |= {one.event_id: one for one in new}
        self.batches.append((len(lines), client_id, app))
        return Receipt(accepted=len(new), duplicates=len(events) - len(new), errors=[])


class World:
    def __init__(self, folder):
        self.now = NOW
        self.settings = Settings(data=folder, min_free_bytes=0)
        self.runs = SqliteJobs(folder)
        self.executions = SqliteExecutions(folder)
        self.uploads = Uploads(self.settings)
        self.service = WorkflowService(self.executions, self.uploads, lambda: self.now)
        self.intake = Intake()
        self.steps = Activity(self.settings, self.uploads, lambda *given: self.intake.deliver(*given)).steps()
        self.stepper = StepRunner(self.executions, {"activity": self.steps}, lambda: self.now)
        self.runner = None

    def launch(self):
        guests = [DbosWorkflows(self.stepper, retry_seconds=0.001, poll_seconds=0.01)]
        self.runner = DbosRunner(self.settings.data, self.runs, {}, lambda: self.now, guests=guests)
        self.runner.launch()

    def close(self):
        if self.runner:
            self.runner.close()
        self.executions.close()
        self.runs.close()

    def start(self, *events, key=None, kind="json", **changes):
        return self.send(json.dumps(events[0] if len(events) == 1 else events).encode(), key, kind, **changes)

    def send(self, body, key=None, kind="json", client_id="shop"):
        digest = hashlib.sha256(body).digest()
        upload = Upload(kind=kind, chunks=[body], digest=digest, client_id=client_id, app="web")
        return self.service.start("activity", upload, key)

    def run(self, execution):
        """Each step once, here and now."""
        for name in self.stepper.steps(execution.id):
            try:
                self.stepper.attempt(execution.id, name)
            except Exception:
                self.stepper.give_up(execution.id, name)
        return self.service.show(execution.id)

    def outcome(self, execution):
        self.runner.hand_over()
        give_up_at = time.monotonic() + PATIENCE_SECONDS
        while (now := self.service.show(execution.id)).status in ("waiting", "running"):
            assert time.monotonic() < give_up_at, now
            time.sleep(0.02)
        return now


@pytest.fixture
def world(tmp_path):
    world = World(tmp_path)
    yield world
    world.close()


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    """One that runs on DBOS; starting it takes a while."""
    world = World(tmp_path_factory.mktemp("running"))
    world.launch()
    yield world
    world.close()


def event(event_type="click", **fields):
    return {"event_type": event_type, "session_id": "s", "source": "web", **fields}


def statuses(execution):
    return [(step.name, step.status, step.attempts) for step in execution.steps]


def test_an_execution_has_its_raw_copy_when_it_begins(world):
    begun = world.start(event(user_id="ada"))
    assert begun.status == "waiting"
    assert statuses(begun) == [("ingest", "done", 1), ("process", "waiting", 0), ("write", "waiting", 0)]
    with world.uploads.open(begun.steps[0].output["path"]) as raw:
        assert json.load(raw) == event(user_id="ada")


def test_from_step_to_step(world):
    execution = world.start(event("Page View"), event(source="fax"), event("signup"))
    ended = world.run(execution)
    assert (ended.status, ended.error, ended.finished_at) == ("done", None, "2026-11-20T12:00:00.000Z")
    assert statuses(ended) == [("ingest", "done", 1), ("process", "done", 1), ("write", "done", 1)]
    ingest, process, write = ended.steps
    assert process.input == ingest.output
    assert process.output == {
        "events": 3,
        "valid": 2,
        "rejected": 1,
        "rejections": [{"index": 1, "code": "invalid_enum", "field": "source"}],
        "processed_at": "2026-11-20T12:00:00.000Z",
    }
    assert write.input == process.output
    assert write.output == {"accepted": 2, "duplicates": 0, "rejected": 0, "rejections": []}
    assert world.intake.batches == [(2, "shop", "web")]
    assert [one.event_type for one in world.intake.events.values()] == ["page_view", "custom"]


def test_history_holds_nothing_that_was_sent(world):
    execution = world.start(event(user_id="ada"), event("signup ada"), {"ada": 1}, event(source="ada"), key="ada")
    world.run(execution)
    refused = world.start({"event_type": "ada", "user_id": "ada" * 100})
    assert world.run(refused).status == "failed"
    assert b"ada" not in b"".join(path.read_bytes() for path in world.settings.data.glob("jobs.db*"))


def test_a_step_that_fails_is_tried_again(running):
    """Guards mechanism 21: what was done before a failure is not done twice."""
    running.intake.failures = [StoreError("The api process did not answer."), Overloaded("Not now.")]
    execution = running.start(event())
    ended = running.outcome(execution)
    assert statuses(ended)[1:] == [("process", "done", 1), ("write", "done", 3)]
    assert ended.steps[2].errors == ("The api process did not answer.", "Not now.")
    assert len(running.intake.events) == 1


def test_a_step_that_keeps_failing_ends_the_execution_which_can_be_taken_up_again(running):
    running.intake.failures = [StoreError("No answer.")] * workflow_runner.TRIES
    execution = running.start(event())
    ended = running.outcome(execution)
    assert (ended.status, ended.error) == ("failed", "write: No answer.")
    assert statuses(ended)[1:] == [("process", "done", 1), ("write", "failed", workflow_runner.TRIES)]
    assert running.service.retry(execution.id).status == "waiting"
    again = running.outcome(execution)
    assert (again.status, again.retries, again.error) == ("done", 1, None)
    assert statuses(again)[1:] == [("process", "done", 1), ("write", "done", workflow_runner.TRIES + 1)]
    assert running.service.retry(execution.id) == again


def test_what_cannot_succeed_is_tried_once(world):
    execution = world.send(b"rubbish")
    none_valid = world.start({"a": 1}, 5)
    empty = world.send(b"[]")
    assert world.run(execution).error.startswith("process: The upload is neither")
    assert statuses(world.run(execution))[1:] == [("process", "failed", 1), ("write", "waiting", 0)]
    assert world.run(none_valid).error == "process: No event is valid: 1 × unknown_field, 1 × invalid_type."  # noqa: RUF001
    assert world.run(empty).error == "process: The upload holds no event."
    assert world.intake.batches == []


def test_a_raw_copy_that_is_gone_is_one_sentence(world):
    execution = world.start(event())
    world.uploads.expire((NOW + DAY).date())
    assert world.run(execution).error == "process: The raw copy of the upload is not there any more."


def test_one_execution_that_fails_holds_up_no_other(running):
    gate = threading.Event()
    process = running.steps["process"]
    slow = running.start(event())

    def wait_for_slow(execution, now):
        return (
            gate.wait(PATIENCE_SECONDS) and process(execution, now)
            if execution.id == slow.id
            else process(execution, now)
        )

    running.steps["process"] = wait_for_slow
    quick = running.start(event())
    assert running.outcome(quick).status == "done"
    assert running.service.show(slow.id).status == "running"
    gate.set()
    assert running.outcome(slow).status == "done"


def test_a_key_names_an_execution(world):
    first = world.start(event(), key="k")
    assert world.start(event(), key="k") == first
    ended = world.run(first)
    assert world.start(event(), key="k") == ended
    others = [world.start(event(), key="l"), world.start(event(), key="k", client_id="other"), world.start(event())]
    assert len({first.id, *(one.id for one in others)}) == 4
    with pytest.raises(Conflict, match="other content"):
        world.start(event("error"), key="k")
    with pytest.raises(Conflict):
        world.send(json.dumps(event()).encode(), key="k", kind="ndjson")
    with world.uploads.open(first.steps[0].output["path"]) as raw:
        assert json.load(raw) == event()


def test_the_same_key_takes_up_again_what_has_failed(world):
    world.intake.failures = [StoreError("No answer.")]
    first = world.start(event(), key="k")
    assert world.run(first).status == "failed"
    assert world.start(event(), key="k").status == "waiting"
    assert world.run(first).status == "done"


def test_two_requests_of_one_key_at_once(world):
    found = []

    def ask(body):
        try:
            found.append(world.send(body, key="k").id)
        except Conflict:
            found.append("conflict")

    bodies = [json.dumps(event()).encode(), json.dumps(event("error")).encode()]
    threads = [threading.Thread(target=ask, args=(body,)) for body in bodies * 4]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(map(found.count, {*found})) == [4, 4]
    assert "conflict" in found
    execution = world.service.history(None, None, 10)[0]
    kept = execution.steps[0]
    with world.uploads.open(kept.output["path"]) as raw:
        assert world.send(raw.read(), key="k") == execution


def test_a_step_that_is_run_again_adds_nothing(world):
    """Guards mechanism 4: ids follow from the execution and the index."""
    execution = world.start(event(), event("error"))
    assert world.steps["write"](execution, NOW)["accepted"] == 2
    assert world.steps["write"](execution, NOW) == {"accepted": 0, "duplicates": 2, "rejected": 0, "rejections": []}
    other = world.start(event(), event("error"))
    assert world.steps["write"](other, NOW)["accepted"] == 2


def test_large_uploads_go_in_batches_and_what_ingest_refuses_has_its_index(world, monkeypatch):
    monkeypatch.setattr(activity, "BATCH_EVENTS", 3)
    body = b"\n".join(json.dumps(event(n)).encode() for n in ("click", "", "click", "click", "click", "error"))
    execution = world.send(body, kind="ndjson")
    assert world.steps["write"](execution, NOW)["accepted"] == 5
    assert [size for size, *_ in world.intake.batches] == [3, 2]

    def refuse_the_last(lines, *_):
        rejection = Rejection(len(lines) - 1, "id", "conflict", "event_id", "words")
        return Receipt(accepted=len(lines) - 1, duplicates=0, errors=[rejection])

    monkeypatch.setattr(world.intake, "deliver", refuse_the_last)
    rejections = world.steps["write"](execution, NOW)["rejections"]
    assert rejections == [{"index": index, "code": "conflict", "field": "event_id"} for index in (3, 5)]


def test_batches_are_bounded_in_bytes(world, monkeypatch):
    monkeypatch.setattr(activity, "BATCH_BYTES", 500)
    world.steps["write"](world.start(*[event(properties={"a": "x" * 200})] * 3), NOW)
    assert [size for size, *_ in world.intake.batches] == [1, 1, 1]


def test_what_may_have_been_stored_before_its_ids_were_forgotten_is_not_stored_again(world):
    """Guards mechanism 4: ids are known for a window alone."""
    begun = world.start(event())
    late = NOW + (world.settings.dedup_window_days + 1) * DAY
    second = workflows.begun(workflows.begun(begun, "write", NOW), "write", late)
    assert world.steps["write"](workflows.begun(begun, "write", late), late)["accepted"] == 1
    with pytest.raises(UserError, match="dedup_window_days"):
        world.steps["write"](second, late)


def test_a_step_that_ends_its_process_again_and_again_is_given_up(world):
    execution = world.start(event())
    for _ in range(workflows.MAX_ATTEMPTS):
        world.executions.change(execution.id, lambda one: workflows.begun(one, "process", NOW))
    with pytest.raises(UserError, match="10 tries"):
        world.stepper.attempt(execution.id, "process")


def test_what_had_ended_is_not_run_again(world):
    """Guards mechanism 21: a crash between the end of a step and DBOS's note of it."""
    execution = world.start(event())
    for name in ("process", "write", "write", "process"):
        world.stepper.attempt(execution.id, name)
    assert world.service.show(execution.id).status == "done"
    assert world.intake.batches == [(1, "shop", "web")]


def test_a_store_that_refuses_the_end_is_waited_for(running, monkeypatch):
    """Guards mechanism 21: else it would seem to run for ever."""
    monkeypatch.setattr(workflow_runner, "STORE_SECONDS", 0.01)
    give_up, refusals = running.stepper.give_up, [StoreError("Full."), StoreError("Full.")]

    def refuse(*given):
        if refusals:
            raise refusals.pop()
        give_up(*given)

    monkeypatch.setattr(running.stepper, "give_up", refuse)
    execution = running.send(b"rubbish")
    assert running.outcome(execution).status == "failed"


def test_history_and_what_is_unknown(world):
    ids = [world.start(event()).id for _ in range(3)]
    assert [one.id for one in world.service.history("activity", "waiting", 2)] == [ids[2], ids[1]]
    assert world.service.history(None, "failed", 5) == []
    for unknown in (
        lambda: world.service.history("nothing", None, 1),
        lambda: world.service.show("nothing"),
        lambda: world.service.retry("nothing"),
        lambda: workflows.find("nothing"),
    ):
        with pytest.raises(NotFound, match="nothing"):
            unknown()


def test_history_and_raw_copies_expire(world):
    old = world.start(event())
    world.executions.change(old.id, lambda one: workflows.failed(one, "process", NOW))
    world.now += 91 * DAY
    world.start(event())
    assert workflows.expire(world.executions, world.uploads, 30, world.now) == {"executions": 1, "uploads": 1}
    assert len(world.uploads.paths()) == len(world.executions.history()) == 1
