"""Open-loop load: single events at a fixed pace whatever the server does, and how soon they are seen.

``python -m benchmarks.paced URL TOKEN RATE SECONDS`` prints a ``Paced`` as JSON. An event counts as seen with the first
answer that counts as many events as were sent up to it; the time runs from its sending.
"""

import asyncio
import datetime as dt
import sys
import time
import uuid
from collections.abc import Awaitable, Callable
from random import Random
from urllib.parse import urlsplit

import msgspec
import uvloop

from cloudpulse.events.codec import encode_event
from cloudpulse.events.synthetic import Crowd

CONNECTIONS = 64
REALTIME_EVERY_SECONDS, QUERY_EVERY_SECONDS = 0.05, 0.1
LINGER_SECONDS, TIMEOUT_SECONDS = 3.0, 10.0


class Paced(msgspec.Struct, frozen=True, kw_only=True):
    """Seconds of each event: from sending to acknowledgement, until it was seen; ``late`` is how late it was sent."""

    refused: int
    acks: list[float]
    late: list[float]
    realtime: list[float]
    query: list[float]


class Connection:
    """One kept HTTP connection."""

    def __init__(self, netloc: str, token: str) -> None:
        self._host, _, self._port = netloc.partition(":")
        self._head = f" HTTP/1.1\r\nHost: {netloc}\r\nAuthorization: Bearer {token}\r\n".encode()

    async def open(self) -> "Connection":
        """Connect."""
        self._reader, self._writer = await asyncio.open_connection(self._host, int(self._port))
        return self

    async def request(self, line: str, body: bytes = b"") -> tuple[int, bytes]:
        """(status, body) of the answer."""
        kind = b"Content-Type: application/json\r\n" if body else b""
        self._writer.write(line.encode() + self._head + kind + b"Content-Length: %d\r\n\r\n" % len(body) + body)
        head = (await self._reader.readuntil(b"\r\n\r\n")).lower()
        length = int(head.split(b"content-length:")[1].split(b"\r\n")[0])
        return int(head[9:12]), await self._reader.readexactly(length)


Ask = Callable[[Connection], Awaitable[int]]


class Client:
    """Sends events at their moments, and asks meanwhile how many the server counts."""

    def __init__(self, url: str, token: str, rate: float, seconds: float) -> None:
        self._netloc, self._token = urlsplit(url).netloc, token
        self._rate, self._seconds = rate, seconds
        self._free: asyncio.LifoQueue[Connection] = asyncio.LifoQueue()
        self._crowd = Crowd(Random(), 1_000)
        self._sent: list[float] = []
        self._acks: list[float] = []
        self._late: list[float] = []
        self._refused = 0
        self._ended = False

    async def run(self) -> Paced:
        """Send, ask, and compare."""
        for _ in range(CONNECTIONS):
            self._free.put_nowait(await Connection(self._netloc, self._token).open())
        askers = [
            asyncio.create_task(self._watch(self._ask_realtime, REALTIME_EVERY_SECONDS)),
            asyncio.create_task(self._watch(self._ask_query, QUERY_EVERY_SECONDS)),
        ]
        async with asyncio.TaskGroup() as tasks:
            await self._send(tasks)
        await asyncio.sleep(LINGER_SECONDS)
        self._ended = True
        realtime, query = [_delays(self._sent, await asker) for asker in askers]
        return Paced(refused=self._refused, acks=self._acks, late=self._late, realtime=realtime, query=query)

    async def _send(self, tasks: asyncio.TaskGroup) -> None:
        start = time.perf_counter()
        for number in range(int(self._rate * self._seconds)):
            due = start + number / self._rate
            if (wait := due - time.perf_counter()) > 0:
                await asyncio.sleep(wait)
            self._late.append(max(0.0, time.perf_counter() - due))
            tasks.create_task(self._send_one())

    async def _send_one(self) -> None:
        event = self._crowd.next(dt.datetime.now(dt.UTC))
        event = msgspec.structs.replace(event, event_id=uuid.uuid4())
        body = encode_event(event)
        sent_at = time.perf_counter()  # waiting for a free connection counts
        self._sent.append(sent_at)
        connection = await self._free.get()
        async with asyncio.timeout(TIMEOUT_SECONDS):
            status, _ = await connection.request("POST /v1/events", body)
        self._acks.append(time.perf_counter() - sent_at)
        self._refused += status != 200
        self._free.put_nowait(connection)

    async def _watch(self, ask: Ask, every_seconds: float) -> list[tuple[float, int]]:
        connection = await Connection(self._netloc, self._token).open()
        base = await ask(connection)
        seen: list[tuple[float, int]] = []
        while not self._ended:
            count = await ask(connection) - base
            seen.append((time.perf_counter(), count))
            await asyncio.sleep(every_seconds)
        return seen

    async def _ask_realtime(self, connection: Connection) -> int:
        _, answer = await connection.request("GET /v1/realtime?lookback_minutes=30")
        return int(msgspec.json.decode(answer)["total_events"])

    async def _ask_query(self, connection: Connection) -> int:
        today, day = dt.datetime.now(dt.UTC).date(), dt.timedelta(days=1)
        dates = f"date_from={today - day}&date_to={today + day}"
        _, answer = await connection.request(f"GET /v1/query?query_type=event_count&{dates}")
        return sum(row["event_count"] for row in msgspec.json.decode(answer)["results"])


def _delays(sent: list[float], seen: list[tuple[float, int]]) -> list[float]:
    """How long each event was unseen; one that never was is missing."""
    delays: list[float] = []
    for at, count in seen:
        while len(delays) < min(count, len(sent)):
            delays.append(max(0.0, at - sent[len(delays)]))
    return delays


def main() -> None:
    """Run with the arguments of the command line."""
    url, token, rate, seconds = sys.argv[1:5]
    paced = uvloop.run(Client(url, token, float(rate), float(seconds)).run())
    print(msgspec.json.encode(paced).decode())


if __name__ == "__main__":
    main()
