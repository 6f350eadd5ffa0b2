"""``GET /v1/events/stream``: who gets what, when streams end, and that they share one reader."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import aclosing
from types import SimpleNamespace
from typing import Any

import pytest
from litestar.testing import TestClient

from cloudpulse.api import app as app_module
from cloudpulse.api import event_stream
from cloudpulse.api.event_stream import EventStreams, event_stream_routes
from cloudpulse.errors import InvalidParameter, Overloaded, StoreError
from cloudpulse.serving.feed import Cursor, EventFilter, Step

Bearer = Callable[..., dict[str, str]]
ALL = EventFilter()


class Script:
    """A feed of events that a test appends; ``at_step`` is called with the number of each step."""

    def __init__(self) -> None:
        self.events: list[bytes] = []
        self.began: list[str | None] = []
        self.asked: list[EventFilter] = []
        self.looks = self.steps = self.running = self.forgotten = 0
        self.trimmed = 0
        self.at_step: Callable[[int], None] = lambda _: None

    def look(self) -> Cursor:
        self.looks += 1
        return Cursor("j", len(self.events) + 1)

    def begin(self, last_event_id: str | None) -> tuple[Cursor, bool]:
        self.began.append(last_event_id)
        return (Cursor.parse(last_event_id), False) if last_event_id else (self.look(), False)

    def step(self, cursor: Cursor, wanted: EventFilter) -> Step:
        self.running += 1
        assert self.running == 1, "two threads read"
        self.steps += 1
        self.asked.append(wanted)
        self.at_step(self.steps)
        self.running -= 1
        if cursor.seq <= self.trimmed:
            return Step([], cursor._replace(seq=self.trimmed + 1), left_out=True)
        found = [(Cursor("j", seq + 1), self.events[seq - 1]) for seq in range(cursor.seq, len(self.events) + 1)][:2]
        return Step(found, found[-1][0] if found else cursor)

    def forget(self) -> None:
        self.forgotten += 1


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> Script:
    monkeypatch.setattr(event_stream, "LOOK_SECONDS", 0.01)
    monkeypatch.setattr(event_stream, "ROUND_SECONDS", 0.05)
    return Script()


@pytest.fixture
def client(services: SimpleNamespace, script: Script, monkeypatch: pytest.MonkeyPatch) -> Iterator[TestClient[Any]]:
    services.event_feed, services.stopping = script, asyncio.Event()
    monkeypatch.setattr(app_module, "ROUTES", event_stream_routes)
    with TestClient(app_module.create_app(services), raise_server_exceptions=False) as client:
        yield client


def test_the_stream_sends_what_is_accepted_until_the_server_stops(
    client: TestClient[Any], services: SimpleNamespace, script: Script, bearer: Bearer
) -> None:
    def accept(step: int) -> None:
        if step == 1:
            script.events += [b'{"n":1}', b'{"n":2}', b'{"n":3}']
        if step == 4:
            services.stopping.set()

    script.at_step = accept
    response = client.get(
        "/v1/events/stream?session_id=s&event_type=click&app=a&user_id=u", headers=bearer("events:read")
    )
    assert response.headers["content-type"].startswith("text/event-stream")
    assert response.headers["x-accel-buffering"] == "no"
    messages = [f'id: j:{number + 1}:0\ndata: {{"n":{number}}}\n\n' for number in (1, 2, 3)]
    assert response.text == "".join([": cloudpulse\nid: j:1:0\n\n", *messages])
    assert set(script.asked) == {EventFilter(session_id="s", event_type="click", app="a", user_id="u")}


def test_a_client_that_comes_back_is_told_what_is_missing(
    client: TestClient[Any], services: SimpleNamespace, script: Script, bearer: Bearer
) -> None:
    script.events, script.trimmed = [b"1", b"2", b"3"], 2
    script.at_step = lambda step: services.stopping.set() if step == 3 else None
    response = client.get("/v1/events/stream", headers=bearer("events:read") | {"Last-Event-ID": "j:1:0"})
    assert script.began == ["j:1:0"]
    assert response.text == (
        ": cloudpulse\nid: j:1:0\n\n: cloudpulse\nevent: left_out\ndata: {}\nid: j:3:0\n\nid: j:4:0\ndata: 3\n\n"
    )


@pytest.mark.parametrize("end", ["expiry", "rotation"])
def test_a_stream_ends_with_its_token(
    client: TestClient[Any], services: SimpleNamespace, script: Script, bearer: Bearer, end: str
) -> None:
    def pass_time(step: int) -> None:
        script.events.append(b"%d" % step)
        if end == "rotation":
            services.tokens.rotate(end_previous=True)
        services.clock.now += {"expiry": 1200, "rotation": 5}[end]
        if step == 5:  # that it does not end must not mean that this test does not
            services.stopping.set()

    script.at_step = pass_time
    assert client.get("/v1/events/stream", headers=bearer("events:read")).text.count("data: ") == 1


def test_only_readers_get_an_answer(client: TestClient[Any], script: Script, bearer: Bearer) -> None:
    assert client.get("/v1/events/stream").status_code == 401
    assert client.get("/v1/events/stream", headers=bearer("events:write", "admin")).status_code == 403
    assert not script.began


@pytest.mark.parametrize(
    ("query", "header"),
    [
        ("sesion_id=s", ""),
        ("event_type=none", ""),
        ("session_id=" + "s" * 129, ""),
        ("app=" + "s" * 129, ""),
        ("", "x"),
    ],
)
def test_a_wrong_parameter_is_a_problem(
    client: TestClient[Any], services: SimpleNamespace, bearer: Bearer, query: str, header: str
) -> None:
    services.stopping.set()  # a stream would end at once
    headers = bearer("events:read") | ({"Last-Event-ID": header} if header else {})
    response = client.get(f"/v1/events/stream?{query}", headers=headers)
    assert (response.status_code, response.json()["code"]) == (400, "invalid_parameter")


async def admitted() -> bool:
    return True


class World:
    """Streams without HTTP."""

    def __init__(self, script: Script, most: int = 100) -> None:
        self.stopping = asyncio.Event()
        settings = SimpleNamespace(max_event_streams=most)
        services = SimpleNamespace(event_feed=script, stopping=self.stopping, settings=settings)
        self.streams = EventStreams(services)

    async def open(self, last_event_id: str | None = None) -> AsyncIterator[bytes]:
        """A stream that has begun."""
        cursor, left_out = await self.streams.begin(last_event_id)
        stream = self.streams.follow(cursor, left_out, ALL, admitted)
        assert (await anext(stream)).startswith(b": cloudpulse\nid: ")
        return stream


def run(body: Callable[[], Any]) -> None:
    async def bounded() -> None:
        async with asyncio.timeout(20):
            await body()

    asyncio.run(bounded())


def test_many_streams_share_one_look_and_one_thread(script: Script, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_stream, "ROUND_SECONDS", 60.0)
    script.at_step = lambda _: time.sleep(0.005)

    async def body() -> None:
        world = World(script)
        streams = [await world.open() for _ in range(30)]
        waiting = [asyncio.ensure_future(anext(stream)) for stream in streams]
        await asyncio.sleep(0.1)
        script.events.append(b"1")
        assert await asyncio.gather(*waiting) == [b"id: j:2:0\ndata: 1\n\n"] * 30
        before = script.looks
        await asyncio.sleep(0.2)
        assert script.looks - before <= 25
        for stream in streams:
            await stream.aclose()
        assert world.streams.open == 0
        assert script.forgotten == 1
        await asyncio.sleep(0.05)
        before = script.looks
        await asyncio.sleep(0.1)
        assert script.looks == before

    run(body)


def test_there_is_a_limit_that_ended_streams_do_not_count_in(script: Script) -> None:
    async def body() -> None:
        world = World(script, most=2)
        streams = [await world.open() for _ in range(2)]
        with pytest.raises(Overloaded, match="streams"):
            await world.open()
        await streams[0].aclose()
        async with aclosing(await world.open()), aclosing(streams[1]):
            with pytest.raises(Overloaded):
                await world.open()

    run(body)


def test_a_stream_whose_client_goes_away_while_it_reads_is_closed(script: Script) -> None:
    async def body() -> None:
        world = World(script)
        stream = await world.open()
        reading = asyncio.ensure_future(anext(stream))
        await asyncio.sleep(0.1)
        reading.cancel()
        await asyncio.wait([reading])
        assert world.streams.open == 0

    run(body)


def test_a_slow_reader_holds_up_nobody(script: Script) -> None:
    async def body() -> None:
        world = World(script)
        slow, quick = await world.open(), await world.open()
        for number in range(100):
            script.events.append(b"%d" % number)
            assert await anext(quick) == b"id: j:%d:0\ndata: %d\n\n" % (number + 2, number)
        script.trimmed = 90
        assert b"left_out" in await anext(slow)
        assert await anext(slow) == b"id: j:92:0\ndata: 90\n\nid: j:93:0\ndata: 91\n\n"
        await slow.aclose()
        await quick.aclose()

    run(body)


def test_a_store_that_fails_for_a_moment_does_not_end_the_stream(script: Script) -> None:
    def fail(step: int) -> None:
        if step in (1, 2):
            script.running = 0
            raise StoreError("busy")

    async def body() -> None:
        world = World(script)
        stream = await world.open()
        script.at_step = fail
        script.events.append(b"1")
        assert await anext(stream) == b"id: j:2:0\ndata: 1\n\n"
        await stream.aclose()

    run(body)


def test_a_quiet_stream_says_where_it_is(script: Script, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also one whose filter leaves nothing of what comes: else it would have to begin far back."""
    monkeypatch.setattr(event_stream, "SILENT_SECONDS", 0.1)

    class Elsewhere(Script):
        def step(self, cursor: Cursor, wanted: EventFilter) -> Step:
            self.events.append(b"of others")
            return Step([], self.look())

    async def body() -> None:
        world = World(Elsewhere())
        stream = await world.open()
        for _ in range(2):
            comment, position, *_ = (await anext(stream)).split(b"\n")
            assert comment == b": cloudpulse"
            assert int(position.split(b":")[2]) > 1
        await stream.aclose()

    run(body)


def test_a_wrong_id_takes_no_place(script: Script) -> None:
    async def body() -> None:
        world = World(script, most=1)
        with pytest.raises(InvalidParameter):
            await world.open("x")
        await (await world.open()).aclose()

    run(body)
