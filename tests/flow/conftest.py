"""A running server for the tests that go over HTTP."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import httpx
import pytest

from live_server import Server


@contextmanager
def _starter(factory: pytest.TempPathFactory) -> Iterator[Callable[..., Server]]:
    servers: list[Server] = []

    def start(**settings: Any) -> Server:
        servers.append(Server(factory.mktemp("cloudpulse"), **settings))
        return servers[-1]

    yield start
    running = [server for server in servers if server.process.poll() is None]
    with ThreadPoolExecutor() as pool:
        codes = list(pool.map(Server.stop, running))
    assert codes == [0] * len(running), [server.log() for server in running]


@pytest.fixture(scope="module")
def start_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Server]]:
    """Start a server with settings of its own; all end with the tests of the file."""
    with _starter(tmp_path_factory) as start:
        yield start


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One server for many tests, which therefore use sessions and ids of their own."""
    with _starter(tmp_path_factory) as start:
        yield start(lake_commit_seconds=1)


@pytest.fixture(scope="session")
def client(server: Server) -> Iterator[httpx.Client]:
    """A client that may do everything."""
    with server.client() as client:
        yield client
