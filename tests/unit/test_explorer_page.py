"""The explorer without a server: what it asks, what it makes of answers, and what it says when there is none."""

import csv
import datetime as dt
import io
import json

import pytest
from fake_server import DROP, FakeServer
from streamlit.testing.v1 import AppTest
from typer.testing import CliRunner

from cloudpulse.cli import explore
from cloudpulse.cli.client import NoServer
from cloudpulse.cli.explore import Connection
from cloudpulse.cli.main import app
from cloudpulse.entrypoints.supervise import hold
from cloudpulse.explorer import api, frames, statements
from cloudpulse.explorer.problems import ANOTHER_TOKEN
from cloudpulse.explorer.selection import RANGES, Filters, Selection, days_of, quoted
from cloudpulse.explorer.serve import PAGE
from cloudpulse.settings import Settings

DAY = dt.date(2026, 3, 29)
"""In Berlin it has 23 hours."""
SELECTION = Selection(first=DAY, last=DAY, tz="Europe/Berlin", filters=Filters(app=" shop ", user_id="o'brien"))
NOTHING = {"total_events": 0, "error_count": 0, "timeline": [], "by_event_type": {}}


@pytest.fixture
def server():
    server = FakeServer()
    server.answers["/v1/realtime"] = NOTHING | {"as_of": "2026-03-29T12:00:00.000Z"}
    server.answers["/v1/query"] = {"results": [], "truncated": False}
    server.answers["/v1/query/sql"] = {"results": [{"sessions": 0, "users": 0}]}
    yield server
    server.close()


@pytest.fixture
def settings(tmp_path):
    return Settings(data=tmp_path / "data")


@pytest.fixture
def connected(server, settings):
    """Pages are about the server."""
    with Connection(settings, server.url, None) as connection:
        api.use(connection)
        yield


@pytest.fixture
def page(connected):
    return AppTest.from_file(PAGE, default_timeout=60)


def test_a_selection_is_the_same_days_for_queries_and_for_sql():
    assert SELECTION.parameters() == {
        "date_from": "2026-03-29",
        "date_to": "2026-03-29",
        "tz": "Europe/Berlin",
        "app": "shop",
        "user_id": "o'brien",
    }
    assert SELECTION.conditions() == [
        "timestamp >= TIMESTAMPTZ '2026-03-28T23:00:00+00:00'",
        "timestamp < TIMESTAMPTZ '2026-03-29T22:00:00+00:00'",
        "app = 'shop'",
        "user_id = 'o''brien'",
    ]


def test_ranges_end_today():
    assert [days_of(name, DAY)[0] for name in RANGES[:-1]] == [DAY, dt.date(2026, 3, 23), dt.date(2026, 2, 28)]
    assert {days_of(name, DAY)[1] for name in RANGES[:-1]} == {DAY}


@pytest.mark.parametrize("text", ["it's", "'; SELECT 1 --", "\\'", "''"])
def test_a_literal_holds_any_text(text):
    from duckdb import sql

    assert sql(f"SELECT {quoted(text)}").fetchall() == [(text,)]


def test_a_page_begins_behind_an_event():
    place = statements.Place("2026-03-29T12:00:00.000001Z", "b")
    asked = statements.event_page(SELECTION, "", place)
    assert "timestamp <= TIMESTAMPTZ '2026-03-29T12:00:00.000001Z'" in asked
    assert "event_id < 'b'" in asked
    assert "contains" not in asked
    assert "lower('50% off')" in statements.event_page(SELECTION, " 50% off ", None)


def test_a_series_has_a_number_for_each_type_and_time():
    starts = ["2026-03-29T00:00:00Z", "2026-03-29T01:00:00Z", "2026-03-29T02:00:00Z"]
    by_type = {"click": {starts[0]: 2}, "error": {starts[1]: 0, starts[2]: 5}}
    table = frames.series(starts, by_type, "Europe/Berlin")
    assert table == {
        "time": [dt.datetime(2026, 3, 29, hour) for hour in (1, 3, 4)],  # the clocks go forward
        "click": [2, 0, 0],
        "error": [0, 0, 5],
    }


def test_without_events_no_share_of_them_is_errors():
    assert (frames.error_rate({}), frames.error_rate({"error": 1, "click": 3})) == (0.0, 25.0)


ANSWER = {
    "columns": [
        {"name": "at", "type": "TIMESTAMP WITH TIME ZONE"},
        {"name": "n", "type": "HUGEINT"},
        {"name": "m", "type": "MAP(VARCHAR, INTEGER)"},
        {"name": "share", "type": "DOUBLE"},
        {"name": "=name", "type": "VARCHAR"},
    ],
    "results": [
        {"at": "2026-03-29T12:00:00Z", "n": 2**64, "m": {"ä": 1}, "share": -0.5, "=name": '=HYPERLINK("x")'},
        {"at": None, "n": None, "m": None, "share": None, "=name": "a, b"},
    ],
}


def test_rows_hold_what_a_table_can_show():
    table = frames.rows(ANSWER, "Europe/Berlin")
    assert [len(values) for values in table.values()] == [2] * 5
    assert table["at"][0].isoformat() == "2026-03-29T14:00:00+02:00"
    assert table["n"] == [str(2**64), None]
    assert table["m"] == ['{"ä": 1}', None]
    assert frames.numbers(table) == ["share"]
    assert frames.on_wall_clocks(table)["at"] == [dt.datetime(2026, 3, 29, 14), None]


def test_csv_holds_no_formula_and_numbers_as_they_are():
    text = frames.csv_text(frames.rows(ANSWER, "UTC"))
    assert list(csv.reader(io.StringIO(text))) == [
        ["at", "n", "m", "share", "'=name"],
        ["2026-03-29T12:00:00+00:00", str(2**64), '{"ä": 1}', "-0.5", '\'=HYPERLINK("x")'],
        ["", "", "", "", "a, b"],
    ]


def test_what_others_sent_is_shown_and_not_followed():
    assert frames.plain("![x](http://a/b) `c`") == r"\!\[x\]\(http\://a/b\) \`c\`"


@pytest.mark.parametrize(
    ("answer", "sentence"),
    [
        ((401, {}, {"detail": "The token has expired."}), "The token has expired."),
        ((403, {}, {"detail": "The token lacks the scope events:read."}), "The token lacks the scope events:read."),
        ((503, {"Retry-After": "9"}, {"detail": "the backlog is full."}), "The backlog is full."),
        ((DROP, {}, {}), "No answer from http://127.0.0.1"),
        ((200, {}, "<html>"), "is no CloudPulse."),
        ((500, {}, "<html>"), "GET /v1/realtime was answered with status 500."),
    ],
)
def test_a_problem_is_a_sentence_in_the_page(page, server, answer, sentence):
    server.script = [answer] * 2
    page.run()
    [shown] = page.error
    assert frames.plain(sentence) in shown.value
    assert (ANOTHER_TOKEN in shown.value) == (answer[0] == 401)
    assert (len(page.exception), len(page.metric)) == (0, 0)
    server.script = []
    page.run()
    assert (len(page.error), len(page.metric)) == (0, 4)


def test_totals_that_sql_does_not_tell_leave_the_others(page, server):
    server.script = [(200, {}, server.answers[path]) for path in ("/v1/realtime", "/v1/query")]
    server.script.append((400, {}, {"detail": "That is too much."}))
    page.run()
    assert [metric.value for metric in page.metric] == ["0", "–", "–", "0.0 %"]  # noqa: RUF001 - as the page shows it
    assert page.metric[1].help == frames.plain("That is too much.")


def test_a_token_that_ended_is_renewed_between_two_drawings(page, server):
    page.run()
    server.script = [(401, {}, {"detail": "The token has expired."})]
    page.run()
    assert (len(page.error), len(page.metric), server.script) == (0, 4, [])


def test_the_tokens_are_for_reading(page, server):
    import jwt

    page.run()
    assert {jwt.decode(token, options={"verify_signature": False})["scope"] for token in server.tokens} == {
        "events:read"
    }


def following():
    """A page that is drawn once, and whose timer then fires."""
    import streamlit as st

    from cloudpulse.explorer import follow

    st.session_state.drawings = st.session_state.get("drawings", 0) + 1
    follow.begin()
    follow.follow()
    if st.session_state.drawings == 1:
        follow.follow()


@pytest.mark.parametrize(
    ("answer", "drawings"),
    [
        ((200, {}, NOTHING | {"as_of": "2026-03-29T12:00:02.000Z"}), 1),
        ((200, {}, NOTHING | {"total_events": 1, "as_of": "2026-03-29T12:00:02.000Z"}), 2),
        ((403, {}, {"detail": "The token lacks the scope events:read."}), 2),
    ],
)
def test_the_page_is_drawn_anew_when_something_has_changed(server, connected, answer, drawings):
    server.script = [(200, {}, server.answers["/v1/realtime"]), answer, answer]
    page = AppTest.from_function(following, default_timeout=60).run()
    assert page.session_state.drawings == drawings
    assert len(server.paths) == 1 + drawings


def test_a_server_that_moves_is_found(settings):
    settings.data.mkdir()
    with Connection(settings, None, None) as connection:
        with hold(settings.data):
            for url in ("http://127.0.0.1:1", "http://127.0.0.1:2"):
                (settings.data / "server.json").write_text(json.dumps({"url": url}))
                client = connection()
                assert (client.url, connection()) == (url, client)
        with pytest.raises(NoServer, match="no server runs on"):
            connection()


def test_without_streamlit_a_sentence_says_how_to_install_it(monkeypatch):
    monkeypatch.setattr(explore, "find_spec", lambda name: None)
    result = CliRunner().invoke(app, ["explore"])
    assert (result.exit_code, result.stderr.count("\n")) == (1, 1)
    assert "pip install 'cloudpulse[explore]'" in result.stderr


def test_without_a_server_nothing_is_served(tmp_path):
    result = CliRunner().invoke(app, ["explore", "--data", str(tmp_path)])
    assert (result.exit_code, "no server runs on" in result.stderr) == (1, True)
