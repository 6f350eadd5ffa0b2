"""``GET /v1/events/stream`` of a running server, as many clients see it."""

import json
import os
import signal
import socket
import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from urllib.parse import urlsplit
from uuid import uuid4

import httpx
import psutil
import pytest

from live_server import event, eventually

STREAMS = 50


class Messages:
    """The messages of a stream, read by a thread as they come."""

    def __init__(self, answer: httpx.Response) -> None:
        self.answer = answer
        self.last_id = ""
        self.events: list[dict] = []
        self.left_out = 0
        self.ended = threading.Event()
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        with suppress(httpx.HTTPError, httpx.StreamError):
            for line in self.answer.iter_lines():
                name, _, value = line.partition(": ")
                if name == "id":
                    self.last_id = value
                elif name == "event":
                    self.left_out += value == "left_out"
                elif name == "data" and value != "{}":
                    self.events.append(json.loads(value))
        self.ended.set()

    def sessions(self) -> list[str]:
        return [one["session_id"] for one in self.events]

    def wait_for(self, number: int) -> list[str]:
        eventually(lambda: len(self.events) >= number)
        return self.sessions()


@contextmanager
def following(client: httpx.Client, last_event_id: str = "", **filters: str) -> Iterator[Messages]:
    headers = {"Last-Event-ID": last_event_id} if last_event_id else {}
    with client.stream("GET", "/v1/events/stream", params=filters, headers=headers) as answer:
        assert answer.status_code == 200
        messages = Messages(answer)
        eventually(lambda: messages.last_id)
        yield messages


def accept(client: httpx.Client, *events: dict) -> list[str]:
    receipt = client.post("/v1/events/batch", json={"events": events}).json()
    assert receipt["accepted"] == len(events), receipt
    return receipt["event_ids"]


@pytest.fixture
def name() -> str:
    return f"stream-{uuid4()}"


def test_fifty_clients_see_each_event_of_theirs_once_and_in_order(client, name):
    """While eight callers send at once."""
    names = [f"{name}-{number}" for number in range(STREAMS)]
    with ExitStack() as stack:
        followers = [stack.enter_context(following(client, session_id=one)) for one in names]
        everything = stack.enter_context(following(client))

        def send(part: int) -> None:
            for number in range(10):
                accept(client, *(event(one, properties={"part": part, "number": number}) for one in names))

        with ThreadPoolExecutor(8) as pool:
            list(pool.map(send, range(8)))
        for one, follower in zip(names, followers, strict=True):
            assert follower.wait_for(80) == [one] * 80
            for part in range(8):
                seen = [shown["properties"] for shown in follower.events]
                assert [one["number"] for one in seen if one["part"] == part] == list(range(10))
        assert Counter(everything.wait_for(80 * STREAMS)) == dict.fromkeys(names, 80)


def test_filters(client, name):
    with ExitStack() as stack:
        of_user = stack.enter_context(following(client, user_id=name))
        errors = stack.enter_context(following(client, user_id=name, event_type="error"))
        elsewhere = stack.enter_context(following(client, user_id=name, app="elsewhere"))
        accept(client, event("s-1", user_id=name), event("s-2"), event("s-3", "error", user_id=name))
        accept(client, event("s-4", user_id=name))
        assert of_user.wait_for(3) == ["s-1", "s-3", "s-4"]
        assert (errors.wait_for(1), elsewhere.events) == (["s-3"], [])
        [shown] = [one for one in of_user.events if one["session_id"] == "s-1"]
        [listed] = [one for one in client.get("/v1/events", params={"user_id": name}).json()["events"] if one == shown]
        assert listed["user_id"] == name


def test_a_duplicate_does_not_come_again(client, name):
    one = event(name, event_id=str(uuid4()))
    with following(client, session_id=name) as follower:
        accept(client, one)
        assert client.post("/v1/events", json=one).json()["duplicates"] == 1
        accept(client, event(name, "error"))
        follower.wait_for(2)
        assert [shown["event_type"] for shown in follower.events] == ["click", "error"]


def test_a_client_resumes_where_it_was_also_after_a_death_of_the_server(start_server, name):
    server = start_server(lake_commit_seconds=1)
    with server.client() as client:
        with following(client, session_id=name) as follower:
            accept(client, *(event(name, properties={"n": number}) for number in range(4)))
            follower.wait_for(4)
            missed = accept(client, event("somebody-else"), event(name, properties={"n": 4}))
            os.kill(json.loads((server.data / "server.json").read_text())["pids"]["api"], signal.SIGKILL)
            assert follower.ended.wait(20)
        last = follower.last_id

        def accepted() -> list[str] | None:
            with suppress(httpx.HTTPError):
                return accept(client, event(name, properties={"n": 5}))
            return None

        assert eventually(accepted) != missed
        with following(client, last, session_id=name) as again:
            eventually(lambda: again.events and again.events[-1]["properties"]["n"] == 5)
            shown = [one["properties"]["n"] for one in follower.events + again.events]
            assert shown == list(range(6))
            assert not again.left_out


def test_who_comes_back_with_an_id_of_another_folder_is_told(client, name):
    with following(client, "another-journal:7:0", session_id=name) as follower:
        accept(client, event(name))
        follower.wait_for(1)
        assert follower.left_out == 1


def test_a_stream_ends_with_its_token(server, client, name):
    token = server.cli("token", "--scope", "events:read", "--ttl", "3").strip()
    with httpx.Client(base_url=server.url, headers={"Authorization": f"Bearer {token}"}, timeout=30) as brief:
        with following(brief, session_id=name) as follower:
            accept(client, event(name))
            follower.wait_for(1)
            assert follower.ended.wait(20)
        assert brief.get("/v1/events/stream", headers={"Last-Event-ID": follower.last_id}).status_code == 401


def test_readers_that_take_nothing_cost_little_hold_up_nobody_and_are_let_go(start_server, name):
    """What neither system keeps for them waits in the journal. The place of one who is let go is free."""
    server = start_server(body_timeout_seconds=5, max_event_streams=9)
    process = psutil.Process(json.loads((server.data / "server.json").read_text())["pids"]["api"])
    large = [event(name, properties={"text": "x" * 8_000}) for _ in range(500)]
    with server.client() as client, ExitStack() as stack:
        accept(client, *large)
        before = process.memory_info().rss
        for _ in range(8):
            stack.enter_context(_deaf(server.url, client))
        quick = stack.enter_context(following(client, session_id="quick"))
        with client.stream("GET", "/v1/events/stream") as refused:
            assert (refused.status_code, refused.headers["Retry-After"]) == (503, "10")
        for _ in range(10):  # 40 MB, for each of them
            accept(client, *large)
            accept(client, event("quick"))
        quick.wait_for(10)
        assert process.memory_info().rss - before < 160 * 1024 * 1024
        eventually(lambda: _is_free(client))


@contextmanager
def _deaf(url: str, client: httpx.Client) -> Iterator[None]:
    """A stream from which nothing is taken but its beginning."""
    parts = urlsplit(url)
    head = f"GET /v1/events/stream HTTP/1.1\r\nHost: a\r\nAuthorization: {client.headers['Authorization']}\r\n\r\n"
    with socket.socket() as wire:
        wire.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        wire.connect((parts.hostname, parts.port))
        wire.sendall(head.encode())
        assert wire.recv(1024).startswith(b"HTTP/1.1 200")
        yield


def _is_free(client: httpx.Client) -> bool:
    with client.stream("GET", "/v1/events/stream") as answer:
        return answer.status_code == 200
