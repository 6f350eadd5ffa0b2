"""kill -9 of the pipeline while it compacts or retains (guards mechanisms 11, 18 and 21): no event lost or doubled."""

import datetime as dt
import uuid
from pathlib import Path
from typing import Any

from crash_harness import Server, running, send, silver_ids, until

COMPACT = ["lake.rewrite", "lake.swap"]
FILES = 5


def test_a_compaction_is_whole_wherever_its_process_dies(tmp_path: Path) -> None:
    with running(tmp_path, lake_commit_events=1) as server:
        sent = 0
        for point in (f"{point}.{when}" for point in COMPACT for when in ("before", "after")):
            for _ in range(FILES):
                sent += _store(server)
            assert len(_files(server)) >= FILES
            _run(server, "compact", point)
            assert sent == len(set(silver_ids(server.data))) == len(silver_ids(server.data))
        _run(server, "sweep")
        assert server.verify().returncode == 0


def test_retention_counts_what_goes_once_wherever_its_process_dies(tmp_path: Path) -> None:
    with running(tmp_path, lake_commit_events=1, retain_days=1) as server:
        sent = 0
        for when in ("before", "after"):
            sent += _store(server)
            _run(server, "retain", f"lake.swap.{when}")
            ledger = server.get("/v1/ledger?deep=true")
            assert (ledger["gaps"], ledger["ledger"]["retired"], ledger["ledger"]["stored"]) == ([], sent, 0)
        assert server.verify().returncode == 0


def _store(server: Server) -> int:
    """Three events of a past day, in a file of their own."""
    at = dt.datetime.now(dt.UTC) - dt.timedelta(days=3)
    send(server, [_event(at) for _ in range(3)])
    server.drain()
    return 3


def _run(server: Server, name: str, point: str | None = None) -> None:
    if point:
        server.arm(point)
    run = server.request("POST", f"/v1/jobs/{name}/run").body
    ended = until(lambda: _ended(server, name, run), f"{name} after a death at {point}")
    assert ended["status"] == "done", ended
    assert point is None or server.has_fired(point)
    server.settle()


def _ended(server: Server, name: str, run: dict[str, Any]) -> dict[str, Any] | None:
    now: dict[str, Any] = server.get(f"/v1/jobs/{name}/history/{run['id']}")
    return now if now["status"] in ("done", "failed") else None


def _files(server: Server) -> list[Path]:
    return list(server.data.glob("lake/events/data/**/*.parquet"))


def _event(at: dt.datetime) -> dict[str, Any]:
    return {
        "event_id": str(uuid.uuid4()),
        "event_type": "click",
        "session_id": "s",
        "source": "web",
        "timestamp": at.isoformat(),
    }
