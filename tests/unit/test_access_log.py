"""Access logs become events: nothing is lost, nothing raises, and every run makes the same events."""

import datetime as dt
from collections import Counter
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloudpulse.events import access_log
from cloudpulse.events.access_log import INACTIVITY, Entry
from cloudpulse.events.codec import encode_event
from cloudpulse.events.model import MAX_PROPERTIES_BYTES, Event

SHARED = Path(__file__).resolve().parents[3] / "shared"
SAMPLE = SHARED / "data" / "access.log"
START = dt.datetime(2015, 5, 17, 10, 5, tzinfo=dt.UTC)
HEAD = "1.2.3.4 - - [17/May/2015:10:05:03 +0000]"
FULL = f'{HEAD} "GET /a?b=c HTTP/1.1" 200 123 "http://x.org/" "Mozilla/5.0"'


def events_of(lines: list[str], content_hash: str = "hash") -> list[Event]:
    entries = [entry for number, line in enumerate(lines, 1) if (entry := access_log.parse(line, number))]
    return [access_log.event(entry, session, content_hash) for session, entry in access_log.sessions(entries)]


def event_of(line: str) -> Event:
    [event] = events_of([line])
    return event


def entry(seconds: float, address: str = "1.2.3.4", agent: str | None = "a", line: int = 1) -> Entry:
    return Entry(line=line, address=address, time=START + dt.timedelta(seconds=seconds), user_agent=agent)


@pytest.mark.skipif(not SHARED.exists(), reason="the real log is in ../shared, which is not here")
def test_a_real_log_is_kept_whole():
    events = events_of(SAMPLE.read_text(errors="replace").splitlines())
    assert len({event.event_id for event in events}) == 10_000
    assert sum(event.event_type == "error" for event in events) == 220
    days = Counter(event.timestamp.day for event in events)
    assert [days[day] for day in (17, 18, 19, 20)] == [1632, 2893, 2896, 2579]
    assert events == sorted(events, key=lambda event: event.timestamp)


def test_every_part_of_a_line_is_read():
    event = event_of(FULL)
    assert event.timestamp == dt.datetime(2015, 5, 17, 10, 5, 3, tzinfo=dt.UTC)
    assert event.properties == {"path": "/a", "query": "b=c", "method": "GET", "status": 200, "bytes": 123}
    assert (event.metadata.ip_address, event.metadata.user_agent) == ("1.2.3.4", "Mozilla/5.0")
    assert (event.metadata.referrer, event.source, event.event_type) == ("http://x.org/", "web", "page_view")


@pytest.mark.parametrize(
    ("method", "status", "event_type", "name"),
    [
        ("GET", 200, "page_view", None),
        ("HEAD", 304, "page_view", None),
        ("POST", 302, "form_submit", None),
        ("OPTIONS", 200, "custom", "OPTIONS"),
        ("GET", 400, "error", None),
        ("POST", 500, "error", None),
    ],
)
def test_method_and_status_tell_the_type(method, status, event_type, name):
    event = event_of(f'{HEAD} "{method} / HTTP/1.1" {status} - "-" "-"')
    assert (event.event_type, event.event_name) == (event_type, name)
    assert (event.metadata.referrer, event.metadata.user_agent) == (None, None)
    assert "bytes" not in event.properties


@pytest.mark.parametrize(
    ("tail", "properties", "agent"),
    [
        ("", {}, None),
        (' "GET /a HTTP/1.1', {"path": "/a", "method": "GET"}, None),
        (
            ' "GET /a HTTP/1.1" 200 7 "-" "Bot/1.0',
            {"path": "/a", "method": "GET", "status": 200, "bytes": 7},
            "Bot/1.0",
        ),
        (r' "GET /\"a\" HTTP/1.1" 200 7 "-" "x"', {"path": '/"a"', "method": "GET", "status": 200, "bytes": 7}, "x"),
        (' "-" 408 - "-" "-"', {"status": 408}, None),
        (r' "\x16\x03\x01" 400 226 "-" "-"', {"method": r"\x16\x03\x01", "status": 400, "bytes": 226}, None),
    ],
)
def test_a_damaged_tail_is_salvaged(tail, properties, agent):
    event = event_of(HEAD + tail)
    assert (event.properties, event.metadata.user_agent) == (properties, agent)


@pytest.mark.parametrize(
    "line",
    [
        "",
        "x",
        "1.2.3.4 - - no time",
        HEAD.replace("May", "Foo"),
        HEAD.replace("17/", "32/"),
        HEAD.replace("10:", "25:"),
    ],
)
def test_a_line_without_address_and_time_is_no_entry(line):
    assert access_log.parse(line) is None


def test_an_offset_is_honoured():
    event = event_of(HEAD.replace("+0000", "-0730"))
    assert event.timestamp == dt.datetime(2015, 5, 17, 17, 35, 3, tzinfo=dt.UTC)


@given(st.binary(max_size=300))
def test_parsing_never_raises(content):
    tail = content.decode(errors="replace")
    access_log.parse(tail)
    assert access_log.parse(HEAD + tail.replace("\n", " ")) is not None


# A file is decoded with replacement characters, so a lone surrogate never comes.
@given(st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\n\r"), max_size=200), max_size=10), st.data())
def test_whatever_follows_the_time_becomes_a_valid_event(tails, data):
    """No readable line is lost, and the server's own decoder takes what comes out."""
    wide = data.draw(st.sampled_from(["", "x" * 9_000, "\x01" * 9_000, "é" * 9_000]))
    lines = [f'{HEAD} "{tail[:9]} /{wide}{tail}?{wide} HTTP/1.1" 200 1 "{wide}" "{wide}"' for tail in tails]
    events = events_of(lines)
    assert len({event.event_id for event in events}) == len(lines)
    for event in events:
        assert msgspec.json.decode(encode_event(event), type=Event) == event
        assert len(msgspec.json.encode(event.properties)) <= MAX_PROPERTIES_BYTES


def test_ids_come_from_content_and_line_alone():
    lines = [FULL, FULL.replace("10:05:03", "10:05:01")]
    assert events_of(lines) == events_of(lines)
    assert {event.event_id for event in events_of(lines)}.isdisjoint(
        event.event_id for event in events_of(lines, "another hash")
    )


def test_half_an_hour_of_silence_ends_a_session():
    gap = INACTIVITY.total_seconds()
    entries = [entry(0), entry(gap, line=2), entry(2 * gap + 1, line=3), entry(5, agent="b", line=4)]
    by_line = {found.line: session for session, found in access_log.sessions(entries)}
    assert by_line[1] == by_line[2]
    assert len(set(by_line.values())) == 3


@given(
    st.lists(
        st.tuples(st.integers(0, 20_000), st.sampled_from("ab"), st.sampled_from(["x", "y", None])),
        max_size=60,
    )
)
def test_sessions_divide_visitors_at_their_gaps_whatever_the_order(visits):
    entries = [entry(seconds, address, agent, line) for line, (seconds, address, agent) in enumerate(visits)]
    found = list(access_log.sessions(entries))
    assert sorted(e.line for _, e in found) == list(range(len(visits)))
    last: dict[tuple[str, str | None], tuple[str, dt.datetime]] = {}
    for session, e in found:
        visitor = (e.address, e.user_agent)
        if visitor in last:
            assert (session == last[visitor][0]) == (e.time - last[visitor][1] <= INACTIVITY)
        last[visitor] = (session, e.time)
    assert dict.fromkeys(s for s, _ in access_log.sessions(entries[::-1])) == dict.fromkeys(s for s, _ in found)
