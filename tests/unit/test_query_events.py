"""The list of events against the truth, page by page."""

import datetime as dt
import random
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from query_world import NOW, World, random_event

from cloudpulse.errors import InvalidParameter
from cloudpulse.events.times import UTC, rfc3339
from cloudpulse.serving.events import EventListService, EventsRequest, ListedEvent

FIRST = dt.datetime(2026, 3, 27, tzinfo=UTC)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A commit in the lake, a tail file, and a batch in the journal alone; many events share their time."""
    rng = random.Random(11)
    world = World(tmp_path_factory.mktemp("data"))
    for _ in range(3):
        events = [random_event(rng, FIRST, NOW) for _ in range(80)]
        for event in events[::2]:
            event.timestamp = rfc3339(FIRST + dt.timedelta(days=rng.randrange(6)))
        world.accept(events)
    world.to_lake(1)
    world.to_tail_file(1, 2)
    yield world
    world.close()


def pages(world: World, **request: Any) -> Iterator[list[ListedEvent]]:
    service = EventListService(world.settings, world.executor(world.snapshots), lambda: NOW)
    page = service.page(EventsRequest(**request))
    yield page.events
    while page.next_cursor:
        page = service.page(EventsRequest(**request, cursor=page.next_cursor))
        yield page.events


@pytest.mark.parametrize(
    "filters",
    [{}, {"session_id": "session-3"}, {"user_id": "user-2"}, {"event_type": "click"}, {"session_id": "nobody"}],
    ids=str,
)
@pytest.mark.parametrize("limit", [7, 50, 1000])
def test_pages_together_are_all_events_newest_first_and_none_twice(world, filters, limit):
    truth = [row for row in world.truth if all(row[name] == value for name, value in filters.items())]
    truth.sort(key=lambda row: (row["timestamp"], row["event_id"]), reverse=True)
    found = list(pages(world, limit=limit, **filters))
    assert [event.event_id for page in found for event in page] == [row["event_id"] for row in truth]
    assert all(len(page) == limit for page in found[:-1])


def test_an_event_is_shown_as_it_is_stored(world):
    true = max(world.truth, key=lambda row: (row["timestamp"], row["event_id"]))
    event = msgspec.to_builtins(next(pages(world))[0])
    for name in ("event_id", "event_type", "event_name", "app", "source", "session_id", "user_id"):
        assert event[name] == true[name]
    assert event["timestamp"] == rfc3339(true["timestamp"])
    assert event["received_at"] == rfc3339(NOW)
    assert event["properties"] == msgspec.json.decode(true["properties"] or "{}")
    assert event["metadata"].get("country") == true["country"]


def test_days_are_inclusive(world):
    day = dt.date(2026, 3, 28)
    found = [event.event_id for page in pages(world, date_from=day, date_to=day) for event in page]
    assert set(found) == {row["event_id"] for row in world.truth if row["timestamp"].date() == day}


@pytest.mark.parametrize("cursor", ["nonsense", "bm9uc2Vuc2U", "ÿ", "OTk5OTk5OTk5OTk5OTk5OTk5OTk6eA"])
def test_a_foreign_cursor_is_refused(world, cursor):
    with pytest.raises(InvalidParameter, match="leave it out"):
        next(pages(world, cursor=cursor))


def test_the_first_days_of_the_calendar_hold_nothing(world):
    assert list(pages(world, date_to=dt.date.min)) == [[]]
