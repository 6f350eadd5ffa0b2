"""kill -9 of either process at each step of a workflow (guards mechanism 21): no event is lost, none is there twice."""

import json
import os
from collections import Counter
from pathlib import Path
from typing import Any

from crash_harness import Server, live_counts, running, silver_ids, until

EVENTS = 3
API = ["upload.keep.after", "execution.start.before", "execution.start.after", "journal.commit.before", "answer.after"]
PIPELINE = ["execution.change.after", "workflow.process.after", "workflow.deliver.before", "workflow.write.after"]


def test_an_execution_comes_to_its_end_wherever_a_process_dies(tmp_path: Path) -> None:
    with running(tmp_path) as server:
        for number, point in enumerate(API + PIPELINE):
            server.arm(point)
            execution = _send(server, f"key-{number}")
            ended = _ended(server, execution["id"], point)
            assert server.has_fired(point)
            assert ended["status"] == "done", ended
            written = ended["steps"][2]["output"]
            assert written["accepted"] + written["duplicates"] == EVENTS, (point, written)
            assert max(step["attempts"] for step in ended["steps"]) <= 3, (point, ended)
        _check(server, number + 1)
        assert len(server.get("/v1/workflows")["executions"]) == number + 1
        assert len(list(server.data.glob("ingest/*/*/*/*.zst"))) == number + 1


def test_a_file_is_taken_once_wherever_the_pipeline_dies(tmp_path: Path) -> None:
    folder = tmp_path / "watched"
    folder.mkdir()
    with running(tmp_path, watch_folder=folder) as server:
        points = [
            "upload.keep.before",
            "upload.keep.after",
            "execution.start.after",
            "workflow.write.after",
            "folder.move.before",
        ]
        for number, point in enumerate(points):
            server.arm(point)
            (folder / "part").write_text("\n".join(json.dumps(_event()) for _ in range(EVENTS)))
            os.rename(folder / "part", folder / f"{number}.ndjson")
            until((folder / "done" / f"{number}.ndjson").exists, f"the file is done after a death at {point}")
            assert server.has_fired(point)
        _check(server, len(points))
        assert sorted(path.name for path in folder.iterdir()) == ["done"]


def _send(server: Server, key: str) -> dict[str, Any]:
    """As a client does: again and again, until there is an answer."""
    events = [_event() for _ in range(EVENTS)]

    def ask() -> Any:
        answer = server.request("POST", "/v1/workflows/activity", events, **{"Idempotency-Key": key})
        assert answer.status in (202, 503), answer
        return answer.body if answer.status == 202 else None

    found: dict[str, Any] = until(ask, "an execution")
    return found


def _ended(server: Server, execution_id: str, point: str) -> dict[str, Any]:
    def look() -> Any:
        execution = server.get(f"/v1/workflows/{execution_id}")
        return execution if execution["status"] in ("done", "failed") else None

    found: dict[str, Any] = until(look, f"the end after a death at {point}")
    return found


def _check(server: Server, executions: int) -> None:
    server.settle()
    ids = silver_ids(server.data)
    assert len(ids) == len(set(ids)) == executions * EVENTS
    assert sum(live_counts(server.data).values()) == executions * EVENTS
    assert Counter(event_type for _, event_type in live_counts(server.data)).keys() == {"page_view"}
    report = server.verify()
    assert report.returncode == 0, report.stdout + report.stderr


def _event() -> dict[str, Any]:
    return {"event_type": "Page View", "session_id": "s", "source": "web"}
