"""A server of a few routes for the tests of the command line: keeps what it is sent, and fails on demand."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

DROP = 0
"""The status that stands for no answer at all: the connection ends."""


class FakeServer:
    """``events`` holds accepted events by id; ``script`` holds (status, headers, body) to answer with first."""

    def __init__(self) -> None:
        self.events: dict[str, dict[str, Any]] = {}
        self.batches: list[int] = []
        self.keys: list[str | None] = []
        self.tokens: list[str] = []
        self.paths: list[str] = []
        self.bodies: list[bytes] = []
        self.script: list[tuple[int, dict[str, str], Any]] = []
        self.answers: dict[str, Any] = {"/healthz": {"status": "ok"}, "/readyz": {"status": "ok"}}
        self.max_events = 10_000
        self.fail_after_batches: int | None = None
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def answer(self, path: str, headers: Any, body: bytes) -> tuple[int, dict[str, str], Any]:
        self.paths.append(path)
        self.bodies.append(body)
        self.tokens.append(headers.get("Authorization", "").removeprefix("Bearer "))
        if self.script and path != "/healthz":
            return self.script.pop(0)
        if path == "/v1/events/batch":
            return self._take(body.split(b"\n"), headers.get("Idempotency-Key"))
        return 200, {}, self.answers[path.partition("?")[0]]

    def _take(self, lines: list[bytes], key: str | None) -> tuple[int, dict[str, str], Any]:
        if self.fail_after_batches is not None and len(self.batches) >= self.fail_after_batches:
            return 500, {}, {"detail": "It broke."}
        if len(lines) > self.max_events:
            return 413, {}, {"detail": "Too many."}
        self.batches.append(len(lines))
        self.keys.append(key)
        receipt: dict[str, Any] = {"accepted": 0, "duplicates": 0, "rejected": 0, "errors": []}
        for index, line in enumerate(lines):
            self._take_one(receipt, index, line)
        status = 200 if not receipt["errors"] else 207
        return status, {}, receipt

    def _take_one(self, receipt: dict[str, Any], index: int, line: bytes) -> None:
        try:
            event = json.loads(line)
        except ValueError:
            receipt["errors"].append({"index": index, "code": "invalid_json", "message": "This is not valid JSON."})
            return
        event_id = event.get("event_id", f"made-{len(self.events)}")
        receipt["duplicates" if event_id in self.events else "accepted"] += 1
        self.events.setdefault(event_id, event)

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        fake = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                self._answer()

            do_POST = do_PATCH = do_DELETE = do_GET  # noqa: N815 - the names that http.server looks for

            def _answer(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                status, headers, content = fake.answer(self.path, self.headers, body)
                if status == DROP:
                    self.close_connection = True
                    return
                encoded = content.encode() if isinstance(content, str) else json.dumps(content).encode()
                self.send_response(status)
                for name, value in ({"Content-Length": str(len(encoded))} | headers).items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(encoded)

            def log_message(self, *_: Any) -> None:
                pass

        return Handler
