"""``GET /v1/realtime`` and its stream."""

import asyncio
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest
from litestar.response import ServerSentEventMessage
from litestar.testing import TestClient

from cloudpulse.api import app as app_module
from cloudpulse.api.realtime import changes, realtime_routes
from cloudpulse.errors import StoreError
from cloudpulse.serving.realtime import Realtime

Bearer = Callable[..., dict[str, str]]


def answer(total: int, as_of: str = "now") -> Realtime:
    return Realtime(
        lookback_minutes=5,
        total_events=total,
        error_count=0,
        error_rate_pct=0.0,
        active_sessions=0,
        by_event_type={},
        timeline=[],
        as_of=as_of,
    )


class Script:
    """Answers one after the other, and stops the server behind the last one."""

    def __init__(self, *answers: Realtime | Exception) -> None:
        self.answers = list(answers)
        self.stopping = asyncio.Event()
        self.lookback: int | None = None

    def snapshot(self, lookback_minutes: int = 5) -> Realtime:
        self.lookback = lookback_minutes
        if len(self.answers) == 1:
            self.stopping.set()
        current = self.answers.pop(0)
        if isinstance(current, Exception):
            raise current
        return current


@pytest.fixture
def script() -> Script:
    return Script(answer(1), answer(2))


@pytest.fixture
def client(services: SimpleNamespace, script: Script, monkeypatch: pytest.MonkeyPatch) -> Iterator[TestClient[Any]]:
    services.realtime, services.stopping = script, script.stopping
    monkeypatch.setattr(app_module, "ROUTES", realtime_routes)
    with TestClient(app_module.create_app(services), raise_server_exceptions=False) as client:
        yield client


def test_the_answer_is_the_service_s(client: TestClient[Any], script: Script, bearer: Bearer) -> None:
    response = client.get("/v1/realtime", headers=bearer("events:read"))
    assert response.status_code == 200
    assert response.json() == msgspec.to_builtins(answer(1))
    assert script.lookback == 5
    client.get("/v1/realtime?lookback_minutes=1440", headers=bearer("events:read"))
    assert script.lookback == 1440


@pytest.mark.parametrize("path", ["/v1/realtime", "/v1/realtime/stream"])
@pytest.mark.parametrize("value", ["0", "1441", "-5", "x", "1.5", ""])
def test_a_wrong_lookback_is_a_problem(client: TestClient[Any], bearer: Bearer, path: str, value: str) -> None:
    response = client.get(f"{path}?lookback_minutes={value}", headers=bearer("events:read"))
    assert response.status_code == 400
    assert response.json()["code"] == "invalid_parameter"
    assert "lookback_minutes" in response.json()["detail"]


@pytest.mark.parametrize("path", ["/v1/realtime", "/v1/realtime/stream"])
def test_only_readers_get_an_answer(client: TestClient[Any], script: Script, bearer: Bearer, path: str) -> None:
    assert client.get(path).status_code == 401
    assert client.get(path, headers=bearer("events:write")).status_code == 403
    assert script.lookback is None


def test_the_stream_sends_what_changed_until_the_server_stops(client: TestClient[Any], bearer: Bearer) -> None:
    response = client.get("/v1/realtime/stream?lookback_minutes=60", headers=bearer("events:read"))
    assert response.headers["content-type"].startswith("text/event-stream")
    data = [line[6:] for line in response.text.splitlines() if line.startswith("data: ")]
    assert [msgspec.json.decode(text)["total_events"] for text in data] == [1, 2]
    assert response.text.count("id: ") == 2


@pytest.mark.parametrize("end", ["expiry", "rotation"])
def test_a_stream_ends_with_its_token(
    client: TestClient[Any], services: SimpleNamespace, script: Script, bearer: Bearer, end: str
) -> None:
    class Ending(Script):
        def snapshot(self, lookback_minutes: int = 5) -> Realtime:
            if end == "rotation":
                services.tokens.rotate(end_previous=True)
            services.clock.now += {"expiry": 1200, "rotation": 5}[end]
            return super().snapshot(lookback_minutes)

    services.realtime = Ending(answer(1), answer(2))
    response = client.get("/v1/realtime/stream", headers=bearer("events:read"))
    assert response.text.count("data: ") == 1


async def admitted() -> bool:
    return True


def stream(script: Script, seen: str | None = None) -> list[ServerSentEventMessage]:
    async def collect() -> list[ServerSentEventMessage]:
        messages = changes(script.snapshot, seen, admitted, script.stopping, interval_seconds=0.0)
        return [message async for message in messages]

    return asyncio.run(collect())


def totals(messages: list[ServerSentEventMessage]) -> list[int]:
    return [msgspec.json.decode(message.data, type=Realtime).total_events for message in messages if message.data]


def test_an_answer_that_differs_in_its_time_alone_is_not_sent_again() -> None:
    messages = stream(Script(answer(1, "a"), answer(1, "b"), answer(2, "c"), answer(1, "d")))
    assert totals(messages) == [1, 2, 1]
    assert messages[0].id == messages[2].id != messages[1].id


def test_a_client_that_comes_back_gets_what_it_has_not_seen() -> None:
    last = stream(Script(answer(1)))[0].id
    assert totals(stream(Script(answer(1), answer(2)), seen=str(last))) == [2]


def test_a_store_that_fails_for_a_moment_does_not_end_the_stream() -> None:
    assert totals(stream(Script(answer(1), StoreError("busy"), answer(2)))) == [1, 2]


def test_a_quiet_stream_is_kept_open_with_comments() -> None:
    messages = stream(Script(*[answer(1)] * 40))
    assert totals(messages) == [1]
    assert [message.comment is not None for message in messages] == [False, True, True]
