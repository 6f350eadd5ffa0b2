"""The commands that go through a running server, and the lake read by others."""

import json
import signal
from collections.abc import Callable
from pathlib import Path

import duckdb
import httpx
import pytest
from pyiceberg.catalog.sql import SqlCatalog

from live_server import Server, count_of, eventually

SHARED = Path(__file__).parents[3] / "shared"
LOG_DAYS = {"date_from": "2015-05-17", "date_to": "2015-05-20"}


@pytest.fixture(scope="module")
def own(start_server: Callable[..., Server]) -> Server:
    return start_server(lake_commit_seconds=1, query_max_days=10_000)


def query(client, query_type: str, **params: str):
    answer = client.get("/v1/query", params={"query_type": query_type, **LOG_DAYS, **params})
    assert answer.status_code == 200, answer.text
    return answer.json()["results"]


@pytest.mark.skipif(not SHARED.exists(), reason="the sample access log lies outside the repository")
def test_an_access_log_is_imported_once(own):
    for run in ("first", "second"):
        out = own.cli("import", str(SHARED / "data" / "access.log"))
        assert ("10,000 events added" if run == "first" else "0 events added, 10,000 known before") in out
        with own.client() as client:
            counts = {row["event_type"]: row["event_count"] for row in query(client, "event_count")}
            assert sum(counts.values()) == 10_000
            assert counts["error"] == 220
            days = [row["event_count"] for row in query(client, "timeseries", interval="day")]
            assert days == [1632, 2893, 2896, 2579]
    own.cli("verify", "--deep")


def test_an_access_log_of_ones_own_is_imported_once(own, tmp_path):
    line = '10.0.0.{} - - [01/Feb/2016:10:00:{:02} +0100] "GET /page/{} HTTP/1.1" {} 10 "-" "curl/8"\n'
    log = tmp_path / "access.log"
    log.write_text("".join(line.format(n % 7, n, n, 500 if n % 10 == 0 else 200) for n in range(60)))
    for added in (60, 0):
        assert f"{added} events added" in own.cli("import", str(log))
    with own.client() as client:
        days = {"date_from": "2016-02-01", "date_to": "2016-02-01"}
        rows = query(client, "event_count", **days)
        assert sum(row["event_count"] for row in rows) == 60
        (first,) = [row["bucket"] for row in query(client, "timeseries", **days) if row["event_count"]]
        assert first == "2016-02-01T09:00:00Z"


def test_seeded_events_are_all_there(own):
    with own.client() as client:
        before = count_of(client)
        own.cli("seed", "--events", "300", "--days", "1", "--random-seed", "7")
        assert count_of(client) - before == 300


def test_a_stopped_folder_holds_all_events_and_others_can_read_them(start_server):
    server = start_server()
    server.cli("seed", "--events", "500", "--days", "2")
    live = json.loads(server.cli("verify", "--json", "--deep"))
    assert server.stop() == 0
    assert not (server.data / "server.json").exists()
    at_rest = json.loads(server.cli("verify", "--json", "--deep"))
    for report in (live, at_rest):
        assert (report["ok"], report["gaps"], report["ledger"]["accepted"]) == (True, [], 500)
    assert at_rest["ledger"]["stored"] == 500, "the pipeline commits what it has gathered before it ends"

    lake = server.data / "lake"
    catalog = SqlCatalog("cloudpulse", uri=f"sqlite:///{lake}/catalog.db", warehouse=f"file://{lake}")
    scan = catalog.load_table("cloudpulse.events").scan(selected_fields=("event_id",))
    assert len(set(scan.to_arrow()["event_id"].to_pylist())) == 500
    files = [task.file.file_path.removeprefix("file://") for task in scan.plan_files()]
    with duckdb.connect() as connection:
        rows = connection.execute("SELECT count(DISTINCT event_id), count(*) FROM read_parquet(?)", [files]).fetchall()
    assert rows == [(500, 500)]
    catalog.close()


def test_a_reload_keeps_the_address_and_says_so(start_server):
    own = start_server()
    issuer = httpx.get(f"{own.url}/v1/config").json()["issuer"]
    (own.data / "settings.toml").write_text("host = '127.0.0.2'\n")
    own.process.send_signal(signal.SIGHUP)
    eventually(lambda: "settings read again; host and port need a restart" in own.log())
    assert httpx.get(f"{own.url}/v1/config", timeout=30).json()["issuer"] == issuer
