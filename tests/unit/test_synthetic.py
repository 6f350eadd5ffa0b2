"""Synthetic traffic is valid, in order, exact in number, believable, and the same for the same random generator."""

import datetime as dt
from collections import Counter
from random import Random

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cloudpulse.events.codec import encode_event
from cloudpulse.events.enrich import user_agent
from cloudpulse.events.model import EVENT_TYPES, Event
from cloudpulse.events.site import PAGES
from cloudpulse.events.synthetic import Crowd, history

END = dt.datetime(2026, 3, 9, 14, 22, tzinfo=dt.UTC)


@pytest.fixture(scope="module")
def month() -> list[Event]:
    return list(history(Random(7), END - dt.timedelta(days=28), END, 20_000))


@settings(max_examples=25)
@given(st.integers(1, 300), st.floats(0.01, 40), st.integers(0, 1000))
def test_history_is_exact_ordered_and_within_its_range(events, days, number):
    start = END - dt.timedelta(days=days)
    made = list(history(Random(number), start, END, events))
    assert len(made) == events
    times = [event.timestamp for event in made]
    assert times == sorted(times)
    assert start - dt.timedelta(milliseconds=1) <= times[0]
    assert times[-1] <= END


def test_every_event_is_one_that_the_server_takes(month):
    for event in month:
        assert msgspec.json.decode(encode_event(event), type=Event) == event


def test_the_same_generator_makes_the_same_traffic(month):
    again = history(Random(7), END - dt.timedelta(days=28), END, 20_000)
    assert [encode_event(event) for event in again] == [encode_event(event) for event in month]


def test_traffic_is_believable(month):
    types = Counter(event.event_type for event in month)
    assert set(types) == set(EVENT_TYPES)
    assert 0.02 <= types["error"] / len(month) <= 0.04
    assert {"signup", "Order Completed"} <= {event.event_name for event in month}
    by_day = Counter(event.timestamp.weekday() >= 5 for event in month)
    assert by_day[True] / 2 < by_day[False] / 5
    by_hour = Counter(event.timestamp.hour for event in month)
    assert by_hour[3] * 3 < by_hour[14]
    sessions = Counter(event.session_id for event in month)
    assert 2 < len(month) / len(sessions) < 20
    visits = {(event.user_id, event.session_id) for event in month if event.user_id}
    assert max(Counter(user for user, _ in visits).values()) > 5


def test_agents_and_places_vary(month):
    agents = [user_agent(event.metadata.user_agent) for event in month]
    assert {"desktop", "mobile", "tablet", "bot"} <= {agent.device for agent in agents}
    assert 0 < sum(agent.bot for agent in agents) < len(month) / 10
    assert len({agent.browser for agent in agents}) >= 5
    assert len({event.metadata.country for event in month}) >= 8


def test_a_crowd_goes_on_at_the_present_moment():
    crowd = Crowd(Random(1), 5)
    made = [crowd.next(END) for _ in range(500)]
    assert {event.timestamp for event in made} == {END}
    assert len({id(event) for event in made}) == 500
    assert len({event.session_id for event in made}) > 20


def test_every_page_leads_to_pages():
    assert {target for page in PAGES.values() for target in page.following} <= {*PAGES, ""}
