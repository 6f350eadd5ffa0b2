"""Clients: add, list, rotate, remove."""

from typing import Any

import msgspec
from litestar import Request, Response, delete, get, post
from litestar.params import FromPath, JSONBody

from cloudpulse.api.guards import requires
from cloudpulse.auth.clients import DEFAULT_APP, Client, NewSecret

ADMIN = [requires("admin")]
NO_STORE = {"Cache-Control": "no-store"}


class ClientRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A client to be; its events belong to ``app``."""

    name: str
    scopes: tuple[str, ...] = ("events:write",)
    app: str = DEFAULT_APP


class ClientList(msgspec.Struct, frozen=True, kw_only=True):
    """All clients."""

    clients: list[Client]


@get("/v1/clients", guards=ADMIN, sync_to_thread=True)
def list_clients(request: Request[Any, Any, Any]) -> ClientList:
    """All clients, without their secrets."""
    return ClientList(clients=request.app.state.services.clients.list())


@post("/v1/clients", guards=ADMIN, sync_to_thread=True)
def add_client(request: Request[Any, Any, Any], data: JSONBody[ClientRequest]) -> Response[NewSecret]:
    """A new client; its secret is shown this once."""
    created = request.app.state.services.clients.add(data.name, data.scopes, data.app)
    return Response(created, headers=NO_STORE)


@post("/v1/clients/{client_id:str}/rotate", guards=ADMIN, status_code=200, sync_to_thread=True)
def rotate_client(request: Request[Any, Any, Any], client_id: FromPath[str]) -> Response[NewSecret]:
    """A new secret for a client; the one before is accepted for another day."""
    return Response(request.app.state.services.clients.rotate(client_id), headers=NO_STORE)


@delete("/v1/clients/{client_id:str}", guards=ADMIN, sync_to_thread=True)
def remove_client(request: Request[Any, Any, Any], client_id: FromPath[str]) -> None:
    """Remove a client; tokens that it has stay valid until they expire."""
    request.app.state.services.clients.remove(client_id)


client_routes = [list_clients, add_client, rotate_client, remove_client]
