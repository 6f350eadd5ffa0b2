"""Stored lines become silver rows."""

import datetime as dt

import msgspec
import pytest
from lake_samples import JOURNAL, NOW, batch, event, lines

from cloudpulse.events.model import Metadata, Remote
from cloudpulse.lake.chunk import decode
from cloudpulse.lake.tables import SILVER, to_arrow

LATER = NOW + dt.timedelta(seconds=2)
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"


def rows(events, remote=None, received_at=NOW):
    table = to_arrow(b"\n".join(lines(events, received_at, remote)), LATER)
    assert table.schema.equals(SILVER, check_metadata=True)
    return table.to_pylist()


def test_every_column_is_filled_from_the_event():
    sent = event(
        NOW - dt.timedelta(minutes=1),
        "custom",
        user_id="u-1",
        event_name="signup",
        properties={"page": "/pricing", "duration_ms": 12.5},
        metadata=Metadata(user_agent=FIREFOX, country="DE", region="BE", referrer="https://example.com/"),
    )
    [row] = rows([sent])
    assert row == {
        "event_id": str(sent.event_id),
        "event_type": "custom",
        "event_name": "signup",
        "timestamp": NOW - dt.timedelta(minutes=1),
        "received_at": NOW,
        "processed_at": LATER,
        "app": "default",
        "client_id": "client-1",
        "source": "web",
        "session_id": "s-1",
        "user_id": "u-1",
        "page": "/pricing",
        "duration_ms": 12.5,
        "referrer": "https://example.com/",
        "ip_address": None,
        "country": "DE",
        "region": "BE",
        "user_agent": FIREFOX,
        "browser": "Firefox",
        "os": "Linux",
        "device": "desktop",
        "bot": False,
        "clamped": False,
        "properties": '{"duration_ms":12.5,"page":"/pricing"}',
    }


def test_an_event_without_time_counts_when_it_was_received():
    [row] = rows([event(None)])
    assert (row["timestamp"], row["clamped"]) == (NOW, False)


@pytest.mark.parametrize(
    ("ahead", "clamped"),
    [(dt.timedelta(minutes=5), False), (dt.timedelta(minutes=5, microseconds=1), True), (dt.timedelta(-400), False)],
)
def test_a_time_more_than_five_minutes_ahead_is_clamped_and_marked(ahead, clamped):
    [row] = rows([event(NOW + ahead)])
    assert (row["timestamp"], row["clamped"]) == (NOW if clamped else NOW + ahead, clamped)


@pytest.mark.parametrize("source", ["web", "mobile"])
def test_the_connection_stands_in_for_what_a_browser_leaves_out(source):
    remote = Remote(ip_address="192.0.2.0", user_agent=FIREFOX, country="FR")
    [row] = rows([event(source=source, metadata=Metadata(country="DE"))], remote)
    assert (row["ip_address"], row["browser"], row["country"]) == ("192.0.2.0", "Firefox", "DE")


@pytest.mark.parametrize("source", ["api", "server"])
def test_a_server_in_between_is_not_taken_for_the_user(source):
    [row] = rows([event(source=source)], Remote(ip_address="192.0.2.0", user_agent="curl/8.0", country="FR"))
    assert (row["ip_address"], row["user_agent"], row["country"], row["bot"]) == (None, None, None, False)


def test_text_outside_ascii_survives():
    [row] = rows([event(user_id="Zoë", properties={"k": "日本語 🎉"})])
    assert (row["user_id"], row["properties"]) == ("Zoë", '{"k":"日本語 🎉"}')


def test_no_properties_are_null():
    assert [row["properties"] for row in rows([event(), event(properties={})])] == [None, None]


def test_a_chunk_spans_its_batches():
    chunk = decode(JOURNAL, [batch(4, [event(), event()]), batch(5, [event()])], LATER)
    assert (chunk.first, chunk.last, chunk.events, chunk.table.num_rows) == (4, 5, 3, 3)
    assert str(chunk.position) == f"{JOURNAL}:5"


def test_a_batch_that_holds_less_than_it_says_is_refused():
    short = msgspec.structs.replace(batch(4, [event()]), events=2)
    with pytest.raises(ValueError, match="say 2 events and hold 1"):
        decode(JOURNAL, [short], LATER)


def test_damaged_lines_are_refused():
    with pytest.raises(msgspec.MsgspecError):
        to_arrow(b'{"event_id":', LATER)
