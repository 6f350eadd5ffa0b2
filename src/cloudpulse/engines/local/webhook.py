"""Messages by HTTP POST, signed as Standard Webhooks has it (https://www.standardwebhooks.com)."""

import asyncio
import base64
import hashlib
import hmac
from collections.abc import Callable
from urllib.parse import urlsplit

import httpx
import msgspec

from cloudpulse import __version__
from cloudpulse.errors import NotDelivered
from cloudpulse.ports import Message

CONNECT_SECONDS = 5.0
ANSWER_SECONDS = 10.0
"""Between two parts of an answer."""
TOTAL_SECONDS = 30.0
"""However the other side drips: messages for others wait meanwhile."""
PREFIX = "whsec_"


class WebhookChannel:
    """Port ``Channel``. A redirect is followed nowhere: the signature is for the one whom the settings name."""

    def __init__(self, url: str, secret: str, now_seconds: Callable[[], float]) -> None:
        self._url = url
        self._host = urlsplit(url).hostname
        self._secret = secret
        self._now_seconds = now_seconds
        self._tls = httpx.create_ssl_context(trust_env=False)

    def send(self, message: Message) -> None:
        """POST one message; any 2xx is taken for a receipt, and what the answer says is not read."""
        body = body_of(message)
        headers = {"Content-Type": "application/json", "User-Agent": f"CloudPulse/{__version__}"}
        headers |= signed(self._secret, message.id, int(self._now_seconds()), body)
        try:
            answer = asyncio.run(self._post(body, headers))
        except (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError, ExceptionGroup) as exc:
            # Its own text may quote the URL, and with it a secret.
            raise NotDelivered(f"The webhook at {self._host} could not be reached: {type(exc).__name__}.") from None
        if not answer.is_success:
            raise NotDelivered(f"The webhook at {self._host} answered with status {answer.status_code}.")

    async def _post(self, body: bytes, headers: dict[str, str]) -> httpx.Response:
        """The head of the answer; of this HTTP client only the asynchronous one can be stopped at any moment."""
        timeout = httpx.Timeout(ANSWER_SECONDS, connect=CONNECT_SECONDS)
        # Neither a proxy nor a .netrc of the environment: what the settings say is all.
        http = httpx.AsyncClient(timeout=timeout, verify=self._tls, follow_redirects=False, trust_env=False)
        async with (
            asyncio.timeout(TOTAL_SECONDS),
            http,
            http.stream("POST", self._url, content=body, headers=headers) as answer,
        ):
            return answer


def body_of(message: Message) -> bytes:
    """What is sent."""
    return msgspec.json.encode(
        {"id": message.id, "type": message.kind, "timestamp": message.made_at, "data": message.data}
    )


def signed(secret: str, message_id: str, timestamp: int, body: bytes) -> dict[str, str]:
    """The headers: id, time of sending, and, with a secret, the HMAC-SHA256 of both and the body.

    A secret that begins with ``whsec_`` is base64, as the libraries for Standard Webhooks write it.
    """
    headers = {"webhook-id": message_id, "webhook-timestamp": str(timestamp)}
    if not secret:
        return headers
    key = base64.b64decode(secret.removeprefix(PREFIX)) if secret.startswith(PREFIX) else secret.encode()
    digest = hmac.digest(key, f"{message_id}.{timestamp}.".encode() + body, hashlib.sha256)
    return headers | {"webhook-signature": f"v1,{base64.b64encode(digest).decode()}"}
