"""A thin client: one function for each question of the page."""

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from cloudpulse.errors import CloudPulseError
from cloudpulse.explorer.selection import Selection

LOOKBACK_MINUTES = 60


class Response(Protocol):
    """An answer of the API."""

    def json(self) -> Any:
        """What it says."""


class Client(Protocol):
    """Sends requests with a valid token; raises ``CloudPulseError`` with a sentence when there is no good answer."""

    url: str

    def get(self, path: str, params: Mapping[str, Any] | None = None) -> Any:
        """The JSON answer to GET."""

    def request(self, method: str, path: str, expect: tuple[int, ...] = (), **options: Any) -> Response:
        """The answer to any request."""


Connect = Callable[[], Client]
"""Gives a client of the server that runs now; raises ``CloudPulseError``."""


class _Page:
    """Streamlit runs the page as a script, which can be handed nothing but what a module holds."""

    connect: Connect


def use(connect: Connect) -> None:
    """Have the page ask this server."""
    _Page.connect = staticmethod(connect)


def client() -> Client:
    """A client of the server that the page is about."""
    return _Page.connect()


def realtime(client: Client) -> dict[str, Any]:
    """What happened in the last hour."""
    try:
        return dict(client.get("/v1/realtime", {"lookback_minutes": LOOKBACK_MINUTES}))
    except ValueError as exc:  # no JSON
        raise CloudPulseError(f"What answers at {client.url} is no CloudPulse.") from exc


def counts(client: Client, selection: Selection) -> dict[str, int]:
    """Events by type, the most frequent first."""
    answer = client.get("/v1/query", {"query_type": "event_count", **selection.parameters()})
    by_type = {row["event_type"]: row["event_count"] for row in answer["results"]}
    return dict(sorted(by_type.items(), key=lambda pair: -pair[1]))


def series(client: Client, selection: Selection, interval: str, event_type: str = "") -> tuple[dict[str, int], bool]:
    """Events, of one type or of all that are selected, by the start of the interval; and whether some were left out."""
    asked = {"query_type": "timeseries", "interval": interval, **selection.parameters()}
    answer = client.get("/v1/query", asked | ({"event_type": event_type} if event_type else {}))
    return {row["bucket"]: row["event_count"] for row in answer["results"]}, answer["truncated"]


def sql(client: Client, statement: str) -> dict[str, Any]:
    """The answer to a statement."""
    return dict(client.request("POST", "/v1/query/sql", json={"sql": statement}).json())
