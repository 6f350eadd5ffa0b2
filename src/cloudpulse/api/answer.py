"""The answer of a hot route."""

from litestar.response.base import ASGIResponse
from litestar.types import Receive, Scope, Send


class JsonAnswer(ASGIResponse):
    """JSON that is encoded already; ``ASGIResponse`` itself would spend another 5 µs on its two headers."""

    __slots__ = ()

    def __init__(self, body: bytes, status_code: int = 200) -> None:
        self.body = body
        self.status_code = status_code

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it."""
        headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(self.body))]
        await send({"type": "http.response.start", "status": self.status_code, "headers": headers})
        await send({"type": "http.response.body", "body": self.body, "more_body": False})
