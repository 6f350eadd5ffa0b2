"""The port ``Jobs``."""

import datetime as dt

NOW = dt.datetime(2026, 11, 20, 0, 5, tzinfo=dt.UTC)
HOUR = dt.timedelta(hours=1)
DAY = dt.timedelta(days=1)


def names(runs):
    return [(run.name, run.status) for run in runs]


def test_a_run_waits_runs_and_ends(jobs):
    run = jobs.request("compact", {"days": 2}, NOW)
    assert (run.status, run.attempts, run.arguments, run.scheduled_for) == ("waiting", 0, {"days": 2}, None)
    assert jobs.show(run.id) == run
    begun = jobs.begin(run.id, NOW + HOUR)
    assert (begun.status, begun.attempts, begun.started_at) == ("running", 1, "2026-11-20T01:05:00.000Z")
    jobs.finish(run.id, NOW + 2 * HOUR, result={"files": 3})
    ended = jobs.show(run.id)
    assert (ended.status, ended.seconds, ended.result, ended.error) == ("done", 3600.0, {"files": 3}, None)


def test_each_try_counts_and_the_first_one_is_the_start(jobs):
    run = jobs.request("compact", {}, NOW)
    jobs.begin(run.id, NOW)
    assert jobs.begin(run.id, NOW + HOUR).attempts == 2
    jobs.finish(run.id, NOW + 2 * HOUR, error="It did not work.")
    failed = jobs.show(run.id)
    assert (failed.status, failed.seconds, failed.result, failed.error) == ("failed", 7200.0, None, "It did not work.")


def test_what_has_ended_stays_as_it_is(jobs):
    run = jobs.request("compact", {}, NOW)
    jobs.begin(run.id, NOW)
    jobs.finish(run.id, NOW, result={})
    ended = jobs.show(run.id)
    assert jobs.begin(run.id, NOW + HOUR) is None
    jobs.finish(run.id, NOW + HOUR, error="late")
    assert jobs.show(run.id) == ended


def test_an_unknown_run(jobs):
    assert jobs.show("nothing") is None
    assert jobs.begin("nothing", NOW) is None
    jobs.finish("nothing", NOW)


def test_a_scheduled_time_is_put_in_line_once(jobs):
    assert not jobs.schedule("summarise", NOW - DAY, NOW)  # known from now on
    assert jobs.schedule("summarise", NOW, NOW + HOUR)
    assert not jobs.schedule("summarise", NOW, NOW + HOUR)
    assert not jobs.schedule("summarise", NOW - HOUR, NOW + HOUR)
    (run,) = jobs.history()
    assert (run.scheduled_for, run.requested_at) == ("2026-11-20T00:05:00.000Z", "2026-11-20T01:05:00.000Z")


def test_a_run_that_waits_serves_for_the_next_time_too(jobs):
    jobs.schedule("compact", NOW - HOUR, NOW)
    jobs.schedule("compact", NOW, NOW)
    assert not jobs.schedule("compact", NOW + HOUR, NOW + HOUR)
    (run,) = jobs.history()
    jobs.begin(run.id, NOW + HOUR)
    assert jobs.schedule("compact", NOW + 2 * HOUR, NOW + 2 * HOUR)


def test_history_is_newest_first_by_name_and_status(jobs):
    first, second, third = (jobs.request(name, {}, NOW) for name in ("a", "b", "a"))
    jobs.begin(first.id, NOW)
    jobs.begin(third.id, NOW)
    jobs.finish(third.id, NOW, result={})
    assert [run.id for run in jobs.history()] == [third.id, second.id, first.id]
    assert names(jobs.history("a")) == [("a", "done"), ("a", "running")]
    assert names(jobs.history(statuses=("waiting", "running"))) == [("b", "waiting"), ("a", "running")]
    assert [run.id for run in jobs.history(limit=1)] == [third.id]
    assert jobs.history("a", ("failed",)) == []


def ended(jobs, name, at, error=None):
    run = jobs.request(name, {}, at)
    jobs.begin(run.id, at)
    jobs.finish(run.id, at, None if error else {}, error)
    return run.id


def test_old_runs_go_but_never_the_newest_good_one(jobs):
    good, failed = ended(jobs, "a", NOW - 9 * DAY), ended(jobs, "a", NOW - 8 * DAY, "no")
    waiting = jobs.request("a", {}, NOW - 10 * DAY).id
    new = ended(jobs, "b", NOW)
    assert jobs.prune(NOW - DAY, keep=100) == 1
    assert {run.id for run in jobs.history()} == {good, waiting, new}
    assert jobs.show(failed) is None


def test_only_so_many_runs_stay(jobs):
    ids = [ended(jobs, "a", NOW) for _ in range(10)]
    assert jobs.prune(NOW - DAY, keep=4) == 6
    assert [run.id for run in jobs.history()] == list(reversed(ids))[:4]
    assert jobs.prune(NOW - DAY, keep=4) == 0


def test_a_slot_stays_known_when_its_run_is_forgotten(jobs):
    jobs.schedule("a", NOW - DAY, NOW)
    jobs.schedule("a", NOW, NOW)
    (run,) = jobs.history()
    jobs.finish(run.id, NOW, error="no")
    assert jobs.prune(NOW + DAY, keep=0) == 1
    assert not jobs.schedule("a", NOW, NOW + DAY)
