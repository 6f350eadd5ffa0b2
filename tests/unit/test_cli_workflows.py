"""``cloudpulse workflows`` against a server of a few routes."""

import hashlib
import json

import pytest
from fake_server import FakeServer
from typer.testing import CliRunner

from cloudpulse.cli import client, workflows
from cloudpulse.cli.main import app

AT = "2026-11-20T00:05:00.000Z"
COUNTS = {"accepted": 1200, "duplicates": 1, "rejected": 2, "rejections": []}


def step(name, status="done", attempts=1, errors=(), **more):
    times = {"started_at": AT if attempts else None, "finished_at": AT if status == "done" else None}
    return {"name": name, "status": status, "attempts": attempts, "errors": [*errors], "output": None} | times | more


DONE = {
    "id": "activity-1",
    "workflow": "activity",
    "status": "done",
    "requested_at": AT,
    "error": None,
    "steps": [step("ingest"), step("process", output={"rejected": 3}), step("write", output=COUNTS)],
}
WAITING = DONE | {
    "status": "waiting",
    "steps": [step("ingest"), step("process", "waiting", 0), step("write", "waiting", 0)],
}
FAILED = DONE | {
    "status": "failed",
    "error": "process: Bad.\x1b[2J",
    "steps": [step("ingest"), step("process", "failed", 2, ["No.", "Bad.\x1b[2J"]), step("write", "waiting", 0)],
}


@pytest.fixture
def server():
    server = FakeServer()
    yield server
    server.close()


@pytest.fixture
def run(server, monkeypatch):
    monkeypatch.setattr(client, "LOOK_SECONDS", 0.0)
    return lambda *words: CliRunner().invoke(app, ["workflows", *map(str, words), "--url", server.url, "--token", "t"])


@pytest.fixture
def file(tmp_path):
    file = tmp_path / "a.ndjson"
    file.write_bytes(b"{}\n")
    return file


def test_run_sends_the_file_and_waits_for_the_end(run, server, file):
    server.script = [(202, {}, WAITING), (200, {}, WAITING | {"status": "running"}), (200, {}, DONE)]
    done = run("run", "activity", file)
    assert done.output == "activity-1 is done: 1,200 events added, 1 known before, 5 rejected.\n"
    assert done.exit_code == 0
    assert server.paths == ["/v1/workflows/activity", *["/v1/workflows/activity-1"] * 2]
    assert server.bodies[0] == b"{}\n"


def test_content_or_a_key_names_the_execution(run, file, monkeypatch):
    sent = []

    class Remembering(client.Client):
        def request(self, method, path, expect=(), **options):
            sent.append(options["headers"])
            raise workflows.Unreadable("enough")

    monkeypatch.setattr(workflows, "connect", lambda *_: Remembering("http://127.0.0.1:9", lambda: "t"))
    compressed = file.with_suffix(".ndjson.gz")
    compressed.write_bytes(b"zipped")
    run("run", "activity", file)
    run("run", "activity", compressed, "--key", "k")
    key = hashlib.sha256(b"{}\n").hexdigest()
    assert sent == [
        {"Content-Type": "application/x-ndjson", "Idempotency-Key": key},
        {"Content-Type": "application/x-ndjson", "Idempotency-Key": "k", "Content-Encoding": "gzip"},
    ]


def test_one_that_fails_is_one_sentence(run, server, file):
    server.script = [(202, {}, FAILED), (202, {}, FAILED)]
    done = run("run", "activity", file)
    assert (done.exit_code, done.stderr) == (1, "cloudpulse: activity-1 failed: process: Bad.\\x1b[2J\n")
    as_json = run("run", "activity", file, "--json")
    assert (as_json.exit_code, json.loads(as_json.stdout)["status"]) == (1, "failed")


def test_files_that_are_none(run, server, tmp_path):
    assert run("run", "activity", tmp_path / "a.txt").exit_code == 2
    missing = run("run", "activity", tmp_path / "a.json")
    assert (missing.exit_code, "No such file" in missing.stderr) == (1, True)
    assert server.paths == []


def test_retry_waits_for_the_end(run, server):
    server.script = [(202, {}, WAITING), (200, {}, DONE)]
    assert run("retry", "activity-1").exit_code == 0
    assert server.paths == ["/v1/workflows/activity-1/retry", "/v1/workflows/activity-1"]


def test_the_list(run, server):
    server.answers["/v1/workflows"] = {"executions": [FAILED, DONE, WAITING]}
    lines = run("list", "--status", "failed").stdout.splitlines()
    assert lines[1].split()[:6] == ["activity-1", "2026-11-20", "00:05:00Z", "failed", "process", "2"]
    assert "Bad.\\x1b[2J" in lines[1]
    assert [line.split()[3:6] for line in lines[2:]] == [["done", "write", "1"], ["waiting", "ingest", "1"]]
    assert server.paths == ["/v1/workflows?limit=20&status=failed"]
    assert json.loads(run("list", "--json").stdout)[0]["id"] == "activity-1"
    server.answers["/v1/workflows"] = {"executions": []}
    assert (run("list").stdout, json.loads(run("list", "--json").stdout)) == ("There are none.\n", [])


def test_one_execution_step_by_step(run, server):
    server.answers["/v1/workflows/activity-1"] = FAILED
    shown = run("show", "activity-1").stdout.splitlines()
    assert shown[0] == "activity-1: failed"
    assert shown[3].split()[:3] == ["process", "failed", "2"]
    assert "No.; Bad.\\x1b[2J" in shown[3]
    assert json.loads(run("show", "activity-1", "--json").stdout) == FAILED
