"""The command line against a small server of its own, and against stopped data folders."""

import datetime as dt
import json
import subprocess
import sys

import msgspec
import pytest
from fake_server import DROP, FakeServer
from typer.testing import CliRunner

from cloudpulse.auth.tokens import SCOPES
from cloudpulse.cli import client as client_module
from cloudpulse.cli import options, query
from cloudpulse.cli.client import Client, NoServer, Refused
from cloudpulse.cli.main import COMMANDS, app
from cloudpulse.cli.send import send
from cloudpulse.entrypoints.data_folder import hold
from cloudpulse.events.codec import encode_event
from cloudpulse.events.model import Event
from cloudpulse.serving import request
from cloudpulse.settings import Settings
from cloudpulse.wiring import trust


@pytest.fixture
def server():
    server = FakeServer()
    yield server
    server.close()


@pytest.fixture
def data(tmp_path, server, monkeypatch):
    """A data folder on which the server runs."""
    monkeypatch.delenv("CLOUDPULSE_DATA", raising=False)
    folder = tmp_path / "data"
    folder.mkdir()
    (folder / "server.json").write_text(json.dumps({"url": server.url, "pids": {"api": 7}, "started_at": 1.5}))
    with hold(folder):
        yield folder


@pytest.fixture
def run(data):
    """Run a command on the data folder; returns its result."""

    def run(*arguments, **options):
        return CliRunner().invoke(app, [*map(str, arguments), "--data", str(data)], **options)

    return run


@pytest.fixture
def naps(monkeypatch):
    """Seconds that the client would have slept."""
    naps: list[float] = []
    monkeypatch.setattr(client_module.time, "sleep", naps.append)
    return naps


@pytest.fixture
def client(server):
    with Client(server.url, lambda: "t", patience_seconds=10) as client:
        yield client


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself(command):
    result = CliRunner().invoke(app, [command, "--help"])
    assert (result.exit_code, f" {command} " in result.output) == (0, True)


def test_up_and_help_load_no_heavy_library():
    """Start-up is quick and the supervisor small because nothing of this is imported."""
    code = "import sys, cloudpulse.cli.main, cloudpulse.cli.up; print(*sys.modules)"
    modules = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not {"pyarrow", "duckdb", "litestar", "pyiceberg", "rocksdict", "httpx", "rich", "jwt"} & set(modules)


@pytest.mark.parametrize(
    "arguments",
    [["nonsense"], ["query", "nonsense"], ["token", "--scope", "all"], ["seed", "--events", "0"], ["clients", "add"]],
)
def test_wrong_usage_exits_with_2(arguments):
    assert CliRunner().invoke(app, arguments).exit_code == 2


def test_a_token_is_printed_and_nothing_else(run, data):
    trust.local_secrets(Settings(data=data))
    result = run("token", "--scope", "events:write", "--scope", "admin", "--ttl", "60")
    settings = Settings(data=data)
    verifier = trust.verifier(settings, trust.local_tokens(settings), trust.local_user_tokens(settings))
    principal = verifier.verify(result.output.removesuffix("\n"))
    assert principal.scopes == {"events:write", "admin"}


@pytest.mark.parametrize("command", ["token", "verify", "rotate", "clients list", "clients rotate a", "keys remove a"])
def test_a_folder_without_data_is_named_and_not_made(tmp_path, command):
    result = CliRunner().invoke(app, [*command.split(), "--data", str(tmp_path / "nothing")])
    assert (result.exit_code, result.stdout) == (1, "")
    assert "there is no CloudPulse data in" in result.stderr
    assert not (tmp_path / "nothing").exists()


def test_whoever_has_the_port_of_a_server_that_was_killed_gets_no_token(tmp_path, server):
    trust.local_clients(Settings(data=tmp_path)).add("shop", ("events:read",))
    (tmp_path / "server.json").write_text(json.dumps({"url": server.url}))
    (tmp_path / "lock").touch()
    assert "shop" in CliRunner().invoke(app, ["clients", "list", "--data", str(tmp_path)]).stdout
    assert CliRunner().invoke(app, ["realtime", "--data", str(tmp_path)]).exit_code == 1
    assert server.paths == []


def test_without_a_server_one_sentence_says_what_to_do(run, data):
    (data / "server.json").unlink()
    result = run("realtime")
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.startswith("cloudpulse: no server runs on")
    assert result.stderr.count("\n") == 1


def test_a_server_that_has_gone_is_noticed_at_once(run, server):
    server.close()
    result = run("realtime")
    assert (result.exit_code, "is the server running" in result.stderr) == (1, True)


def test_a_problem_becomes_its_sentence(run, server):
    server.script = [(400, {}, {"title": "Bad", "detail": "date_to lies before date_from.", "code": "x", "errors": []})]
    result = run("query", "event_count", "--from", "2026-03-02", "--to", "2026-03-01")
    assert (result.exit_code, result.stderr) == (1, "cloudpulse: date_to lies before date_from.\n")


def test_a_busy_server_is_asked_again_after_its_time(server, client, naps):
    server.script = [(503, {"Retry-After": "3"}, {}), (429, {"Retry-After": "2"}, {}), (503, {}, {})]
    assert client.get("/readyz") == {"status": "ok"}
    assert naps == [3.0, 2.0, 1.0]


def test_patience_ends(server, client, naps):
    server.script = [(503, {"Retry-After": "11"}, {"detail": "The backlog is full."})]
    with pytest.raises(Refused, match=r"The backlog is full\."):
        client.get("/readyz")
    assert naps == []


def test_a_lost_connection_is_tried_again_once_there_was_one(server, client, naps):
    server.script = [(DROP, {}, {})]
    with pytest.raises(NoServer):
        client.get("/readyz")
    client.get("/readyz")
    server.script = [(DROP, {}, {})]
    assert client.get("/readyz") == {"status": "ok"}
    assert naps == [0.5]


def test_a_token_that_ended_is_renewed(server):
    tokens = iter(["token-one", "token-two"])
    with Client(server.url, lambda: next(tokens)) as client:
        client.get("/readyz")
        server.script = [(401, {}, {"detail": "expired"})]
        client.get("/readyz")
    assert server.tokens == ["token-one", "token-one", "token-two"]


def test_a_batch_over_the_limit_is_halved(server, client):
    server.max_events = 3
    receipt = send(client, [b'{"n":1}'] * 5 + [b"broken"] + [b'{"n":1}'], key="k")
    assert (receipt.accepted, [error.index for error in receipt.errors]) == (6, [5])
    assert (server.batches, server.keys) == ([3, 2, 2], ["k.0", "k.1.0", "k.1.1"])
    server.max_events = 0
    receipt = send(client, [b"{}", b"{}"])
    assert [(error.index, error.code) for error in receipt.errors] == [(0, "too_large"), (1, "too_large")]


@pytest.mark.parametrize("body", [{"detail": "no"}, "no JSON", {"accepted": 1, "errors": []}])
def test_an_answer_that_does_not_speak_of_every_event_is_no_receipt(server, client, body):
    server.script = [(200, {}, body)]
    with pytest.raises(Refused):
        send(client, [b"{}", b"{}"])


def test_seed_sends_so_many_events_in_order_of_time(run, server):
    result = run("seed", "--events", 12_000, "--days", 2, "--random-seed", 5)
    assert (result.exit_code, result.stdout) == (0, "12,000 events sent, over the last 2 days\n")
    events = [msgspec.convert(event, Event, strict=False) for event in server.events.values()]
    times = [event.timestamp for event in events]
    assert (len(times), times) == (12_000, sorted(times))
    assert dt.datetime.now(dt.UTC) - times[0] < dt.timedelta(days=2, minutes=5)
    assert all(server.keys)
    assert len(set(server.keys)) == len(server.batches) == 3


def test_seed_at_a_rate_stops_after_so_many(run, server):
    result = run("seed", "--rate", 2000, "--events", 300)
    assert (result.exit_code, len(server.events)) == (0, 300)


def test_seed_fills_an_empty_demo_only_once(run, server, monkeypatch):
    monkeypatch.setattr("cloudpulse.cli.seed._send_live", lambda *_: None)
    monkeypatch.setattr("cloudpulse.cli.seed.DEMO_EVENTS", 100)
    server.answers["/v1/query"] = {"results": []}
    run("seed", "--demo")
    server.answers["/v1/query"] = {"results": [{"event_type": "click", "event_count": 1}]}
    run("seed", "--demo")
    assert len(server.events) == 100


def test_query_asks_what_was_given_and_prints_a_table(run, server):
    server.answers["/v1/query"] = {
        "results": [{"event_type": "page_view", "event_count": 4210}],
        "rows_returned": 1,
        "execution_ms": 3,
        "scanned_bytes": 4096,
        "truncated": False,
        "complete_until": "2026-03-09T14:22:31.402Z",
    }
    arguments = ["query", "event_count", "--from", "2026-03-01", "--to", "2026-03-09", "--country", "DE", "--app", "x"]
    result = run(*arguments)
    assert result.exit_code == 0
    assert "page_view         4,210" in result.stdout
    assert server.paths[-1] == (
        "/v1/query?query_type=event_count&date_from=2026-03-01&date_to=2026-03-09&app=x&country=DE"
    )
    assert json.loads(run(*arguments, "--json").stdout) == server.answers["/v1/query"]


def test_realtime_prints_what_happens(run, server):
    server.answers["/v1/realtime"] = {
        "lookback_minutes": 5,
        "total_events": 342,
        "error_count": 12,
        "error_rate_pct": 3.5,
        "active_sessions": 28,
        "by_event_type": {"page_view": 330, "error": 12},
        "timeline": [],
        "as_of": "now",
    }
    result = run("realtime")
    assert "342 events in 5 min · 12 errors (3.5 %) · 28 active sessions" in result.stdout


def test_status_tells_readiness_lags_and_counts(run, server):
    server.answers["/v1/ledger"] = {"ledger": {"accepted": 5, "stored": 5}}
    server.answers["/metrics"] = "# HELP x\ncloudpulse_lake_lag_batches 3000.0\ncloudpulse_events_accepted_total 9.0\n"
    result = run("status", "--json")
    state = json.loads(result.stdout)
    assert (result.exit_code, state["ready"], state["gauges"]) == (0, True, {"lake_lag_batches": 3000.0})
    server.script = [(503, {}, {"detail": "The lake stands still."})]
    result = run("status")
    assert (result.exit_code, "not ready: The lake stands still." in result.stdout) == (1, True)
    assert "lake lag batches  3,000\n" in result.stdout


REPORT = {"ok": True, "deep": True, "ledger": {"accepted": 5, "stored": 5}, "gaps": []}


def test_verify_exits_with_1_on_a_gap(run, server):
    server.answers["/v1/ledger"] = REPORT
    assert run("verify", "--deep").exit_code == 0
    assert server.paths[-1] == "/v1/ledger?deep=true"
    server.answers["/v1/ledger"] = REPORT | {"ok": False, "gaps": ["3 of 5 accepted events are nowhere to be found."]}
    result = run("verify")
    assert (result.exit_code, result.stderr) == (1, "cloudpulse: 3 of 5 accepted events are nowhere to be found.\n")


def test_clients_are_managed_in_a_stopped_folder(run, data):
    (data / "server.json").unlink()
    made = json.loads(run("clients", "add", "shop", "--scope", "events:read", "--app", "shop").stdout)
    clients = trust.local_clients(Settings(data=data))
    assert clients.authenticate(made["client_id"], made["client_secret"]).app == "shop"
    renewed = json.loads(run("clients", "rotate", made["client_id"]).stdout)
    assert renewed["client_secret"] != made["client_secret"]
    [listed] = json.loads(run("clients", "list", "--json").stdout)
    assert (listed["name"], listed["scopes"], "secret" in str(listed)) == ("shop", ["events:read"], False)
    assert "shop" in run("clients", "list").stdout
    assert run("clients", "remove", made["client_id"]).exit_code == 0
    assert run("clients", "remove", made["client_id"]).exit_code == 1


def test_clients_go_through_the_server_that_runs(run, server):
    server.answers["/v1/clients"] = {"client_id": "a", "client_secret": "b"}
    assert json.loads(run("clients", "add", "shop").stdout) == server.answers["/v1/clients"]
    server.answers["/v1/clients/a/rotate"] = {"client_id": "a", "client_secret": "c"}
    assert json.loads(run("clients", "rotate", "a").stdout)["client_secret"] == "c"
    server.answers["/v1/clients/a"] = ""
    assert run("clients", "remove", "a").exit_code == 0


def test_limits_and_overlaps_are_set_in_a_stopped_folder(run, data):
    (data / "server.json").unlink()
    made = json.loads(run("clients", "add", "shop", "--limit", "60").stdout)
    client = made["client_id"]

    def listed():
        return json.loads(run("clients", "list", "--json").stdout)[0]

    assert listed()["requests_per_minute"] == 60
    assert run("clients", "change", client, "--limit", "none").exit_code == 0
    assert listed()["requests_per_minute"] is None
    assert json.loads(run("clients", "rotate", client).stdout)["previous_expires_at"] == listed()["previous_expires_at"]
    assert json.loads(run("clients", "rotate", client, "--keep", "0").stdout)["previous_expires_at"] is None
    assert listed()["previous_expires_at"] is None
    assert run("clients", "change", "nobody", "--limit", "5").exit_code == 1
    assert run("clients", "remove", client).exit_code == 0
    assert noted(data) == [
        ("client/cloudpulse-cli", f"client_{action}", f"client/{client}")
        for action in ("added", "changed", "rotated", "rotated", "removed")
    ]


def test_write_keys_change_in_a_stopped_folder_and_through_a_server(run, data, server):
    server.answers["/v1/write-keys/a"] = ""
    assert run("keys", "change", "a", "--limit", "none", "--origin", "*").exit_code == 0
    assert json.loads(server.bodies[-1]) == {"origins": ["*"], "requests_per_minute": None}
    (data / "server.json").unlink()
    made = json.loads(run("keys", "add", "shop", "--origin", "https://shop.example").stdout)
    keys = trust.local_write_keys(Settings(data=data))
    assert run("keys", "change", made["key_id"], "--origin", "https://b.example").exit_code == 0
    assert keys.list()[0].origins == ("https://b.example",)
    assert run("keys", "change", made["key_id"], "--limit", "5").exit_code == 0
    assert (keys.list()[0].origins, keys.list()[0].requests_per_minute) == (("https://b.example",), 5)
    assert run("keys", "change", "nobody", "--limit", "5").exit_code == 1
    assert [action for _, action, _ in noted(data)] == ["write_key_added", "write_key_changed", "write_key_changed"]


def test_write_keys_are_managed_in_a_stopped_folder(run, data):
    (data / "server.json").unlink()
    made = json.loads(run("keys", "add", "shop", "--origin", "https://Shop.example", "--app", "web").stdout)
    renewed = json.loads(run("keys", "rotate", made["key_id"], "--keep", "60").stdout)
    keys = trust.local_write_keys(Settings(data=data))
    for one in (made, renewed):
        assert keys.verify(one["write_key"], "https://shop.example").app == "web"
    assert json.loads(run("keys", "list", "--json").stdout)[0]["previous_expires_at"] == renewed["previous_expires_at"]
    assert "https://shop.example" in run("keys", "list").stdout
    bad = run("keys", "add", "shop", "--origin", "https://shop.example/path")
    assert (bad.exit_code, "is no origin" in bad.stderr) == (1, True)
    assert [run("keys", "remove", made["key_id"]).exit_code for _ in range(2)] == [0, 1]
    assert noted(data) == [
        ("client/cloudpulse-cli", f"write_key_{action}", f"write_key/{made['key_id']}")
        for action in ("added", "rotated", "removed")
    ]


def test_write_keys_limits_and_rotation_go_through_the_server_that_runs(run, server):
    server.answers["/v1/write-keys"] = {"key_id": "a", "write_key": "wk_a_b"}
    assert json.loads(run("keys", "add", "shop", "--origin", "*").stdout) == server.answers["/v1/write-keys"]
    server.answers["/v1/write-keys/a/rotate"] = {"key_id": "a", "write_key": "wk_a_c"}
    assert json.loads(run("keys", "rotate", "a", "--keep", "0").stdout)["write_key"] == "wk_a_c"
    assert server.paths[-1] == "/v1/write-keys/a/rotate?keep_previous_seconds=0"
    server.answers["/v1/write-keys/a"] = server.answers["/v1/clients/a"] = ""
    assert run("keys", "remove", "a").exit_code == 0
    assert run("clients", "change", "a", "--limit", "5").exit_code == 0
    server.answers["/v1/rotate"] = {"rotated": ["signing"], "previous_expires_at": "2026-03-09T14:22:31Z"}
    said = run("rotate").stdout
    assert (said.count("\n"), "2026-03-09 14:22:31Z" in said) == (1, True)


def test_signing_secrets_rotate_in_a_stopped_folder(run, data):
    settings = Settings(data=data)
    tokens = trust.local_tokens(settings)
    before = tokens.issue("c", ["admin"], "default", 60)
    (data / "server.json").unlink()
    assert run("rotate").stdout.count("\n") == 1
    assert len(tokens.keys(0)) == 2
    verifier = trust.verifier(settings, tokens, trust.local_user_tokens(settings))
    assert verifier.verify(before).client_id == "c"
    assert noted(data) == [("client/cloudpulse-cli", "signing_rotated", name) for name in ("signing", "user_signing")]


@pytest.mark.parametrize(
    "arguments",
    [
        ["token", "--ttl", "86401"],
        ["token", "--ttl", "0"],
        ["clients", "change", "a"],
        ["clients", "change", "a", "--limit", "0"],
        ["clients", "change", "a", "--limit", "many"],
        ["keys", "change", "a"],
        ["keys", "change", "a", "--limit", "-1"],
        ["users", "change", "a@x"],
        ["users", "change", "a@x", "--group", "none", "--group", "admin"],
        ["clients", "add", "a", "--limit", "0"],
        ["clients", "rotate", "a", "--keep", "2592001"],
        ["keys", "add", "a"],
    ],
)
def test_wrong_usage_of_what_lets_others_in(run, arguments):
    result = run(*arguments)
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr


def noted(data):
    """What the audit log of a folder holds: (actor, action, subject)."""
    entries = map(json.loads, (data / "audit.ndjson").read_text().splitlines())
    return [(entry["actor"], entry["action"], entry["subject"]) for entry in entries]


def test_events_are_encoded_as_the_server_reads_them():
    event = Event(event_type="click", session_id="s", source="web")
    assert msgspec.json.decode(encode_event(event), type=Event) == event


def test_the_choices_are_those_of_the_server():
    """The command line starts without the layers, so it repeats what it lets choose from."""
    assert (query.QueryType, query.Dimension) == (request.QueryType, request.Dimension)
    assert options.SCOPES == SCOPES
