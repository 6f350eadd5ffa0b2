"""Secrets rotate under load, and a restart comes in between: not one request is refused because of it."""

import json
import signal
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import httpx
import jwt
import pytest

from cloudpulse.settings import Settings
from cloudpulse.wiring import trust
from live_server import Server, event, eventually, today

QUERY = {"query_type": "event_count", "date_from": today(), "date_to": today(), "session_id": "rotation"}
BETWEEN_REQUESTS = 100
"""So many requests are answered between one change and the next."""

Ask = Callable[[httpx.Client], httpx.Response]


class Load:
    """Threads that send and ask until the end; what they were answered, by status."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._ended = threading.Event()
        self._threads: list[threading.Thread] = []
        self.answers: Counter[tuple[str, int]] = Counter()

    def add(self, name: str, *asks: Ask) -> None:
        """One more thread, which asks in turn."""
        self._threads.append(threading.Thread(target=self._run, args=(name, asks), name=name))
        self._threads[-1].start()

    def go_on(self) -> None:
        """Wait until every kind of thread has been answered and many requests have."""
        before = self.answers.copy()
        names = {thread.name for thread in self._threads}
        eventually(lambda: {name for name, _ in self.answers - before} == names, 60)
        eventually(lambda: (self.answers - before).total() >= BETWEEN_REQUESTS, 60)

    def end(self) -> None:
        """Let all threads end."""
        self._ended.set()
        for thread in self._threads:
            thread.join(60)
            assert not thread.is_alive()

    def _run(self, name: str, asks: tuple[Ask, ...]) -> None:
        with httpx.Client(base_url=self._url, timeout=60) as http:
            while not self._ended.is_set():
                for ask in asks:
                    self.ask(http, name, ask)

    def ask(self, http: httpx.Client, name: str, ask: Ask) -> None:
        """Ask once."""
        try:
            self.answers[name, ask(http).status_code] += 1
        except httpx.TransportError:
            return  # the connection ended with the process that held it


@pytest.fixture
def load(start_server) -> Iterator[tuple[Server, Load]]:
    server = start_server(sign_ins_per_minute=1_000_000, lake_commit_seconds=1)
    load = Load(server.url)
    with ExitStack() as stack:
        stack.callback(load.end)
        yield server, load


def write(token: Callable[[], str]) -> Ask:
    return lambda http: http.post("/v1/events", json=event("rotation"), headers=bearer(token()))


def read(token: Callable[[], str]) -> Ask:
    return lambda http: http.get("/v1/query", params=QUERY, headers=bearer(token()))


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def exchange(
    http: httpx.Client, credentials: dict[str, str], use: Callable[[Callable[[], str]], Ask]
) -> httpx.Response:
    """Ask for a token and use it at once."""
    answer = http.post("/v1/token", json=credentials)
    return use(lambda: answer.json()["access_token"])(http) if answer.is_success else answer


def sign_in(http: httpx.Client, credentials: dict[str, str]) -> httpx.Response:
    answer = http.post("/v1/auth/login", json=credentials)
    return read(lambda: answer.json()["access_token"])(http) if answer.is_success else answer


def test_nobody_notices_that_secrets_rotate(load):
    server, threads = load
    client = json.loads(server.cli("clients", "add", "shop"))
    person = json.loads(server.cli("users", "add", "ada@example.org"))
    old = {"machine": server.cli("token", "--ttl", "3600").strip()}
    with httpx.Client(base_url=server.url, timeout=30) as http:
        old["client"] = http.post("/v1/token", json=client).json()["access_token"]
        credentials = {"email": person["email"], "password": person["password"]}
        old["person"] = http.post("/v1/auth/login", json=credentials).json()["access_token"]
    local = trust.local_tokens(Settings(data=server.data))
    current = [client]

    for number in range(2):
        threads.add(f"old {number}", write(lambda: old["machine"]), read(lambda: old["machine"]))
        threads.add(f"old client {number}", write(lambda: old["client"]), read(lambda: old["client"]))
        for use in (write, read):
            threads.add(f"new {use.__name__} {number}", lambda http, use=use: exchange(http, current[0], use))
    threads.add("folder", write(lambda: local.issue("script", ["events:write"], "default", 60)))
    threads.add("person", lambda http: sign_in(http, credentials), read(lambda: old["person"]))

    kids = set()
    for number in range(5):
        threads.go_on()
        assert server.cli("rotate").startswith("Tokens are signed with new secrets")
        with httpx.Client(base_url=server.url, timeout=60) as http:
            token = server.cli("token").strip()
            threads.ask(http, "command", read(lambda token=token: token))
        kids.add(jwt.get_unverified_header(token)["kid"])
        if number in (1, 3):
            current[0] = json.loads(server.cli("clients", "rotate", client["client_id"]))
        if number == 2:
            server.process.send_signal(signal.SIGHUP)
            eventually(lambda: "settings read again" in server.log())
    threads.go_on()
    threads.end()
    assert len(kids) == 5
    assert {status for _, status in threads.answers} == {200}, threads.answers
