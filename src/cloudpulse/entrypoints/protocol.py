"""HTTP/1.1 with limits on what a client may send, and how slowly.

The parser (llhttp) refuses by itself: ``Content-Length`` twice, signed, or beside ``Transfer-Encoding``; folded
headers; bare LF; blanks before the colon; odd chunk sizes. ``tests/flow/test_http_attacks.py`` sees that it does.
"""

import asyncio
from typing import Any
from urllib.parse import unquote

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from cloudpulse import telemetry
from cloudpulse.entrypoints.answers import Cycle, Flow, OneWriteTransport, refusal
from cloudpulse.entrypoints.connections import Connections
from cloudpulse.errors import Overloaded, UserError

MAX_URL_BYTES = 8 * 1024
MAX_HEADER_BYTES = 32 * 1024
MAX_HEADERS = 128
STEP_BYTES = 2 * 1024
"""So much is parsed at once while requests may follow one another: some hundred tiny ones, the rest waits unparsed."""
FREE_BODY_BYTES = 64 * 1024
"""The first bytes of each body are not counted: small bodies get in when large ones have filled the memory."""
LINGER_SECONDS = 2.0
"""How long a refused client may go on sending: closing at once would take the answer from it."""

IDLE, HEADER, BODY = range(3)
"""What a connection reads: nothing yet of the next request, its head, its body."""


class BoundedProtocol(HttpToolsProtocol):
    """uvicorn's protocol, which has none of these limits."""

    def __init__(self, limits: Connections, **given: Any) -> None:
        super().__init__(**given)
        self._limits = limits
        self.since = 0.0
        self._phase = HEADER
        self._running: RequestResponseCycle | None = None
        self._unparsed = b""
        self._hosts = 0
        self._empty_bytes = 0
        self._body_bytes = 0
        self._body_bytes_seen = 0
        self._held_bytes = 0
        self._refusal: bytes | None = None
        self._refused = False
        self._paused_since: float | None = None
        self._closing_sweeps = 0

    # What the limits ask and do.

    def is_waiting(self) -> bool:
        """Whether the next move is the client's."""
        return self._refused or (self._phase != BODY and not self._is_answering() and not self.transport.is_closing())

    def unread_bytes(self) -> int:
        """How much of its answers the client has not taken yet."""
        size: int = self.transport.get_write_buffer_size()
        return size

    def end(self) -> None:
        """Close at once."""
        self.transport.abort()

    def sweep(self, now: float) -> None:
        """End what has taken too long."""
        waited = now - self.since
        limits = self._limits
        if self.transport.is_closing():
            self._closing_sweeps += 1
            if self._closing_sweeps > limits.body_timeout_seconds:
                self.transport.abort()
        elif self._refused:
            if waited > LINGER_SECONDS:
                self.transport.abort()
        elif self._paused_since is not None and now - self._paused_since > limits.body_timeout_seconds:
            self.transport.abort()  # it does not read what it has asked for
        elif self._phase == BODY:
            if waited > limits.body_timeout_seconds:
                self._refuse(408, "request_timeout", "The body took too long.")
        elif self._is_answering():
            pass
        elif self._phase == HEADER:
            if waited > limits.header_timeout_seconds:
                self._too_slow_to_ask()
        elif waited > limits.keep_alive_seconds:
            self.transport.close()

    def _is_answering(self) -> bool:
        return self._running is not None and not self._running.response_complete

    def _too_slow_to_ask(self) -> None:
        if self._empty_bytes:
            self._refuse(408, "request_timeout", "The head of the request took too long.")
        else:
            self.transport.close()

    # What the connection tells.

    def connection_made(self, transport: Any) -> None:
        """Take a connection, or refuse it when there are too many."""
        self._limits.start(self.loop, self.connections)  # type: ignore[arg-type]  # all are of this class
        self.since = self.loop.time()  # exact: of those that came in one second, the first makes room first
        has_room = self._limits.make_room(self.connections)  # type: ignore[arg-type]  # as above
        one_write: Any = OneWriteTransport(transport, self.loop)
        super().connection_made(one_write)
        self.flow = Flow(one_write, lambda: bool(self.pipeline or self._unparsed))
        if not has_room:
            self._refuse(503, Overloaded.code, "There are too many connections.", (b"retry-after", b"1"))

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget what was for this connection."""
        super().connection_lost(exc)
        if self._running is not None and not self._running.response_complete:
            self._running.disconnected = True
            self._running.message_event.set()
        self.pipeline.clear()
        self._unparsed = b""
        self._release()

    def pause_writing(self) -> None:
        """The client does not keep up with its answer."""
        super().pause_writing()
        self._paused_since = self._limits.now

    def resume_writing(self) -> None:
        """It does again."""
        super().resume_writing()
        self._paused_since = None

    def data_received(self, data: bytes) -> None:
        """Parse, or keep for later what would begin too many requests at once."""
        if self._refusal is not None:
            return
        if self.pipeline or self._unparsed:
            self._unparsed += data
            self.flow.pause_reading()
        else:
            self._parse(data)

    def _parse(self, data: bytes) -> None:
        try:
            if len(data) <= STEP_BYTES:
                self._parse_piece(data)
            else:
                self._parse_in_steps(memoryview(data))
        except httptools.HttpParserUpgrade:
            # We stay with HTTP/1.1, and the parser does not say what the bytes after such a request are.
            self.cycle.keep_alive = False
        except httptools.HttpParserError:
            if self._refusal is None:
                self._refuse(400, UserError.code, "This is not a valid HTTP/1.1 request.")

    def _parse_in_steps(self, data: memoryview) -> None:
        at = 0
        while at < len(data) and not self.pipeline and self._refusal is None:
            step = max(STEP_BYTES, self._body_bytes_left()) if self._phase == BODY else STEP_BYTES
            self._parse_piece(data[at : at + step])
            at += step
        self._unparsed = bytes(data[at:])

    def _parse_piece(self, piece: bytes | memoryview) -> None:
        self.parser.feed_data(piece)
        if self._phase == IDLE:
            return
        if self._body_bytes != self._body_bytes_seen:
            self._body_bytes_seen = self._body_bytes
            self._empty_bytes = 0
            return
        # The parser keeps an unfinished header or trailer in memory, whatever its size.
        self._empty_bytes += len(piece)
        if self._empty_bytes > MAX_HEADER_BYTES:
            if len(self.url) > MAX_URL_BYTES:
                self._refuse(414, "uri_too_long", f"The URL is longer than {MAX_URL_BYTES} bytes.")
            else:
                self._refuse(431, "headers_too_large", f"The headers are larger than {MAX_HEADER_BYTES} bytes.")

    def _body_bytes_left(self) -> int:
        length = next((int(value) for name, value in self.headers if name == b"content-length"), 0)
        return length - self._body_bytes

    # What the parser tells.

    def on_message_begin(self) -> None:
        """A request begins."""
        super().on_message_begin()
        self._phase = HEADER
        self.since = self._limits.now
        self._hosts = self._empty_bytes = self._body_bytes = self._body_bytes_seen = 0

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take one header; trailers, which follow the body, are ignored."""
        if self._phase == BODY:
            return
        name = name.lower()
        if name in _LOOKED_AT:
            self._look_at(name, value)
        if len(self.headers) >= MAX_HEADERS:
            self._refuse(431, "headers_too_large", f"There are more than {MAX_HEADERS} headers.")
            raise ValueError(name)
        self.headers.append((name, value))

    def _look_at(self, name: bytes, value: bytes) -> None:
        if name == b"host":
            self._hosts += 1
        elif name == b"expect":
            self.expect_100_continue = value.lower() == b"100-continue"
        elif value.lower() != b"chunked":
            self._refuse(501, "not_implemented", "Transfer-Encoding may be chunked, and nothing else.")
            raise ValueError(name)

    def on_headers_complete(self) -> None:
        """Start the request, or queue it behind the one that is answered."""
        version = self.parser.get_http_version()
        self._check_head(version)
        scope = self.scope
        scope["method"] = self.parser.get_method().decode("ascii")
        scope["http_version"] = version
        url = httptools.parse_url(self.url)
        path = url.path.decode("ascii")
        scope["raw_path"] = url.path
        scope["path"] = unquote(path) if "%" in path else path
        scope["query_string"] = url.query or b""
        self._phase = BODY
        self.since = self._limits.now
        self.cycle = Cycle(
            scope=scope,
            transport=self.transport,
            flow=self.flow,
            logger=self.logger,
            access_logger=self.access_logger,
            access_log=False,
            default_headers=self.server_state.default_headers,
            message_event=asyncio.Event(),
            expect_100_continue=self.expect_100_continue,
            keep_alive=version != "1.0" and self.parser.should_keep_alive(),
            on_response=self.on_response_complete,
        )
        if self._is_answering() or self.pipeline:
            self.flow.pause_reading()
            self.pipeline.appendleft((self.cycle, self.app))
        else:
            self._start_asgi_task(self.cycle, self.app)

    def _check_head(self, version: str) -> None:
        if len(self.url) > MAX_URL_BYTES:
            self._refuse(414, "uri_too_long", f"The URL is longer than {MAX_URL_BYTES} bytes.")
        elif version not in ("1.1", "1.0"):
            self._refuse(505, "http_version_not_supported", "HTTP/1.1 is spoken here.")
        elif self._hosts != 1 and (self._hosts or version == "1.1"):
            self._refuse(400, UserError.code, "A request has one Host header.")
        if self._refusal is not None:
            raise ValueError(version)

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        self._running = cycle
        super()._start_asgi_task(cycle, app)

    def on_body(self, body: bytes) -> None:
        """Hand a part of the body on; large ones count against what all connections may hold."""
        self._body_bytes += len(body)
        if self._body_bytes > FREE_BODY_BYTES and not self.cycle.response_complete:
            self._hold(min(len(body), self._body_bytes - FREE_BODY_BYTES))
        super().on_body(body)

    def on_message_complete(self) -> None:
        """The request is read."""
        self._phase = IDLE
        self.since = self._limits.now
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """Go on with what waits: a request, bytes, a refusal, or the next request of the client."""
        self.server_state.total_requests += 1
        self.since = self._limits.now
        if not self.pipeline:
            self._release()
        if self.transport.is_closing():
            return
        if self.pipeline:
            self._start_asgi_task(*self.pipeline.pop())
        elif self._unparsed:
            data, self._unparsed = self._unparsed, b""
            self._parse(data)
        elif self._refusal is not None:
            self._answer_refusal()
        self.flow.resume_reading()

    # Memory, and the way out.

    def _hold(self, size: int) -> None:
        if not self._limits.hold(size):
            self._refuse(503, Overloaded.code, "Too many large bodies are on their way.", (b"retry-after", b"1"))
            raise ValueError(size)
        self._held_bytes += size

    def _release(self) -> None:
        if self._held_bytes:
            self._limits.release(self._held_bytes)
            self._held_bytes = 0

    def _refuse(self, status: int, code: str, detail: str, *extra: tuple[bytes, bytes]) -> None:
        """Read nothing more, and say why once all requests before are answered."""
        self._refusal = refusal(status, code, detail, [*self.server_state.default_headers, *extra])
        self._unparsed = b""
        telemetry.requests.labels("other", "other", str(status)).inc()
        if self._phase == BODY and self.pipeline:
            self.pipeline.popleft()  # the one that is refused; it has not begun
            self._phase = IDLE
        if self._phase == BODY or not self._is_answering():
            self._answer_refusal()

    def _answer_refusal(self) -> None:
        if self._phase == BODY and self.cycle.response_started:
            self.transport.close()
            return
        if self._phase == BODY:
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        self._refused = True
        self.since = self._limits.now
        self.transport.write(self._refusal or b"")
        self.transport.write_eof()


_LOOKED_AT = frozenset({b"host", b"expect", b"transfer-encoding"})
