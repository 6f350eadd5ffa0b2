"""Overload is honest: nothing is accepted that could be at risk, and all that was accepted is still there."""

import json
import os
import signal
import time

from live_server import count_of, event, eventually

ROOM_BYTES = 100_000


def test_a_backlog_beyond_its_limit_is_refused_and_drained(start_server):
    server = start_server(journal_max_bytes=ROOM_BYTES, trim_delay_seconds=0, lake_commit_seconds=1)
    pipeline = json.loads((server.data / "server.json").read_text())["pids"]["pipeline"]
    accepted = 0
    with server.client() as client:
        os.kill(pipeline, signal.SIGSTOP)
        try:
            give_up_at = time.monotonic() + 30
            while time.monotonic() < give_up_at:
                answer = client.post("/v1/events/batch", json={"events": [event("backlog")] * 500})
                if answer.status_code != 200:
                    break
                accepted += 500
            assert answer.status_code == 503
            assert int(answer.headers["retry-after"]) > 0
            assert answer.json()["code"] == "overloaded"
            assert client.get("/readyz").status_code == 503
            assert client.get("/healthz").status_code == 200
            assert count_of(client, session_id="backlog") == accepted
        finally:
            os.kill(pipeline, signal.SIGCONT)
        eventually(lambda: client.get("/readyz").status_code == 200)
        assert client.post("/v1/events", json=event("backlog")).status_code == 200
        assert count_of(client, session_id="backlog") == accepted + 1
