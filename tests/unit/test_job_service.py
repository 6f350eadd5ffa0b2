"""Which jobs there are, when they are due, and what is told of them."""

import datetime as dt

import pytest

from cloudpulse.engines.local.jobs import SqliteJobs
from cloudpulse.errors import NotFound, StoreError, UserError
from cloudpulse.ops import jobs as ops
from cloudpulse.ops.jobs import JOBS, Days, Job, JobService, last_slot, next_slot, put_due_in_line
from cloudpulse.settings import Settings
from cloudpulse.wiring import pipeline
from cloudpulse.wiring.jobs import job_functions

NIGHT = dt.datetime(2026, 11, 20, 0, 5, tzinfo=dt.UTC)
DAY = dt.timedelta(days=1)
NIGHTLY = Job("nightly", "5 0 * * *", "Runs at night.")
ASKED = Job("asked", None, "Runs when asked for.", arguments=Days)
HERE = Job("here", "0 * * * *", "Runs in this process.", process="api")


@pytest.fixture
def runs(tmp_path):
    store = SqliteJobs(tmp_path)
    yield store
    store.close()


class Clock:
    now = NIGHT

    def __call__(self) -> dt.datetime:
        self.now += dt.timedelta(seconds=1)
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def calls():
    return []


@pytest.fixture
def service(runs, clock, calls):
    return JobService(runs, clock, {"here": lambda *given: calls.append(given)}, (NIGHTLY, HERE, ASKED))


def finish(runs, run, error=None):
    runs.begin(run.id, NIGHT)
    runs.finish(run.id, NIGHT, None if error else {}, error)


@pytest.mark.parametrize(
    ("moment", "last", "following"),
    [
        (NIGHT, NIGHT, NIGHT + DAY),
        (NIGHT - dt.timedelta(microseconds=1), NIGHT - DAY, NIGHT),
        (NIGHT + dt.timedelta(hours=23), NIGHT, NIGHT + DAY),
    ],
)
def test_when_a_job_is_due(moment, last, following):
    assert (last_slot("5 0 * * *", moment), next_slot("5 0 * * *", moment)) == (last, following)


def test_a_job_is_put_in_line_when_its_time_has_come(runs):
    def line(now):
        return put_due_in_line(runs, now, (NIGHTLY, HERE))

    assert line(NIGHT - DAY) == []  # a new folder has missed nothing
    assert line(NIGHT - dt.timedelta(seconds=1)) == []
    assert line(NIGHT) == ["nightly"]
    assert line(NIGHT + dt.timedelta(hours=1)) == []


def test_a_machine_that_was_off_for_a_week_runs_a_job_once(runs):
    put_due_in_line(runs, NIGHT, (NIGHTLY,))
    assert put_due_in_line(runs, NIGHT + 7 * DAY + dt.timedelta(hours=9), (NIGHTLY,)) == ["nightly"]
    (run,) = runs.history()
    assert run.scheduled_for == "2026-11-27T00:05:00.000Z"
    finish(runs, run)
    assert put_due_in_line(runs, NIGHT + 8 * DAY, (NIGHTLY,)) == ["nightly"]


def test_a_job_of_another_process_waits_in_line(service):
    run = service.start("nightly")
    assert (run.status, run.arguments) == ("waiting", {})
    assert service.show("nightly", run.id) == run


def test_a_job_without_a_schedule_runs_only_when_asked_for(runs, service):
    for day in range(3):
        assert put_due_in_line(runs, NIGHT + day * DAY, (ASKED,)) == []
    (state,) = [state for state in service.states() if state.name == "asked"]
    assert (state.cron, state.next_run_at) == (None, None)
    run = service.start("asked", {"date_from": "2026-11-19", "date_to": "2026-11-20"})
    assert run.arguments == {"date_from": "2026-11-19", "date_to": "2026-11-20", "dry_run": False}
    assert service.show("asked", run.id) == run


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("nightly", {"deep": True}),
        ("asked", None),
        ("asked", {"date_from": "2026-11-20", "date_to": "2026-11-19"}),
        ("asked", {"date_from": "yesterday", "date_to": "2026-11-19"}),
        ("asked", {"date_from": "0001-01-01", "date_to": "2026-11-19"}),
        ("asked", {"date_from": "2026-11-19", "date_to": "9999-12-31"}),
        ("asked", {"date_from": "2026-11-19", "date_to": "2026-11-19", "user": "ada"}),
    ],
)
def test_arguments_that_a_job_does_not_take(runs, service, name, arguments):
    with pytest.raises(UserError, match=f"The job {name} does not take these arguments"):
        service.start(name, arguments)
    assert runs.history() == []


def test_a_job_of_this_process_runs_at_once(service, calls):
    run = service.start("here")
    assert (run.status, run.attempts, run.result, len(calls)) == ("done", 1, None, 1)


def test_a_failure_here_is_told_in_a_sentence(runs, clock):
    def fail(*_):
        raise StoreError("The secrets cannot be written.")

    run = JobService(runs, clock, {"here": fail}, (HERE,)).start("here")
    assert (run.status, run.error) == ("failed", "The secrets cannot be written.")


def test_a_foreign_error_is_told_without_its_words(runs, clock):
    run = JobService(runs, clock, {"here": lambda *_: {}["ada@example.org"]}, (HERE,)).start("here")
    assert run.error == "It failed with KeyError; the log says where."


def test_what_a_dead_process_left_open_is_closed(runs, clock, service):
    run = runs.request("here", {}, NIGHT)
    runs.begin(run.id, NIGHT)
    other = runs.request("nightly", {}, NIGHT)
    service.abandon()
    assert service.show("here", run.id).error == ops.CUT_OFF
    assert service.show("nightly", other.id).status == "waiting"


def test_an_unknown_job_or_run(service):
    for ask in (service.start, lambda name: service.history(name, 1)):
        with pytest.raises(NotFound, match="There is no job 'nobody'; there are nightly, here, asked"):
            ask("nobody")
    run = service.start("here")
    for name, run_id in (("here", "nobody"), ("nightly", run.id)):
        with pytest.raises(NotFound, match="There is no run"):
            service.show(name, run_id)


def test_the_state_of_a_job(runs, service):
    state = service.states()[0]
    assert (state.last_run, state.last_success_at, state.failures) == (None, None, 0)
    assert state.next_run_at == "2026-11-21T00:05:00.000Z"
    for error in ("old", None, "new", "newer"):
        finish(runs, service.start("nightly"), error)
    waiting = service.start("nightly")
    state = service.states()[0]
    assert (state.last_run, state.failures, state.last_success_at) == (waiting, 2, "2026-11-20T00:05:00.000Z")


def test_the_gauges_of_jobs(runs, service):
    finish(runs, service.start("nightly"))
    finish(runs, service.start("nightly"), "no")
    found = {name: (gauge.label, gauge.values) for name, gauge in service.gauges().items()}
    assert found == {
        "job_last_success_seconds": ("job", {"nightly": NIGHT.timestamp()}),
        "job_failures": ("job", {"nightly": 1.0, "here": 0.0, "asked": 0.0}),
    }


def test_history_expires(runs):
    finish(runs, runs.request("nightly", {}, NIGHT), "no")
    assert ops.expire(runs, NIGHT + 89 * DAY) == {"job_runs": 0}
    assert ops.expire(runs, NIGHT + 91 * DAY) == {"job_runs": 1}


def test_every_job_is_bound_to_a_function(tmp_path, runs):
    settings = Settings(data=tmp_path)
    functions = job_functions(settings, pipeline(settings), runs)
    assert set(functions) == {job.name for job in JOBS if job.process == "pipeline"}
    assert len({job.name for job in JOBS}) == len(JOBS)
