"""Clients: add, list, change, rotate, remove."""

from typing import Annotated, Any

import msgspec
from litestar import Request, delete, get, patch, post
from litestar.params import JSONBody, PathParameter, QueryParameter

from cloudpulse.api.audit import audit
from cloudpulse.api.guards import ADMIN
from cloudpulse.auth.clients import PREFIX, Client, NewSecret, RotatedSecret
from cloudpulse.auth.credentials import (
    DEFAULT_APP,
    MAX_OVERLAP_SECONDS,
    MAX_REQUESTS_PER_MINUTE,
    ROTATION_OVERLAP_SECONDS,
)

ClientId = Annotated[str, PathParameter(max_length=64, description="The id of a client.")]
RequestsPerMinute = Annotated[int, msgspec.Meta(ge=1, le=MAX_REQUESTS_PER_MINUTE)]
KeepPrevious = Annotated[
    int,
    QueryParameter(ge=0, le=MAX_OVERLAP_SECONDS, description="How long the one before stays valid; 0 ends it at once."),
]


class ClientRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A new client; its events belong to ``app``."""

    name: str
    scopes: tuple[str, ...] = ("events:write",)
    app: str = DEFAULT_APP
    requests_per_minute: RequestsPerMinute | None = None


class ClientChange(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What of a client may change; null means no limit."""

    requests_per_minute: RequestsPerMinute | None


class ClientList(msgspec.Struct, frozen=True, kw_only=True):
    """All clients."""

    clients: list[Client]


@get("/v1/clients", guards=ADMIN, sync_to_thread=True)
def list_clients(request: Request[Any, Any, Any]) -> ClientList:
    """All clients, without their secrets."""
    return ClientList(clients=request.app.state.services.clients.list())


@post("/v1/clients", guards=ADMIN, sync_to_thread=True)
def add_client(request: Request[Any, Any, Any], data: JSONBody[ClientRequest]) -> NewSecret:
    """A new client; its secret is shown this once."""
    clients = request.app.state.services.clients
    created: NewSecret = clients.add(data.name, data.scopes, data.app, data.requests_per_minute)
    audit(request, "client_added", PREFIX + created.client_id)
    return created


@patch("/v1/clients/{client_id:str}", guards=ADMIN, status_code=204, sync_to_thread=True)
def change_client(request: Request[Any, Any, Any], client_id: ClientId, data: JSONBody[ClientChange]) -> None:
    """Limit a client's requests, or lift the limit; counts from the client's next token on."""
    request.app.state.services.clients.change(client_id, data.requests_per_minute)
    audit(request, "client_changed", PREFIX + client_id)


@post("/v1/clients/{client_id:str}/rotate", guards=ADMIN, status_code=200, sync_to_thread=True)
def rotate_client(
    request: Request[Any, Any, Any],
    client_id: ClientId,
    keep_previous_seconds: KeepPrevious = ROTATION_OVERLAP_SECONDS,
) -> RotatedSecret:
    """A new secret for a client; the one before is accepted for another day, or as long as asked; older ones end."""
    renewed: RotatedSecret = request.app.state.services.clients.rotate(client_id, keep_previous_seconds)
    audit(request, "client_rotated", PREFIX + client_id)
    return renewed


@delete("/v1/clients/{client_id:str}", guards=ADMIN, sync_to_thread=True)
def remove_client(request: Request[Any, Any, Any], client_id: ClientId) -> None:
    """Remove a client; tokens that it has stay valid until they expire."""
    request.app.state.services.clients.remove(client_id)
    audit(request, "client_removed", PREFIX + client_id)


client_routes = [list_clients, add_client, change_client, rotate_client, remove_client]
