"""Replay on a real server: killed anywhere, and under load with a reader who asks all the time (mechanism 20)."""

import datetime as dt
import subprocess
import threading
from pathlib import Path
from typing import Any

from crash_harness import COMMAND, Load, Server, Truth, check, query, running, send, silver_ids, until
from pyiceberg.catalog.sql import SqlCatalog

POINTS = ["replay.gather", "replay.write", "replay.forget", "lake.swap"]
TODAY = dt.datetime.now(dt.UTC).date()
DAYS = {"date_from": str(TODAY - dt.timedelta(days=2)), "date_to": str(TODAY)}


def test_a_replay_is_whole_wherever_its_process_dies(tmp_path: Path) -> None:
    with running(tmp_path) as server:
        at = dt.datetime.now(dt.UTC) - dt.timedelta(days=1)
        send(server, [_event(number, at - dt.timedelta(minutes=number)) for number in range(300)])
        server.settle()
        for point in (f"{point}.{when}" for point in POINTS for when in ("before", "after")):
            _lose(server)
            server.arm(point)
            _replay(server)
            assert server.has_fired(point)
            server.settle()
            assert len(silver_ids(server.data)) == len(set(silver_ids(server.data))) == 300, point
        assert not list((server.data / "tmp").glob("replay*"))
        report = server.verify()
        assert report.returncode == 0, report.stdout
        assert _replay(server)["changed"] is False
        command = [COMMAND, "replay", "--data", str(server.data), "--from", DAYS["date_from"], "--to", DAYS["date_to"]]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60)
        assert (done.returncode, done.stdout) == (0, "Nothing differs: 300 events are stored as they should be.\n")


def test_who_asks_while_a_replay_runs_under_load_sees_no_wrong_answer(tmp_path: Path) -> None:
    truth, stop, wrong, asked = Truth(), threading.Event(), [], []
    with running(tmp_path) as server:

        def ask() -> None:
            path = "/v1/query?query_type=breakdown&by=browser&limit=5&" + "&".join(f"{k}={v}" for k, v in DAYS.items())
            while not stop.is_set():
                least = len(truth.acknowledged)
                rows = server.get(path)["results"]
                found, most = sum(row["event_count"] for row in rows), len(truth.attempted)
                asked.append(rows)
                if not least <= found <= most:
                    wrong.append((least, found, most))

        reader = threading.Thread(target=ask)
        with Load(server, truth, seed=20, threads=2, pause_seconds=0.05):
            reader.start()
            until(lambda: len(truth.acknowledged) > 3000, "some load")
            (server.faults / "enrich.changed").touch()
            until(lambda: len(query(server.data / "records.db", BRONZE)) > 10, "some commits")
            first = _replay(server)
            server.arm("replay.write.after")
            (server.faults / "enrich.changed").unlink()
            second = _replay(server)
            assert server.has_fired("replay.write.after")
        stop.set()
        reader.join()
        assert wrong == []
        assert len(asked) > 3
        assert first["columns"].keys() == second["columns"].keys() == {"browser"}
        assert second["rows"]["changed"] > 1000
        assert first["rows"]["added"] == first["rows"]["removed"] == second["rows"]["doubled"] == 0
        check(server, truth)
        assert _replay(server)["changed"] is False


BRONZE = "SELECT key FROM records WHERE kind = 'bronze_files'"


def _lose(server: Server) -> None:
    """A file that the lake names is gone."""
    catalog = SqlCatalog("cloudpulse", uri=f"sqlite:///{server.data}/lake/catalog.db")
    named = [task.file.file_path for task in catalog.load_table("cloudpulse.events").scan().plan_files()]
    catalog.engine.dispose()
    Path(named[0].removeprefix("file://")).unlink()


def _replay(server: Server) -> dict[str, Any]:
    run = until(lambda: _started(server), "the replay is in line")
    ended = until(lambda: _ended(server, run), "the end of the replay")
    assert ended["status"] == "done", ended
    result: dict[str, Any] = ended["result"]
    return result


def _started(server: Server) -> Any:
    answer = server.request("POST", "/v1/jobs/replay/run", DAYS)
    return answer.body if answer.status == 202 else None


def _ended(server: Server, run: dict[str, Any]) -> dict[str, Any] | None:
    now: dict[str, Any] = server.get(f"/v1/jobs/replay/history/{run['id']}")
    return now if now["status"] in ("done", "failed") else None


def _event(number: int, at: dt.datetime) -> dict[str, Any]:
    fields = {"event_type": "click", "session_id": f"s{number}", "source": "web"}
    return fields | {"event_id": f"{number:08d}-0000-4000-8000-000000000000", "timestamp": at.isoformat()}
