"""The floor: the least that a server must do which keeps what it acknowledges. ``python -m benchmarks.floor FOLDER``.

Decode and validate, encode again, commit in groups to SQLite with fsync, answer with the ids; nothing else: no
authentication, no deduplication, no compression, no second reader.
"""

import asyncio
import queue
import socket
import sqlite3
import sys
import threading
import uuid
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import msgspec
import uvicorn

from cloudpulse.events.model import Event

GROUP_EVENTS = 20_000

Messages = Callable[..., Awaitable[Any]]
Waiting = tuple[int, bytes, asyncio.Future[None]]


class Body(msgspec.Struct):
    """Many events."""

    events: list[Event]


_decode_batch = msgspec.json.Decoder(Body).decode
_decode_event = msgspec.json.Decoder(Event).decode
_encoder = msgspec.json.Encoder()


class Writer(threading.Thread):
    """Commits what waits as one group, then lets the waiting requests go."""

    def __init__(self, folder: Path, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(daemon=True)
        self._folder = folder
        self._loop = loop
        self.waiting: queue.SimpleQueue[Waiting] = queue.SimpleQueue()

    def run(self) -> None:
        """Write for ever."""
        connection = sqlite3.connect(self._folder / "floor.db", isolation_level=None)
        for pragma in ("journal_mode = WAL", "synchronous = FULL", "wal_autocheckpoint = 4000"):
            connection.execute(f"PRAGMA {pragma}")
        connection.execute("CREATE TABLE batches (seq INTEGER PRIMARY KEY, events INTEGER, lines BLOB)")
        while True:
            group = self._take()
            connection.execute("BEGIN")
            connection.executemany(
                "INSERT INTO batches (events, lines) VALUES (?, ?)", [(events, lines) for events, lines, _ in group]
            )
            connection.execute("COMMIT")
            self._loop.call_soon_threadsafe(_resolve, [future for _, _, future in group])

    def _take(self) -> list[Waiting]:
        group = [self.waiting.get()]
        events = group[0][0]
        while events < GROUP_EVENTS and not self.waiting.empty():
            group.append(self.waiting.get())
            events += group[-1][0]
        return group


def _resolve(futures: list[asyncio.Future[None]]) -> None:
    for future in futures:
        if not future.done():
            future.set_result(None)


class App:
    """``POST /v1/events`` and ``POST /v1/events/batch`` as a bare ASGI application."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._writer: Writer | None = None

    async def __call__(self, scope: dict[str, Any], receive: Messages, send: Messages) -> None:
        """Answer one request."""
        body = await _read(receive)
        events = _decode_batch(body).events if scope["path"].endswith("batch") else [_decode_event(body)]
        for event in events:
            event.event_id = event.event_id or uuid.uuid4()
        await self._store(events)
        answer = _encoder.encode({"accepted": len(events), "event_ids": [event.event_id for event in events]})
        headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(answer))]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": answer})

    async def _store(self, events: list[Event]) -> None:
        loop = asyncio.get_running_loop()
        if self._writer is None:
            self._writer = Writer(self._folder, loop)
            self._writer.start()
        durable: asyncio.Future[None] = loop.create_future()
        self._writer.waiting.put((len(events), _encoder.encode_lines(events), durable))
        await durable


async def _read(receive: Messages) -> bytes:
    parts = []
    more = True
    while more:
        message = await receive()
        parts.append(message.get("body", b""))
        more = message.get("more_body", False)
    return b"".join(parts)


def main() -> None:
    """Serve on a free port until SIGTERM."""
    listener = socket.create_server(("127.0.0.1", 0), backlog=1024)
    print(f"The floor is ready at http://127.0.0.1:{listener.getsockname()[1]}", flush=True)
    config = uvicorn.Config(
        App(Path(sys.argv[1])), loop="uvloop", http="httptools", lifespan="off", access_log=False, log_level="error"
    )
    uvicorn.Server(config).run(sockets=[listener])


if __name__ == "__main__":
    main()
