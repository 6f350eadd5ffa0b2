"""``cloudpulse jobs`` against a server of a few routes."""

import json

import pytest
from fake_server import FakeServer
from typer.testing import CliRunner

from cloudpulse.cli import client
from cloudpulse.cli.main import app

RUN = {
    "id": "summarise-1",
    "name": "summarise",
    "status": "done",
    "arguments": {},
    "requested_at": "2026-11-20T00:05:00.000Z",
    "scheduled_for": None,
    "started_at": "2026-11-20T00:05:01.000Z",
    "finished_at": "2026-11-20T00:05:03.500Z",
    "seconds": 2.5,
    "attempts": 1,
    "result": {"days": ["2026-11-19"]},
    "error": None,
}
WAITING = RUN | {"status": "waiting", "started_at": None, "finished_at": None, "seconds": None, "result": None}
FAILED = RUN | {"status": "failed", "result": None, "error": "The disk is full.\x1b[2J"}


@pytest.fixture
def server():
    server = FakeServer()
    yield server
    server.close()


@pytest.fixture
def run(server, monkeypatch):
    monkeypatch.setattr(client, "LOOK_SECONDS", 0.0)
    return lambda *words: CliRunner().invoke(app, ["jobs", *words, "--url", server.url, "--token", "t"])


def test_run_waits_for_the_end(run, server):
    server.script = [(202, {}, WAITING), (200, {}, WAITING), (200, {}, WAITING | {"status": "running"}), (200, {}, RUN)]
    done = run("run", "summarise")
    assert (done.exit_code, done.output) == (0, "summarise is done: 2.5 s.\n")
    assert server.paths == ["/v1/jobs/summarise/run", *["/v1/jobs/summarise/history/summarise-1"] * 3]


def test_a_run_that_fails_is_one_sentence(run, server):
    server.script = [(202, {}, FAILED)]
    done = run("run", "summarise")
    assert (done.exit_code, done.stderr) == (1, "cloudpulse: summarise failed: The disk is full.\\x1b[2J\n")


@pytest.mark.parametrize("name", ["replay", "erase"])
def test_a_job_with_a_command_of_its_own_names_it(run, server, name):
    done = run("run", name)
    assert (done.exit_code, server.paths) == (2, [])
    assert f"use `cloudpulse {name}`" in done.stderr


def test_a_run_as_json(run, server):
    server.script = [(202, {}, RUN), (202, {}, FAILED)]
    assert json.loads(run("run", "summarise", "--json").stdout) == RUN
    failed = run("run", "summarise", "--json")
    assert (failed.exit_code, json.loads(failed.stdout)["status"]) == (1, "failed")


def test_the_list(run, server):
    job = {"name": "summarise", "what": "Writes.", "cron": "5 0 * * *", "next_run_at": "2026-11-21T00:05:00.000Z"}
    server.answers["/v1/jobs"] = {"jobs": [job | {"last_run": RUN}, job | {"name": "new", "last_run": None}]}
    lines = run("list").stdout.splitlines()
    assert lines[1].split()[:4] == ["summarise", "2026-11-20", "00:05:01Z", "done"]
    assert lines[2].split()[:3] == ["new", "–", "–"]  # noqa: RUF001 - a dash for people
    assert json.loads(run("list", "--json").stdout)[0]["cron"] == "5 0 * * *"


def test_the_history(run, server):
    server.answers["/v1/jobs/summarise/history"] = {"runs": [FAILED, RUN, WAITING]}
    lines = run("history", "summarise").stdout.splitlines()
    assert len(lines) == 4
    assert "The disk is full.\\x1b[2J" in lines[1]
    assert '{"days":["2026-11-19"]}' in lines[2]


def test_the_history_of_all(run, server):
    server.answers["/v1/jobs"] = {"jobs": [{"name": "a"}, {"name": "b"}]}
    server.answers["/v1/jobs/a/history"] = {"runs": [RUN | {"id": "a-1"}]}
    server.answers["/v1/jobs/b/history"] = {"runs": [RUN | {"id": "b-1", "requested_at": "2026-11-21T00:05:00.000Z"}]}
    assert [one["id"] for one in json.loads(run("history", "--json").stdout)] == ["b-1", "a-1"]
