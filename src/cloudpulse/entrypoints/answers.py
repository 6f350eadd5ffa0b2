"""How answers are sent: with one write each, and with header lines from a cache."""

import asyncio
import http
import random
from collections.abc import Callable, Iterable
from functools import lru_cache
from itertools import chain
from typing import Any

from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import HEADER_RE, HEADER_VALUE_RE, STATUS_LINE, RequestResponseCycle

from cloudpulse.api.errors import MEDIA_TYPE, problem
from cloudpulse.api.frame import SECURITY_HEADERS
from cloudpulse.errors import CloudPulseError

Header = tuple[bytes, bytes]

_MEANINGFUL = frozenset({b"content-length", b"transfer-encoding"})


@lru_cache(maxsize=256)
def header_line(header: Header) -> tuple[bytes, bytes | None]:
    """A header as it is sent, and its name where it says how the answer is sent."""
    name, value = header
    if HEADER_RE.search(name) or HEADER_VALUE_RE.search(value):
        raise RuntimeError("Invalid HTTP header.")
    name = name.lower()
    return b"%s: %s\r\n" % (name, value), name if name in _MEANINGFUL else None


def refusal(status: int, code: str, detail: str, extra: Iterable[Header]) -> bytes:
    """A whole answer to a request that no handler sees; the connection ends behind it."""
    body, headers = _problem(status, code, detail)
    request_id = (b"x-request-id", b"%016x" % random.getrandbits(64))
    lines = [header_line(header)[0] for header in (*headers, request_id, (b"connection", b"close"), *extra)]
    return STATUS_LINE[status] + b"".join(lines) + b"\r\n" + body


def _problem(status: int, code: str, detail: str) -> tuple[bytes, list[Header]]:
    body = problem(status, code, http.HTTPStatus(status).phrase, detail)
    length = (b"content-length", b"%d" % len(body))
    return body, [*SECURITY_HEADERS.items(), (b"content-type", MEDIA_TYPE.encode()), length]


class OneWriteTransport:
    """A transport whose writes of one turn of the loop go out together."""

    def __init__(self, transport: Any, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._loop = loop
        self._parts: list[bytes] = []

    def write(self, data: bytes) -> None:
        """Send ``data`` at the end of this turn."""
        if not self._parts:
            self._loop.call_soon(self._flush)
        self._parts.append(data)

    def close(self) -> None:
        """Send what waits, then close."""
        self._flush()
        self._transport.close()

    def write_eof(self) -> None:
        """Send what waits, and that nothing follows."""
        self._flush()
        if not self._transport.is_closing():
            self._transport.write_eof()

    def _flush(self) -> None:
        if self._parts:
            parts, self._parts = self._parts, []
            self._transport.write(b"".join(parts))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)


class Flow(FlowControl):
    """Reads nothing more while requests wait that have been read already: a handler asks for what is on its way."""

    def __init__(self, transport: Any, has_backlog: Callable[[], bool]) -> None:
        super().__init__(transport)
        self._has_backlog = has_backlog

    def resume_reading(self) -> None:
        """Read on, unless something waits."""
        if self.read_paused and not self._has_backlog():
            super().resume_reading()


class Cycle(RequestResponseCycle):
    """One request and its answer."""

    async def send(self, message: Any) -> None:
        """Send a part of the answer; its head is built from cached header lines."""
        if self.response_started or self.disconnected or message["type"] != "http.response.start":
            await super().send(message)
            return
        self.response_started = True
        self.waiting_for_100_continue = False
        status = message["status"]
        lines = [STATUS_LINE[status]]
        for header in chain(self.default_headers, message["headers"]):
            line, meaning = header_line(header)
            lines.append(line)
            if meaning:
                self._understand(meaning, header[1])
        if not self.keep_alive:
            lines.append(b"connection: close\r\n")
        if self.chunked_encoding is None and self.scope["method"] != "HEAD" and status not in (204, 304):
            self.chunked_encoding = True
            lines.append(b"transfer-encoding: chunked\r\n")
        lines.append(b"\r\n")
        self.transport.write(b"".join(lines))

    async def send_500_response(self) -> None:
        """The answer where not even the application's own was made."""
        body, headers = _problem(500, CloudPulseError.code, "Something went wrong on our side.")
        self.keep_alive = False
        await self.send({"type": "http.response.start", "status": 500, "headers": headers})
        await self.send({"type": "http.response.body", "body": body, "more_body": False})

    def _understand(self, name: bytes, value: bytes) -> None:
        if name == b"content-length" and self.chunked_encoding is None:
            self.expected_content_length = int(value)
            self.chunked_encoding = False
        elif name == b"transfer-encoding":
            self.expected_content_length = 0
            self.chunked_encoding = True
