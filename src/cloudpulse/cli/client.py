"""Finds the running server and talks to it; an error that it answers becomes one sentence."""

import fcntl
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import msgspec

from cloudpulse.cli.options import CLIENT_ID, SCOPES
from cloudpulse.errors import CloudPulseError
from cloudpulse.settings import Settings
from cloudpulse.wiring import trust

TIMEOUT_SECONDS = 60.0
BUSY = (429, 503)
LONGEST_PAUSE_SECONDS = 30.0
LOOK_SECONDS = 0.5


class Running(msgspec.Struct, frozen=True):
    """What ``up`` tells in ``server.json``."""

    url: str
    pids: dict[str, int] = {}


class NoServer(CloudPulseError):
    """There is no server to talk to."""

    code = "no_server"


class Refused(CloudPulseError):
    """The server answered with an error; ``response`` is the answer."""

    code = "refused"

    def __init__(self, response: httpx.Response) -> None:
        super().__init__(_sentence(response))
        self.status = response.status_code
        self.response = response


def running(data: Path) -> Running | None:
    """The server that runs on the data folder, by its ``server.json``."""
    if not _is_held(data):
        return None
    try:
        return msgspec.json.decode((data / "server.json").read_bytes(), type=Running)
    except (OSError, msgspec.MsgspecError):
        return None


def _is_held(data: Path) -> bool:
    """Whether a server has the data folder. The file of one that was killed names a port that anybody may have now."""
    try:
        with (data / "lock").open() as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False


def is_answering(data: Path) -> bool:
    """Whether the server of this data folder answers."""
    server = running(data)
    if server is None:
        return False
    try:
        return httpx.get(f"{server.url}/healthz", timeout=5).is_success
    except httpx.HTTPError:
        return False


def address(settings: Settings, url: str | None) -> str:
    """The server at ``url``, else the one that runs on the data folder. Raises ``NoServer``."""
    server = running(settings.data)
    if url is None and server is None:
        raise NoServer(
            f"no server runs on {settings.data}: start one with `cloudpulse up --data {settings.data}`, "
            "or name one with --url."
        )
    return (url or (server.url if server else "")).rstrip("/").removesuffix("/v1")


def connect(
    settings: Settings,
    url: str | None,
    token: str | None,
    patience_seconds: float = 10.0,
    scopes: Sequence[str] = SCOPES,
) -> "Client":
    """A client of the server at ``url``, else of the one that runs on the data folder. Raises ``NoServer``.

    Without a ``token`` its own are for ``scopes``.
    """
    own = partial(own_token, settings, scopes)
    return Client(address(settings, url), (lambda: token) if token else own, patience_seconds)


def own_token(settings: Settings, scopes: Sequence[str] = SCOPES) -> str:
    """A token for these scopes, signed with the secret in the data folder."""
    return trust.local_tokens(settings).issue(CLIENT_ID, scopes, "default", settings.token_ttl_seconds)


class Client(AbstractContextManager["Client"]):
    """Requests with a token. A busy server is asked again for ``patience_seconds``, as is one that restarts."""

    def __init__(
        self,
        url: str,
        token: Callable[[], str],
        patience_seconds: float = 10.0,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self.url = url
        self._token = token
        self._bearer = ""
        self._patience_seconds = patience_seconds
        self._reached = False
        self._http = httpx.Client(base_url=url, timeout=TIMEOUT_SECONDS, transport=transport)

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def get(self, path: str, params: Mapping[str, Any] | None = None) -> Any:
        """The JSON answer to GET."""
        return self.request("GET", path, params=params).json()

    def until_ended(self, path: str, begun: dict[str, Any]) -> dict[str, Any]:
        """What was ``begun``, as ``path`` shows it when it is done or has failed."""
        while begun["status"] in ("waiting", "running"):
            time.sleep(LOOK_SECONDS)
            begun = self.get(path)
        return begun

    def request(self, method: str, path: str, expect: tuple[int, ...] = (), **options: Any) -> httpx.Response:
        """Send until there is an answer. Raises ``Refused`` unless it is a 2xx or in ``expect``, or ``NoServer``.

        A request is sent again after a lost connection, so it must be one that may be repeated.
        """
        give_up_at = time.monotonic() + self._patience_seconds
        while True:
            response, pause = self._try(method, path, options)
            if response is not None and (response.is_success or response.status_code in expect):
                return response
            if pause is None or time.monotonic() + pause > give_up_at:
                raise Refused(response) if response is not None else self._unreachable()
            time.sleep(pause)

    def _try(self, method: str, path: str, options: dict[str, Any]) -> tuple[httpx.Response | None, float | None]:
        """(the answer or None, seconds to wait before the next try or None for no other)."""
        try:
            response = self._send(method, path, options)
            if response.status_code == 401:
                self._bearer = ""  # it ended in the middle of a long run: the next one is new
                response = self._send(method, path, options)
        except httpx.TransportError:
            return None, 0.5 if self._reached else None
        self._reached = True
        return response, _retry_after(response) if response.status_code in BUSY else None

    def _send(self, method: str, path: str, options: dict[str, Any]) -> httpx.Response:
        self._bearer = self._bearer or self._token()
        headers = {**options.get("headers", {}), "Authorization": f"Bearer {self._bearer}"}
        return self._http.request(method, path, **{**options, "headers": headers})

    def _unreachable(self) -> NoServer:
        return NoServer(f"no answer from {self.url}: is the server running there?")


def _retry_after(response: httpx.Response) -> float:
    try:
        return min(max(float(response.headers.get("Retry-After", "1")), 0.05), LONGEST_PAUSE_SECONDS)
    except ValueError:
        return 1.0


def _sentence(response: httpx.Response) -> str:
    try:
        problem = response.json()
        return str(problem["detail"] if "detail" in problem else problem["errors"][0]["message"])
    except (ValueError, KeyError, TypeError, AttributeError, IndexError):
        return f"{response.request.method} {response.url.path} was answered with status {response.status_code}."
