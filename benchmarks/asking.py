"""Asks a running CloudPulse over one kept connection; thin, so that what is measured is the server."""

import time
from http.client import HTTPConnection
from typing import Any
from urllib.parse import urlencode, urlsplit

import msgspec

from benchmarks.servers import Product


class Asker:
    """GET and POST with a token."""

    def __init__(self, server: Product) -> None:
        self._connection = HTTPConnection(urlsplit(server.url).netloc, timeout=60)
        self._headers = {"Authorization": f"Bearer {server.token}"}

    def ask(self, path: str, **parameters: Any) -> Any:
        """The JSON answer to GET."""
        return self._request("GET", f"{path}?{urlencode(parameters)}", None, self._headers)

    def timed(self, path: str, **parameters: Any) -> tuple[float, Any]:
        """(milliseconds until the answer was here, the answer)."""
        started_at = time.perf_counter()
        answer = self.ask(path, **parameters)
        return (time.perf_counter() - started_at) * 1000, answer

    def post(self, path: str, document: Any) -> Any:
        """The JSON answer to POST."""
        headers = self._headers | {"Content-Type": "application/json"}
        return self._request("POST", path, msgspec.json.encode(document), headers)

    def send(self, events: list[bytes]) -> None:
        """Send encoded events as one batch; all must be accepted."""
        headers = self._headers | {"Content-Type": "application/x-ndjson", "Prefer": "return=minimal"}
        receipt = self._request("POST", "/v1/events/batch", b"\n".join(events), headers)
        if receipt["accepted"] != len(events):
            raise RuntimeError(f"not all events were accepted: {receipt}")

    def _request(self, method: str, path: str, body: bytes | None, headers: dict[str, str]) -> Any:
        self._connection.request(method, path, body, headers)
        response = self._connection.getresponse()
        content = response.read()
        if response.status not in (200, 202):
            raise RuntimeError(f"{method} {path} was answered with {response.status}: {content[:500]!r}")
        return msgspec.json.decode(content)
