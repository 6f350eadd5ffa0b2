"""``cloudpulse replay`` against a server of a few routes."""

import json

import pytest
from fake_server import FakeServer
from typer.testing import CliRunner

from cloudpulse.cli import client
from cloudpulse.cli.main import app

ROWS = {"before": 7000, "after": 7001, "added": 1, "removed": 0, "doubled": 0, "changed": 12}
SAME = ROWS | {"added": 0, "changed": 0, "after": 7000}
RESULT = {
    "date_from": "2026-11-19",
    "date_to": "2026-11-20",
    "dry_run": False,
    "changed": True,
    "rows": ROWS,
    "types": {"click": ROWS, "page_view": SAME},
    "days": {"2026-11-19": SAME, "2026-11-20": ROWS},
    "columns": {"browser": 12},
    "examples": {"changed": ["id-1", "id-2"], "added": ["id-3"]},
    "lost_files": 1,
}
RUN = {"id": "replay-1", "name": "replay", "status": "done", "seconds": 2.5, "result": RESULT, "error": None}
WORDS = ["replay", "--from", "2026-11-19", "--to", "2026-11-20"]


@pytest.fixture
def server():
    server = FakeServer()
    yield server
    server.close()


@pytest.fixture
def run(server, monkeypatch):
    monkeypatch.setattr(client, "LOOK_SECONDS", 0.0)
    return lambda *words: CliRunner().invoke(app, [*WORDS, *words, "--url", server.url, "--token", "t"])


def test_what_differed_is_printed(run, server):
    server.script = [(202, {}, RUN | {"status": "waiting"}), (200, {}, RUN)]
    done = run()
    assert done.exit_code == 0
    lines = done.stdout.splitlines()
    assert [line.split()[0] for line in lines if line] == [
        *("type", "click", "day", "2026-11-20", "column", "browser", "changed,", "added,", "1", "7,000")
    ]
    assert lines[-1] == "7,000 events before, 7,001 after: 1 added, 12 changed. All of it is put right."
    assert server.paths == ["/v1/jobs/replay/run", "/v1/jobs/replay/history/replay-1"]


def test_a_dry_run_says_that_nothing_was_changed(run, server):
    server.script = [(202, {}, RUN | {"result": RESULT | {"dry_run": True}})]
    done = run("--dry-run")
    assert "Nothing was changed yet." in done.stdout
    assert json.loads(server.bodies[0]) == {"date_from": "2026-11-19", "date_to": "2026-11-20", "dry_run": True}


def test_nothing_differs(run, server):
    server.script = [(202, {}, RUN | {"result": RESULT | {"changed": False, "rows": SAME}})]
    assert run().stdout == "Nothing differs: 7,000 events are stored as they should be.\n"


def test_one_that_fails_is_one_sentence(run, server):
    server.script = [(202, {}, RUN | {"status": "failed", "result": None, "error": "Bronze object x is gone."})]
    failed = run()
    assert (failed.exit_code, failed.stderr) == (1, "cloudpulse: replay failed: Bronze object x is gone.\n")


def test_json(run, server):
    server.script = [(202, {}, RUN)]
    assert json.loads(run("--json").stdout) == RUN
