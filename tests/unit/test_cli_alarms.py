"""``cloudpulse alarms`` against a server of one route."""

import json

import pytest
from fake_server import FakeServer
from typer.testing import CliRunner

from cloudpulse.cli.main import app

EPISODE = {
    "alarm": "lake_lag",
    "raised_at": "2026-11-20T00:05:00.000Z",
    "cleared_at": None,
    "value": 1234.5,
    "threshold": 300.0,
    "sentence": "The lake is behind.\x1b[2J",
    "late": False,
    "judged": None,
}
CALM = {"name": "rejects", "state": "ok", "value": None, "threshold": 10.0, "unit": "%", "todo": "", "episode": None}
RAISED = {
    "name": "lake_lag",
    "state": "raised",
    "value": 1234.56,
    "threshold": 300.0,
    "unit": "seconds",
    "todo": "Look.",
    "episode": EPISODE,
}
OVER = EPISODE | {"cleared_at": "2026-11-20T00:06:00.000Z", "late": True, "judged": "confirmed"}


@pytest.fixture
def run():
    server = FakeServer()

    def run(*words, alarms=(CALM,), history=()):
        server.script = [(200, {}, {"alarms": list(alarms), "history": list(history)})]
        return CliRunner().invoke(app, ["alarms", *words, "--url", server.url, "--token", "t"])

    yield run
    server.close()


def test_all_is_calm(run):
    done = run()
    assert done.exit_code == 0
    assert "rejects" in done.output


def test_one_that_rings_says_what_to_do(run):
    done = run(alarms=[CALM, RAISED])
    assert done.exit_code == 1
    assert "1234.6" in done.stdout
    assert "2026-11-20 00:05:00Z" in done.stdout
    assert "lake_lag: The lake is behind." in done.stderr
    assert "Look." in done.stderr
    assert "\x1b" not in done.output


def test_the_history(run):
    done = run("--history", history=[OVER, EPISODE])
    assert done.exit_code == 0
    assert "00:06:00Z" in done.output
    assert "late" in done.output


def test_as_json(run):
    done = run("--json", alarms=[RAISED], history=[OVER])
    assert done.exit_code == 1
    assert json.loads(done.stdout)["history"][0]["late"]
