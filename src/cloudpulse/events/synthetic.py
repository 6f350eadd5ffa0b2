"""Believable synthetic traffic; pure, and the same for the same random generator.

A **visit** is one session: a path through the pages of a shop, as (seconds since its start, event). Visits are laid
over a range of time with a daily rhythm and quiet weekends (``history``), or run side by side now (``Crowd``).
"""

import datetime as dt
import heapq
from collections.abc import Iterator
from itertools import accumulate, pairwise
from random import Random
from typing import Any, NamedTuple

from cloudpulse.events.model import Event, EventType, Metadata, Source
from cloudpulse.events.site import AGENTS, BOTS, CLICK_CHANCE, COUNTRIES, ENTRIES, FAILURES, PAGES, REFERRERS, SERVERS

HOUR = dt.timedelta(hours=1)
RHYTHM = (2, 1, 1, 1, 1, 2, 3, 5, 8, 10, 11, 11, 10, 11, 11, 10, 9, 9, 10, 11, 10, 8, 6, 4)
"""Relative traffic of the hours of a day, in UTC."""

WEEKEND = 0.6
KNOWN_USERS = 5_000
BOT_SHARE = 0.04
API_SHARE = 0.06
ERROR_SHARE = 0.03

Step = tuple[float, Event]


class Visitor(NamedTuple):
    """Who visits; a known user returns with the same id, device and place."""

    source: Source
    metadata: Metadata
    user_id: str | None
    bot: bool


def history(random: Random, start: dt.datetime, end: dt.datetime, events: int) -> Iterator[Event]:
    """Exactly so many events between start and end, in order of time."""
    due: list[tuple[dt.datetime, int, Event]] = []
    made = 0
    for first, last, wanted in _hours(start, end, events):
        while made < wanted:
            begin = first + random.random() * (last - first)
            steps = visit(random)[: wanted - made]
            length = dt.timedelta(seconds=steps[-1][0])
            squeeze = min(1.0, (end - begin) / length) if length else 1.0
            for offset, event in steps:
                event.timestamp = _milliseconds(begin + dt.timedelta(seconds=offset * squeeze))
                heapq.heappush(due, (event.timestamp, made, event))
                made += 1
        while due and due[0][0] < last:
            yield heapq.heappop(due)[2]
    while due:
        yield heapq.heappop(due)[2]


class Crowd:
    """Many visits at once, met at any point of their path: the next event is a step of any of them."""

    def __init__(self, random: Random, size: int) -> None:
        self._random = random
        self._visits = [iter(steps[random.randrange(len(steps)) :]) for steps in map(visit, [random] * size)]

    def next(self, now: dt.datetime) -> Event:
        """One more event, at this moment; who has seen enough makes room for another."""
        place = self._random.randrange(len(self._visits))
        step = next(self._visits[place], None)
        while step is None:
            self._visits[place] = iter(visit(self._random))
            step = next(self._visits[place], None)
        step[1].timestamp = now
        return step[1]


def visit(random: Random) -> list[Step]:
    """One session: at least one event, the first at second 0."""
    visitor = _visitor(random)
    session_id = f"s-{random.getrandbits(80):020x}"
    walk = _calls if visitor.source == "api" else _crawl if visitor.bot else _browse
    return list(walk(random, visitor, session_id))


def _visitor(random: Random) -> Visitor:
    chance = random.random()
    if chance < BOT_SHARE:
        return _anybody(random, "web", random.choice(BOTS), None, True)
    if chance < BOT_SHARE + API_SHARE:
        return _anybody(random, "api", random.choice(SERVERS), f"svc-{random.randrange(40)}", False)
    if random.random() < 0.4:
        number = int(KNOWN_USERS * random.random() ** 2)  # the first ones come most often
        return _person(Random(number), f"user-{number:05}")
    return _person(random, None)


def _person(random: Random, user_id: str | None) -> Visitor:
    agent, source = random.choices(AGENTS.pairs, cum_weights=AGENTS.weights)[0]
    return _anybody(random, source, agent, user_id, False)


def _anybody(random: Random, source: Source, agent: str, user_id: str | None, bot: bool) -> Visitor:
    country, regions = random.choices(COUNTRIES.pairs, cum_weights=COUNTRIES.weights)[0]
    network = random.choice(("192.0.2", "198.51.100", "203.0.113"))  # RFC 5737: nobody's
    metadata = Metadata(
        ip_address=f"{network}.{random.randrange(1, 255)}",
        user_agent=agent,
        country=country,
        region=random.choice(regions),
        referrer=random.choice(REFERRERS) if source == "web" and not bot else None,
    )
    return Visitor(source, metadata, user_id, bot)


def _browse(random: Random, visitor: Visitor, session_id: str) -> Iterator[Step]:
    """A person: sees a page, does something there, goes on or leaves."""
    at, page, user_id = 0.0, random.choice(ENTRIES), visitor.user_id

    def made(event_type: EventType, name: str | None = None, **properties: Any) -> Step:
        return at, _event(visitor, session_id, user_id, event_type, name, properties)

    while page:
        stay = random.expovariate(1 / 25) + 1
        shown = page.replace("{n}", str(random.randrange(1, 200)))
        yield made("page_view", page=shown, duration_ms=int(stay * 1000), load_ms=int(random.gammavariate(2, 180)))
        at += stay * 0.4
        if random.random() < ERROR_SHARE * 1.7:
            yield made("error", page=shown, **random.choice(FAILURES))
        if random.random() < CLICK_CHANCE:
            yield made("click", page=shown, element=random.choice(PAGES[page].elements))
        if random.random() < PAGES[page].form_chance:
            at += stay * 0.5
            yield made("form_submit", page=shown, form=PAGES[page].form, fields=random.randrange(2, 9))
            if page == "/signup":
                user_id = user_id or f"user-{KNOWN_USERS + random.getrandbits(24)}"
                yield made("custom", "signup", plan=random.choice(("free", "team", "business")))
            elif page == "/checkout":
                yield made("custom", "Order Completed", **_order(random))
        at += stay
        page = random.choices(PAGES[page].following, PAGES[page].chances)[0]


def _crawl(random: Random, visitor: Visitor, session_id: str) -> Iterator[Step]:
    for number in range(random.randrange(1, 12)):
        page = random.choice(list(PAGES)).replace("{n}", str(random.randrange(1, 200)))
        kind: EventType = "error" if random.random() < ERROR_SHARE else "page_view"
        properties = {"page": page, **({"status": 404, "message": "Not found"} if kind == "error" else {})}
        yield number * 2.0, _event(visitor, session_id, None, kind, None, properties)


def _calls(random: Random, visitor: Visitor, session_id: str) -> Iterator[Step]:
    for number in range(random.randrange(2, 20)):
        failed = random.random() < ERROR_SHARE
        properties = {
            "path": random.choice(("/api/products", "/api/orders", "/api/search", "/api/stock", "/api/login")),
            "method": random.choice(("GET", "GET", "GET", "POST")),
            "status": random.choice((500, 503, 429)) if failed else 200,
            "duration_ms": round(random.gammavariate(2, 30) * (8 if failed else 1), 1),
        }
        kind: EventType = "error" if failed else "api_call"
        yield number * 5.0, _event(visitor, session_id, visitor.user_id, kind, None, properties)


def _order(random: Random) -> dict[str, Any]:
    items = random.randrange(1, 6)
    return {
        "order_id": f"{random.getrandbits(32):08x}",
        "items": items,
        "value": round(items * random.lognormvariate(3.2, 0.6), 2),
        "currency": "EUR",
    }


def _event(
    visitor: Visitor,
    session_id: str,
    user_id: str | None,
    event_type: EventType,
    name: str | None,
    properties: dict[str, Any],
) -> Event:
    return Event(
        event_type=event_type,
        event_name=name,
        session_id=session_id,
        source=visitor.source,
        user_id=user_id,
        properties=properties,
        metadata=visitor.metadata,
    )


def _hours(start: dt.datetime, end: dt.datetime, events: int) -> Iterator[tuple[dt.datetime, dt.datetime, int]]:
    """(start, end, how many events until its end) of each hour, by the rhythm of day and week."""
    edges = [start]
    while edges[-1] < end:
        edges.append(min(edges[-1] + HOUR, end))
    spans = list(pairwise(edges))
    weights = [_weight(first) * ((last - first) / HOUR) for first, last in spans]
    total = sum(weights)
    for (first, last), weight in zip(spans, accumulate(weights), strict=True):
        yield first, last, events if last == end else int(events * weight / total)


def _weight(moment: dt.datetime) -> float:
    return RHYTHM[moment.hour] * (WEEKEND if moment.weekday() >= 5 else 1.0)


def _milliseconds(moment: dt.datetime) -> dt.datetime:
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)
