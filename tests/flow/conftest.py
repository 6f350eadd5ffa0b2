"""A running server for the tests that go over HTTP."""

from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
from live_server import Server


@pytest.fixture(scope="session")
def start_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Server]]:
    """Start a server with settings of its own; all end with the tests."""
    servers: list[Server] = []

    def start(**settings: Any) -> Server:
        servers.append(Server(tmp_path_factory.mktemp("cloudpulse"), **settings))
        return servers[-1]

    yield start
    for server in servers:
        if server.process.poll() is None:
            assert server.stop() == 0, server.log()


@pytest.fixture(scope="session")
def server(start_server: Callable[..., Server]) -> Server:
    """One server for many tests, which therefore use sessions and ids of their own."""
    return start_server(lake_commit_seconds=1)


@pytest.fixture(scope="session")
def client(server: Server) -> Iterator[httpx.Client]:
    """A client that may do everything."""
    with server.client() as client:
        yield client
