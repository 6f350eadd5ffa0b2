"""Hands events of the pipeline to the api process, which alone appends to the journal."""

import http.client
from collections.abc import Callable, Sequence
from contextlib import closing

import msgspec

from cloudpulse.errors import Overloaded, StoreError
from cloudpulse.events.validate import Rejection

TIMEOUT_SECONDS = 60
PATH = "/v1/events/batch"


class Receipt(msgspec.Struct):
    """What the ingest routes answer."""

    accepted: int
    duplicates: int
    errors: list[Rejection]


class HttpIntake:
    """Posts to the server of this installation; ``token(client_id, app)`` makes a token in the name of a client."""

    def __init__(self, host: str, port: int, token: Callable[[str, str], str]) -> None:
        self._host = host
        self._port = port
        self._token = token

    def deliver(self, lines: Sequence[bytes], client_id: str, app: str) -> Receipt:
        """Post canonical events as one batch. Raises ``Overloaded`` or ``StoreError``: then nobody knows what of it
        was stored, and it must be posted again.
        """
        headers = {
            "Authorization": f"Bearer {self._token(client_id, app)}",
            "Content-Type": "application/x-ndjson",
            "Prefer": "return=minimal",
        }
        try:
            with closing(http.client.HTTPConnection(self._host, self._port, timeout=TIMEOUT_SECONDS)) as connection:
                connection.request("POST", PATH, b"\n".join(lines), headers)
                answer = connection.getresponse()
                body = answer.read()
        except (OSError, http.client.HTTPException) as exc:
            raise StoreError("The api process did not answer.") from exc
        if answer.status in (429, 503):
            raise Overloaded("The api process takes no events just now.")
        try:
            return msgspec.json.decode(body, type=Receipt)
        except msgspec.MsgspecError as exc:
            raise StoreError(f"The api process answered with status {answer.status}.") from exc
