"""Erasure on a running server: no byte is left, nothing comes back, and nobody is answered wrongly meanwhile (guards
mechanism 19).
"""

import datetime as dt
import json
import random
import subprocess
import threading
import uuid
from pathlib import Path
from typing import Any

import every_byte
import httpx
import jwt
from crash_harness import COMMAND, Load, Server, Truth, check, running, send, until

WHO = "Grace.Hopper+1906@example.net"
POISON = "visitor-of-the-shop"
NOW = dt.datetime.now(dt.UTC)


def event(user: str | None, age: dt.timedelta = dt.timedelta(), **fields: Any) -> dict[str, Any]:
    fixed = {"event_id": str(uuid.uuid4()), "event_type": "click", "session_id": "s-1", "source": "web"}
    return fixed | {"user_id": user, "timestamp": (dt.datetime.now(dt.UTC) - age).isoformat()} | fields


def erase(server: Server, **whose: str) -> dict[str, Any]:
    """An erasure from its beginning to its end, whatever dies meanwhile."""
    begun = until(lambda: (answer := server.request("POST", "/v1/erase", whose)).status == 202 and answer, "it begins")
    ended = until(lambda: _ended(server, begun.body["id"]), "it is done", 180)
    assert ended["status"] == "done", ended
    return dict(ended)


def _ended(server: Server, erasure_id: str) -> dict[str, Any] | None:
    now: dict[str, Any] = server.get(f"/v1/erase/{erasure_id}")
    return now if now["status"] in ("done", "failed") else None


def count(server: Server, **filters: str) -> int:
    today = NOW.date()
    params = {
        "query_type": "event_count",
        "date_from": today - dt.timedelta(days=3),
        "date_to": today + dt.timedelta(days=1),
    }
    rows = server.get(f"/v1/query?{httpx.QueryParams(params | filters)}")["results"]
    return sum(row["event_count"] for row in rows)


def run_job(server: Server, name: str) -> None:
    run = server.request("POST", f"/v1/jobs/{name}/run").body
    path = f"/v1/jobs/{name}/history/{run['id']}"
    assert until(lambda: (now := server.get(path))["status"] in ("done", "failed") and now, name)["status"] == "done"


def fill_every_place(server: Server) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Leave events of a person everywhere, beside those of others; returns both."""
    day = dt.timedelta(days=1)
    single = event(WHO)
    assert server.request("POST", "/v1/events", single).status == 200
    hers = [event(WHO, age, properties={"n": n}) for n, age in enumerate([dt.timedelta(), day, day, 2 * day])]
    others = [event(f"other-{n}", n % 3 * day) for n in range(30)]
    assert send(server, hers + others)["accepted"] == len(hers + others)
    collected = [event(WHO, event_type="page_view")]
    assert server.request("POST", "/v1/collect", {"events": collected}).status == 202
    server.settle()
    upload = [{"event_type": "Page View", "session_id": "up", "source": "web", "user_id": WHO}, event("other-up")]
    assert server.request("POST", "/v1/workflows/activity", upload).status == 202
    (server.faults / "poison.rows").touch()
    set_aside = [event(WHO, session_id=POISON), event("other-poison", session_id=POISON), event(None)]
    send(server, set_aside)
    until(lambda: len(server.get("/v1/dlq")["letters"]) == 2, "letters")
    (server.faults / "poison.rows").unlink()
    server.settle()
    run_job(server, "summarise")
    sql = {"sql": f"SELECT user_id, count(*) FROM events WHERE user_id = '{WHO}' GROUP BY 1"}
    for _ in range(2):
        assert server.request("POST", "/v1/query/sql", sql).body["results"][0]["user_id"] == WHO
    assert count(server, user_id=WHO) == 7
    waiting = [event(WHO)]
    send(server, waiting)  # it is in the journal and in a tail file when the erasure begins
    return [single, *hers, *collected, set_aside[0], *waiting], [*others, *set_aside[1:]]


def test_no_byte_of_a_person_is_left(tmp_path: Path) -> None:
    with running(tmp_path, unlink_delay_seconds=1) as server:
        hers, others = fill_every_place(server)
        places = {name.partition("/")[0].partition("-")[0] for name in every_byte.find(server.data, WHO)}
        assert {"journal.db", "records.db", "lake", "bronze", "ingest"} <= places
        ended = erase(server, user_id=WHO)
        removed = ended["record"]["removed"]
        assert removed["dead_letters"] == {"events": 1, "letters": 2}
        assert (removed["uploads"]["events"], removed["silver"]["events"]) == (1, len(hers))
        assert removed["bronze"]["events"] == removed["silver"]["events"]
        check_signature(server, ended)
        server.settle()
        ledger = server.get("/v1/ledger?deep=true")
        assert (ledger["gaps"], ledger["ledger"]["erased"]) == ([], len(hers) + 1)
        assert (count(server, user_id=WHO), count(server)) == (0, len(others))
        run_job(server, "reconcile")
        assert server.get("/v1/reconciliation")["reports"][0]["status"] == "ok"
        assert send(server, hers + others) == {"accepted": 0, "duplicates": len(hers + others), "rejected": 0}
        assert server.request("GET", f"/v1/events/{hers[0]['event_id']}").status == 404
        run_job(server, "summarise")
        assert erase(server, user_id=WHO)["record"]["removed"]["silver"] == {"events": 0, "files": 0}
        later = event(WHO)
        assert send(server, [later])["accepted"] == 1
        assert count(server, user_id=WHO) == 1
        check_command(server)
        assert server.verify().returncode == 0
        assert server.terminate() == 0
        assert every_byte.find(server.data, WHO) == {}
        assert every_byte.find(tmp_path / "faults", WHO) == {}


def check_signature(server: Server, ended: dict[str, Any]) -> None:
    keys = server.get("/.well-known/jwks.json")["keys"]
    kid = jwt.get_unverified_header(ended["signature"])["kid"]
    key = jwt.PyJWK(next(key for key in keys if key["kid"] == kid))
    assert jwt.decode(ended["signature"], key, ["RS256"]) == ended["record"]


def check_command(server: Server) -> None:
    command = [COMMAND, "erase", "--data", str(server.data)]
    refused = subprocess.run([*command, "--user", WHO], input="n\n", capture_output=True, text=True, timeout=60)
    assert (refused.returncode, count(server, user_id=WHO)) == (1, 1)
    done = subprocess.run([*command, "--user", WHO, "--yes"], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["record"]["removed"]["silver"]["events"] == 1
    assert subprocess.run(command, capture_output=True, timeout=60).returncode == 2


class Reader:
    """Asks all the time for what must not change, and for what may change once."""

    def __init__(self, server: Server, kept: int) -> None:
        self.wrong: list[Any] = []
        self.seen: list[int] = []
        self._server, self._kept = server, kept
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> "Reader":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._ended.wait(0.02):
            kept, hers = count(self._server, user_id="keeper"), count(self._server, user_id=WHO)
            self.seen.append(hers)
            if kept != self._kept:
                self.wrong.append(kept)


POINTS = ["erase.object.after", "erase.swap.before", "erase.swap.after", "erase.letter.after", "erase.close.before"]


def test_nobody_is_answered_wrongly_whoever_dies(tmp_path: Path) -> None:
    """Also guards mechanisms 11 and 12."""
    with running(tmp_path, unlink_delay_seconds=2) as server:
        truth, rng = Truth(), random.Random(3)
        hers = [event(WHO, dt.timedelta(days=rng.randrange(2))) for _ in range(50)]
        keeper = [event("keeper", dt.timedelta(days=rng.randrange(2))) for _ in range(60)]
        send(server, hers + keeper)
        for one in keeper:
            at = dt.datetime.fromisoformat(one["timestamp"])
            truth.note(one, at, live=dt.datetime.now(dt.UTC) - at < dt.timedelta(hours=24))
            truth.acknowledged.add(one["event_id"])
        (server.faults / "poison.rows").touch()
        send(server, [event(WHO, session_id=POISON)])
        until(lambda: len(server.get("/v1/dlq")["letters"]) == 2, "letters")
        (server.faults / "poison.rows").unlink()
        server.settle()
        with Load(server, truth, seed=5), Reader(server, len(keeper)) as reader:
            for point in POINTS:
                server.arm(point)
            ended = erase(server, user_id=WHO)
        assert all(map(server.has_fired, POINTS))
        assert ended["record"]["removed"]["silver"]["events"] == ended["record"]["removed"]["bronze"]["events"] == 50
        assert ended["record"]["removed"]["dead_letters"] == {"events": 1, "letters": 2}
        assert reader.wrong == []
        assert set(reader.seen) <= {0, len(hers)}
        assert reader.seen == sorted(reader.seen, reverse=True)
        assert reader.seen[-1] == 0
        assert send(server, hers) == {"accepted": 0, "duplicates": len(hers), "rejected": 0}
        check(server, truth)
        assert server.terminate() == 0
        assert every_byte.find(server.data, WHO) == {}
