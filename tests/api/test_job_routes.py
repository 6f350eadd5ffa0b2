"""Jobs and daily summaries over HTTP."""

import datetime as dt
import json

import msgspec
import pytest

from cloudpulse.events.summary import DailySummary
from cloudpulse.lake.summaries import write_summary

DAY = dt.date(2026, 11, 19)


@pytest.fixture
def admin(bearer):
    return bearer("admin")


def test_the_list_of_jobs(http, admin):
    jobs = {job["name"]: job for job in http.get("/v1/jobs", headers=admin).json()["jobs"]}
    assert jobs["summarise"]["cron"] == "5 0 * * *"
    assert jobs["summarise"]["last_run"] is None
    assert jobs["summarise"]["next_run_at"].endswith("T00:05:00.000Z")


def test_a_run_is_put_in_line_and_written_into_the_audit_log(http, services, admin, runs):
    answer = http.post("/v1/jobs/summarise/run", headers=admin)
    run = answer.json()
    assert (answer.status_code, run["status"], run["name"]) == (202, "waiting", "summarise")
    assert http.get(f"/v1/jobs/summarise/history/{run['id']}", headers=admin).json() == run
    runs.begin(run["id"], services.now())
    runs.finish(run["id"], services.now(), result={"days": []})
    (ended,) = http.get("/v1/jobs/summarise/history", headers=admin).json()["runs"]
    assert (ended["status"], ended["result"], ended["attempts"]) == ("done", {"days": []}, 1)
    entry = json.loads((services.settings.data / "audit.ndjson").read_text())
    assert (entry["action"], entry["subject"], entry["actor"]) == ("job_run", "job/summarise", "client/probe")


def test_a_job_of_the_api_process_has_ended_when_the_answer_comes(http, admin):
    assert http.post("/v1/jobs/rotate/run", headers=admin).json()["status"] == "done"


def test_arguments_of_a_run_are_checked(http, services, admin):
    days = {"date_from": "2026-11-19", "date_to": "2026-11-20"}
    run = http.post("/v1/jobs/replay/run", headers=admin, json=days).json()
    assert (run["status"], run["arguments"]) == ("waiting", days | {"dry_run": False})
    for name, body in (("replay", None), ("replay", days | {"dry_run": 1}), ("summarise", days), ("replay", [])):
        answer = http.post(f"/v1/jobs/{name}/run", headers=admin, json=body)
        assert (answer.status_code, answer.headers["content-type"]) == (400, "application/problem+json")
    assert len(http.get("/v1/jobs/replay/history", headers=admin).json()["runs"]) == 1


def test_an_unknown_job(http, services, admin):
    for method, path in (("POST", "run"), ("GET", "history"), ("GET", "history/nobody")):
        answer = http.request(method, f"/v1/jobs/nobody/{path}", headers=admin)
        assert answer.status_code == 404
    assert "there are summarise" in http.post("/v1/jobs/nobody/run", headers=admin).json()["detail"]
    assert not (services.settings.data / "audit.ndjson").exists()


def test_history_is_limited(http, admin):
    for _ in range(3):
        http.post("/v1/jobs/rotate/run", headers=admin)
    runs = http.get("/v1/jobs/rotate/history", headers=admin, params={"limit": 2}).json()["runs"]
    assert len(runs) == 2
    assert http.get("/v1/jobs/rotate/history", headers=admin, params={"limit": 0}).status_code == 400


def test_jobs_in_the_metrics(http, admin):
    http.post("/v1/jobs/rotate/run", headers=admin)
    text = http.get("/metrics", headers=admin).text
    assert 'cloudpulse_job_last_success_seconds{job="rotate"} 1.8e+09' in text
    assert 'cloudpulse_job_failures{job="summarise"} 0.0' in text


def test_a_daily_summary(http, services, bearer):
    summary = DailySummary(
        date=DAY,
        total_events=0,
        by_event_type={},
        by_hour=[],
        sessions=0,
        users=0,
        error_count=0,
        error_rate_pct=0.0,
        top_pages=[],
        top_countries=[],
        computed_from={},
    )
    write_summary(services.settings.data, summary)
    answer = http.get(f"/v1/summaries/{DAY}", headers=bearer("events:read"))
    assert (answer.status_code, answer.json()) == (200, msgspec.to_builtins(summary))


def test_a_day_without_a_summary(http, bearer):
    answer = http.get("/v1/summaries/2020-02-29", headers=bearer("events:read"))
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    assert answer.json()["detail"].startswith("There is no summary of 2020-02-29")
    assert http.get("/v1/summaries/yesterday", headers=bearer("events:read")).status_code in (400, 404)
