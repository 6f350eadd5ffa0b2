"""Reconciling on a real server: no false alarm under load, and a repair that dies anywhere (guards mechanism 16)."""

import http.client
import json
import random
import subprocess
import time
from contextlib import closing
from pathlib import Path
from typing import Any

from crash_harness import COMMAND, Load, Server, Truth, check, live_counts, make_events, query, running, send, until

from cloudpulse.lake.snapshot import SnapshotReader
from cloudpulse.settings import load

LOAD_SECONDS = 8.0
BATCH = 400


def test_layers_that_agree_are_never_said_to_differ(tmp_path: Path) -> None:
    """While events come, late ones too, while files are merged, and while the pipeline dies."""
    truth = Truth()
    with running(tmp_path) as server:
        with Load(server, truth, seed=3):
            until(lambda: len(truth.acknowledged) > BATCH, "some events")
            ends_at, reports = time.monotonic() + LOAD_SECONDS, []
            while time.monotonic() < ends_at or len(reports) < 4:
                reports.append(reconcile(server))
                if len(reports) == 2:
                    server.kill("pipeline")
        assert [report["status"] for report in reports] == ["ok"] * len(reports), reports
        assert all(reports[-1]["compared"].values()), reports[-1]
        check(server, truth)
        assert reconcile(server)["speed"] >= reports[-1]["speed"] > reports[0]["speed"]


POINTS = (
    "counters.replace.before",
    "counters.replace.after",
    "lake.swap.before",
    "lake.swap.after",
    "job.finish.before",
)


def test_a_repair_is_whole_wherever_its_process_dies(tmp_path: Path) -> None:
    """What it had done stays done, and the rest follows; events come all the time."""
    truth = Truth()
    with running(tmp_path) as server:
        accept(server, truth, random.Random(6))
        server.settle()
        with Load(server, truth, seed=4, threads=1, pause_seconds=0.1):
            for point in POINTS:
                damage(server)
                assert reconcile(server)["status"] == "diverged"
                server.arm(point)
                report = reconcile(server, repair=True)
                assert server.has_fired(point), json.dumps(
                    report | {"differences": report["differences"][:3], "explained": []}
                )
                assert (report["status"] in ("repaired", "ok"), report["left"]) == (True, 0), report
        check(server, truth)
        assert reconcile(server, repair=True)["status"] == "ok"


def test_the_command_line(tmp_path: Path) -> None:
    truth, rng = Truth(), random.Random(7)
    with running(tmp_path) as server:
        accept(server, truth, rng)
        server.settle()
        assert "ok: 0 divergences" in cli(server)
        before = live_counts(server.data)
        damage(server)
        done = cli(server, code=1)
        assert "lost file" in done
        assert "cloudpulse reconcile --repair" in done
        assert gauge(server) > 0
        report = json.loads(cli(server, "--repair", "--json"))
        assert (report["status"], report["left"]) == ("repaired", 0)
        assert {one["kind"] for one in report["differences"]} == {"lost", "doubled", "lost-sketch"}
        assert gauge(server) == 0
        assert live_counts(server.data) == before
        statuses = [one["status"] for one in server.get("/v1/reconciliation")["reports"]]
        assert statuses == ["repaired", "diverged", "ok"]
        objects = sorted(server.data.glob("bronze/**/*.zst"))
        objects[0].unlink()
        assert "from a backup" in cli(server, "--repair", code=1)


def accept(server: Server, truth: Truth, rng: random.Random) -> None:
    events = make_events(truth, rng, BATCH)
    assert send(server, events)["accepted"] == BATCH
    truth.acknowledged.update(event["event_id"] for event in events)


def damage(server: Server) -> None:
    """Counters lost, doubled and without sessions, and a silver file gone."""
    counters = server.data / "counters.db"
    minutes = [minute for (minute,) in query(counters, "SELECT DISTINCT minute FROM counts ORDER BY 1 LIMIT 3")]
    query(counters, "DELETE FROM counts WHERE minute = ?", minutes[0])
    query(counters, "UPDATE counts SET events = events * 2 WHERE minute = ?", minutes[1])
    query(counters, "DELETE FROM sessions WHERE minute = ?", minutes[2])
    with closing(SnapshotReader(load({"data": server.data}))) as lake:
        Path(max(lake.current().files, key=lambda file: file.rows).path).unlink()


def reconcile(server: Server, **arguments: Any) -> dict[str, Any]:
    """The report of a run."""

    def start() -> Any:
        answer = server.request("POST", "/v1/jobs/reconcile/run", arguments | {"full": True})
        return answer.body if answer.status == 202 else None

    run = until(start, "a run")
    path = f"/v1/jobs/reconcile/history/{run['id']}"
    ended = until(lambda: one if (one := server.get(path))["status"] in ("done", "failed") else None, "its end")
    assert ended["status"] == "done", ended
    reports = server.get("/v1/reconciliation?limit=200")["reports"]
    return dict(next(report for report in reports if report["at"] == ended["result"]["at"]))


def cli(server: Server, *arguments: str, code: int = 0) -> str:
    command = [COMMAND, "reconcile", *arguments, "--data", str(server.data)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout if code == 0 else done.stdout + done.stderr


def gauge(server: Server) -> float:
    """What ``/metrics`` says."""
    assert server.address is not None
    with closing(http.client.HTTPConnection(*server.address, timeout=20)) as connection:
        connection.request("GET", "/metrics")
        lines = connection.getresponse().read().decode().splitlines()
    return float(next(line.split()[1] for line in lines if line.startswith("cloudpulse_reconciliation_divergences")))
