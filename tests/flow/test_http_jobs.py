"""Jobs on a running server: run by hand, listed, counted, and the summaries that one of them writes."""

import datetime as dt
import json

import pytest

from live_server import event, today


@pytest.fixture(scope="module")
def busy(start_server):
    """A server with events of the past three days."""
    server = start_server(lake_commit_seconds=1)
    with server.client() as client:
        for days in (1, 2, 3):
            send(client, days, session_id=f"s{days}")
        yield server, client


def send(client, days, **fields):
    at = dt.datetime.now(dt.UTC) - dt.timedelta(days=days)
    answer = client.post("/v1/events", json=event(timestamp=at.isoformat(), **({"session_id": "s"} | fields)))
    assert answer.json()["accepted"] == 1, answer.text


def summaries(server):
    paths = (server.data / "daily_summaries").iterdir()
    return {path.stem: (path.stat().st_ino, path.stat().st_mtime_ns) for path in paths}


def test_the_days_that_are_over_are_summarised_and_late_events_change_their_day_alone(busy):
    server, client = busy
    assert server.cli("jobs", "run", "summarise").startswith("summarise is done")
    before = summaries(server)
    assert set(before) == {today(-1), today(-2), today(-3)}
    found = client.get(f"/v1/summaries/{today(-2)}").json()
    assert (found["date"], found["total_events"], found["by_event_type"]) == (today(-2), 1, {"click": 1})
    send(client, 2, event_type="error")
    send(client, 0)
    done = json.loads(server.cli("jobs", "run", "summarise", "--json"))
    assert (done["status"], done["result"]) == ("done", {"days": [today(-2)]})
    after = summaries(server)
    assert {day for day in after if after[day] != before[day]} == {today(-2)}
    found = client.get(f"/v1/summaries/{today(-2)}").json()
    assert (found["total_events"], found["error_count"], found["sessions"]) == (2, 1, 2)
    assert client.get(f"/v1/summaries/{today()}").status_code == 404


def test_jobs_are_listed_with_their_last_run(busy):
    server, client = busy
    server.cli("jobs", "run", "expire")
    jobs = {job["name"]: job for job in json.loads(server.cli("jobs", "list", "--json"))}
    assert jobs["expire"]["last_run"]["status"] == "done"
    assert jobs["rotate"]["last_run"]["status"] == "done"  # it runs at every start
    assert "Removes history" in server.cli("jobs", "list")
    text = client.get("/metrics").text
    assert 'cloudpulse_job_failures{job="expire"} 0.0' in text
    assert 'cloudpulse_job_last_success_seconds{job="expire"}' in text


def test_the_history_of_jobs(busy):
    server, _ = busy
    server.cli("jobs", "run", "expire")
    server.cli("jobs", "run", "rotate")
    (newest, *_) = json.loads(server.cli("jobs", "history", "expire", "--json"))
    assert (newest["name"], newest["status"], newest["attempts"]) == ("expire", "done", 1)
    names = {run["name"] for run in json.loads(server.cli("jobs", "history", "--json"))}
    assert {"expire", "rotate"} <= names
    assert "expire" in server.cli("jobs", "history", "--limit", "1")


def test_who_ran_a_job_stands_in_the_audit_log(busy):
    server, _ = busy
    server.cli("jobs", "run", "expire")
    entries = [json.loads(line) for line in (server.data / "audit.ndjson").read_text().splitlines()]
    assert ("job_run", "job/expire") in [(entry["action"], entry["subject"]) for entry in entries]


def test_an_unknown_job_is_one_sentence(busy):
    server, client = busy
    server.cli("jobs", "run", "nothing", code=1)
    assert client.post("/v1/jobs/nothing/run").json()["detail"].startswith("There is no job 'nothing'")


def test_the_files_of_jobs_are_private_and_nothing_calls_home(busy):
    server, _ = busy
    for path in server.data.glob("jobs.db*"):
        assert path.stat().st_mode & 0o777 == 0o600
    assert "dbos.dev" not in server.log()
