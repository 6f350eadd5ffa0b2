"""kill -9 of the pipeline in the middle of a job (guards mechanism 21): it is resumed, and its work is whole."""

import datetime as dt
import uuid
from pathlib import Path
from typing import Any

from crash_harness import Server, running, send, until

POINTS = ["job.begin", "job.work", "summary.write", "job.finish"]


def test_a_job_is_resumed_wherever_its_process_dies(tmp_path: Path) -> None:
    with running(tmp_path) as server:
        day = dt.datetime.now(dt.UTC) - dt.timedelta(days=2)
        for point in (f"{point}.{when}" for point in POINTS for when in ("before", "after")):
            send(server, [_event(day)])
            server.arm(point)
            run = server.request("POST", "/v1/jobs/summarise/run").body
            ended = until(lambda run=run: _ended(server, run), f"the job after a death at {point}")
            assert server.has_fired(point)
            assert ended["status"] == "done", ended
        summary = server.get(f"/v1/summaries/{day.date()}")
        assert summary["total_events"] == 2 * len(POINTS)
        runs = server.get("/v1/jobs/summarise/history")["runs"]
        assert [run["status"] for run in runs] == ["done"] * 2 * len(POINTS)
        assert max(run["attempts"] for run in runs) == 2
        assert not list((server.data / "daily_summaries").glob(".*"))


def test_a_job_that_always_ends_its_process_is_given_up(tmp_path: Path) -> None:
    with running(tmp_path) as server:
        (server.faults / "job.work.before.always").touch()
        run = server.request("POST", "/v1/jobs/summarise/run").body
        ended = until(lambda: _ended(server, run), "the job is given up")
        assert (ended["status"], ended["error"]) == ("failed", "Its process ended while it ran, 6 times in all.")
        (server.faults / "job.work.before.always").unlink()
        server.settle()
        again = server.request("POST", "/v1/jobs/summarise/run").body
        assert until(lambda: _ended(server, again), "the next run")["status"] == "done"


def _ended(server: Server, run: dict[str, Any]) -> dict[str, Any] | None:
    now: dict[str, Any] = server.get(f"/v1/jobs/summarise/history/{run['id']}")
    return now if now["status"] in ("done", "failed") else None


def _event(at: dt.datetime) -> dict[str, Any]:
    return {
        "event_id": str(uuid.uuid4()),
        "event_type": "click",
        "session_id": "s",
        "source": "web",
        "timestamp": at.isoformat(),
    }
