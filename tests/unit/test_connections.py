"""An idle connection ends, one whose answer goes on does not."""

import asyncio
from functools import partial

import uvicorn
from uvicorn.server import ServerState

from cloudpulse.entrypoints.connections import Connections
from cloudpulse.entrypoints.protocol import BoundedProtocol
from cloudpulse.settings import Settings

REQUEST = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"


async def connect(app, talk, keep_alive_seconds):
    """Let ``talk`` speak to ``app`` over a socket."""
    config = uvicorn.Config(app, log_config=None, lifespan="off")
    limits = Connections(Settings(), keep_alive_seconds)
    make = partial(BoundedProtocol, limits, config=config, server_state=ServerState(), app_state={})
    server = await asyncio.get_running_loop().create_server(make, "127.0.0.1", 0)
    reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
    writer.write(REQUEST)
    try:
        await asyncio.wait_for(talk(reader), 20)
    finally:
        writer.close()
        server.close()


def test_an_idle_connection_ends():
    async def app(scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"0")]})
        await send({"type": "http.response.body", "body": b""})

    async def talk(reader):
        assert (await reader.read()).endswith(b"\r\n\r\n")

    asyncio.run(connect(app, talk, keep_alive_seconds=0.1))


def test_an_answer_that_goes_on_is_not_idle():
    idle_is_over = asyncio.Event()

    async def app(scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"first", "more_body": True})
        await idle_is_over.wait()
        await send({"type": "http.response.body", "body": b"last"})

    async def talk(reader):
        await reader.readuntil(b"first")
        await asyncio.sleep(3)  # several sweeps
        idle_is_over.set()
        await reader.readuntil(b"last")

    asyncio.run(connect(app, talk, keep_alive_seconds=0.1))
