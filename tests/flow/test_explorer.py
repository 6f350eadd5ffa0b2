"""The explorer's page and its command against a whole CloudPulse."""

import os
import re
import signal
import subprocess
from contextlib import contextmanager
from pathlib import Path

import httpx
import pyarrow as pa
import pytest
from streamlit.testing.v1 import AppTest

from cloudpulse.cli.client import NoServer
from cloudpulse.cli.explore import Connection
from cloudpulse.explorer import api
from cloudpulse.explorer.frames import plain
from cloudpulse.explorer.problems import ANOTHER_TOKEN
from cloudpulse.explorer.serve import PAGE
from cloudpulse.explorer.statements import PAGE_ROWS
from cloudpulse.settings import load
from live_server import CLOUDPULSE, PATIENCE_SECONDS, Server, event, eventually, today

DAYS = {"date_from": today(-6), "date_to": today()}


@pytest.fixture(scope="module")
def seeded(start_server):
    """A server that nobody else sends to."""
    server = start_server(lake_commit_seconds=1)
    server.cli("seed", "--events", "1500", "--days", "3", "--random-seed", "5")
    return server


@pytest.fixture(scope="module")
def reader(seeded):
    with seeded.client() as client:
        yield client


@contextmanager
def page_of(server: Server, token: str | None = None, **query: str):
    """The page, drawn, with this query string."""
    with Connection(load({"data": server.data}, {}), None, token) as connection:
        api.use(connection)
        page = AppTest.from_file(PAGE, default_timeout=PATIENCE_SECONDS)
        page.query_params |= query
        yield page.run()
        assert [one.value for one in page.exception] == []


def totals(page: AppTest) -> dict[str, str]:
    return {metric.label: metric.value for metric in page.metric}


def query(reader: httpx.Client, **asked):
    answer = reader.get("/v1/query", params=DAYS | asked)
    assert answer.status_code == 200, answer.text
    return answer.json()["results"]


def sql(reader: httpx.Client, statement: str):
    answer = reader.post("/v1/query/sql", json={"sql": statement})
    assert answer.status_code == 200, answer.text
    return answer.json()["results"]


def events(reader: httpx.Client, **asked):
    """Events as ``/v1/events`` lists them."""
    return reader.get("/v1/events", params={"limit": 10_000, **asked}).json()["events"]


def choose(page: AppTest, key: str, value: str) -> AppTest:
    return page.get_by_key(key).set_value(value).run()


def test_totals_are_those_of_the_api(seeded, reader):
    with page_of(seeded) as page:
        counts = {row["event_type"]: row["event_count"] for row in query(reader, query_type="event_count")}
        listed = events(reader)
        assert totals(page) == {
            "Events": f"{sum(counts.values()):,}",
            "Sessions": f"{len({one['session_id'] for one in listed}):,}",
            "Users": f"{len({one['user_id'] for one in listed} - {None}):,}",
            "Error rate": f"{100 * counts['error'] / sum(counts.values()):.1f} %",
        }
        assert sum(counts.values()) == len(listed) >= 1500


def charted(page: AppTest) -> list[list[dict[str, object]]]:
    """The rows behind each chart."""
    charts = page.get("vega_lite_chart")
    return [pa.ipc.open_stream(chart.proto.datasets[0].data.data).read_all().to_pylist() for chart in charts]


def test_charts_show_what_the_api_answers(seeded, reader):
    with page_of(seeded) as page:
        types, hours = charted(page)
        counts = {row["event_type"]: row["event_count"] for row in query(reader, query_type="event_count")}
        assert {row["type"]: row["events"] for row in types} == counts
        clicks = query(reader, query_type="timeseries", event_type="click")
        found = {f"{row['time']:%FT%TZ}": row["events"] for row in hours if row["type"] == "click"}
        assert {row["bucket"]: row["event_count"] for row in clicks}.items() <= found.items()
        assert sum(found.values()) == counts["click"]
        choose(page, "interval", "day")
        days = query(reader, query_type="timeseries", interval="day")
        assert {f"{row['time']:%FT%TZ}" for row in charted(page)[1]} == {row["bucket"] for row in days}


def test_filters_change_totals_and_table(seeded, reader):
    with page_of(seeded, view="Events") as page:
        choose(page, "type", "error")
        errors = page.dataframe[0].value
        assert set(errors["event_type"]) == {"error"}
        session = errors["session_id"][0]
        choose(choose(page, "type", ""), "session", session)
        table = page.dataframe[0].value
        assert list(table["event_id"]) == [one["event_id"] for one in events(reader, session_id=session)]
        user = next(one["user_id"] for one in events(reader) if one["user_id"])
        choose(choose(page, "session", ""), "user", user)
        assert set(page.dataframe[0].value["user_id"]) == {user}
        choose(choose(page, "user", ""), "app", "another")
        assert (len(page.dataframe), page.info[0].value) == (0, "There are no events of these days and filters.")
    with page_of(seeded, type="error", session=session) as page:
        [row] = query(reader, query_type="event_count", event_type="error", session_id=session)
        assert (totals(page)["Events"], totals(page)["Error rate"]) == (str(row["event_count"]), "100.0 %")


def test_text_is_found_whatever_its_case(seeded, reader):
    with page_of(seeded, view="Events") as page:
        choose(page, "text", "/PRICING")
        found = sql(
            reader, "SELECT event_id FROM events WHERE properties LIKE '%/pricing%' OR referrer LIKE '%/pricing%'"
        )
        shown = set(page.dataframe[0].value["event_id"])
        assert 0 < len(shown) <= PAGE_ROWS
        assert shown <= {row["event_id"] for row in found}


def test_pages_follow_each_other_newest_first(seeded, reader):
    expected = [one["event_id"] for one in events(reader)]
    with page_of(seeded, view="Events") as page:
        seen = []
        for _ in range(3):
            seen += page.dataframe[0].value["event_id"].tolist()
            button(page, "Older").click().run()
        assert seen == expected[: 3 * PAGE_ROWS]
        button(page, "Newer").click().run()
        assert page.dataframe[0].value["event_id"].tolist() == seen[-PAGE_ROWS:]
        button(page, "Newest").click().run()
        assert page.dataframe[0].value["event_id"].tolist() == seen[:PAGE_ROWS]
        assert button(page, "Newer").disabled


def button(page: AppTest, label: str):
    return next(one for one in page.button if one.label == label)


def test_days_and_times_are_those_of_the_zone(seeded, reader):
    with page_of(seeded, view="Events", tz="Pacific/Kiritimati", range="Today") as page:
        stamps = page.dataframe[0].value["timestamp"] if page.dataframe else []
        assert {stamp.utcoffset().total_seconds() for stamp in stamps} <= {14 * 3600}
    with page_of(seeded, tz="Pacific/Kiritimati", range="Other days", days=[today(-2), today(-1)]) as page:
        asked = {"date_from": today(-2), "date_to": today(-1), "tz": "Pacific/Kiritimati"}
        counts = query(reader, query_type="event_count", **asked)
        assert totals(page)["Events"] == f"{sum(row['event_count'] for row in counts):,}"


def test_sql_runs_and_refuses_with_the_sentence_of_the_server(seeded, reader):
    with page_of(seeded, view="SQL") as page:
        statement = "SELECT event_type, count(*) AS n FROM events GROUP BY event_type ORDER BY n DESC"
        page.get_by_key("select").set_value(statement)
        button(page, "Run").click().run()
        answer = sql(reader, statement)
        assert page.dataframe[0].value.to_dict("records") == answer
        assert page.get("download_button")[0].proto.label == "CSV"
        choose(page, "chart", "Bars")
        assert [len(rows) for rows in charted(page)] == [len(answer)]
        forbidden = "SELECT * FROM read_csv('/etc/hostname')"
        page.get_by_key("select").set_value(forbidden)
        button(page, "Run").click().run()
        page.run()  # as when events arrive
        refusal = reader.post("/v1/query/sql", json={"sql": forbidden}).json()["detail"]
        assert [shown.value for shown in page.error] == [plain(refusal)]
        assert not page.dataframe


def test_what_was_asked_outlives_a_server_that_was_away(seeded, monkeypatch):
    def away():
        raise NoServer("no server runs here.")

    with page_of(seeded, view="SQL") as page:
        page.get_by_key("select").set_value("SELECT 1 AS one")
        button(page, "Run").click().run()
        with monkeypatch.context() as patch:
            patch.setattr(api, "client", away)
            assert [shown.value for shown in page.run().error] == [plain("No server runs here.")]
            assert not page.text_area
        page.run()
        assert (page.get_by_key("select").value, len(page.dataframe)) == ("SELECT 1 AS one", 1)


def test_new_events_appear_with_the_next_drawing(seeded, reader):
    with page_of(seeded) as page:
        before = int(totals(page)["Events"].replace(",", ""))
        assert reader.post("/v1/events", json=event("s-explorer", "error")).status_code == 200
        page.run()
        assert int(totals(page)["Events"].replace(",", "")) == before + 1


@pytest.mark.parametrize(
    ("scope", "sentence"),
    [("", "The token is not valid. Get a new one."), ("events:write", "The token lacks the scope")],
)
def test_a_token_that_does_not_count_is_a_sentence(seeded, scope, sentence):
    token = seeded.cli("token", "--scope", scope).strip() if scope else "no.good.token"
    with page_of(seeded, token) as page:
        [shown] = page.error
        assert plain(sentence) in shown.value
        assert (ANOTHER_TOKEN in shown.value) == (not scope)
        assert not page.metric


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_command_serves_the_page_until_a_signal(seeded, tmp_path, number):
    log = tmp_path / "explorer.log"
    command = [*CLOUDPULSE, "explore", "--port", "0", "--data", str(seeded.data)]
    with log.open("w") as out:
        process = subprocess.Popen(command, stdout=out, stderr=out, env=seeded.environ, start_new_session=True)
    try:
        url = eventually(lambda: re.search(r"http://127\.0\.0\.1:\d+", log.read_text()))[0]
        assert eventually(lambda: answer_of(f"{url}/_stcore/health")) == "ok"
        assert 'id="root"' in answer_of(url)
        assert [handshake(url, host) for host in ("127.0.0.1", "localhost", "attacker.example")] == [101, 101, 403]
        seen = Path(f"/proc/{process.pid}/cmdline").read_text() + Path(f"/proc/{process.pid}/environ").read_text()
        assert "eyJ" not in seen
    finally:
        process.send_signal(number)
        code = process.wait(PATIENCE_SECONDS)
    said, refused = log.read_text().splitlines()
    assert (code, said) == (0, f"The explorer is at {url} until Ctrl-C.")
    assert "attacker.example" in refused
    with pytest.raises(ProcessLookupError):
        os.killpg(process.pid, 0)


def handshake(url: str, host: str) -> int:
    """The status with which the page's WebSocket answers a browser that knows it by this name."""
    upgrade = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13"}
    headers = upgrade | {"Host": host, "Origin": url, "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ=="}
    with httpx.stream("GET", f"{url}/_stcore/stream", headers=headers) as answer:
        return answer.status_code


def answer_of(url: str) -> str | None:
    try:
        return httpx.get(url, timeout=5).text
    except httpx.TransportError:
        return None
