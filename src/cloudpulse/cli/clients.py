"""``cloudpulse clients``: who may send and read, through the server when one runs, else in the data folder."""

from typing import Annotated, Any

import msgspec
import typer

from cloudpulse import wiring
from cloudpulse.cli.admin import AsJson, print_json, print_list, server_of, shown_time
from cloudpulse.cli.options import Data, Scopes, Token, Url, checked
from cloudpulse.settings import load

ClientId = Annotated[str, typer.Argument(metavar="ID", help="The client's id.")]

app = typer.Typer(add_completion=False, no_args_is_help=True, help="Manage the clients that may get tokens.")


@app.command()
def add(
    name: Annotated[str, typer.Argument(help="What to call it.")],
    scope: Scopes = None,
    site: Annotated[str, typer.Option("--app", help="The site or app that its events belong to.")] = "default",
    data: Data = None,
    url: Url = None,
    token: Token = None,
) -> None:
    """Add a client and print its id and secret, once. Without --scope it may write and read events."""
    scopes = checked(scope, default=("events:write", "events:read"))
    settings = load({"data": data})
    with server_of(settings, url, token) as server:
        if server is not None:
            body = {"name": name, "scopes": scopes, "app": site}
            print_json(server.request("POST", "/v1/clients", json=body).json())
        else:
            print_json(wiring.local_clients(settings).add(name, scopes, site))


@app.command("list")
def list_(
    as_json: AsJson = False,
    data: Data = None,
    url: Url = None,
    token: Token = None,
) -> None:
    """List the clients; never their secrets."""
    settings = load({"data": data})
    with server_of(settings, url, token) as server:
        if server is not None:
            clients = server.get("/v1/clients")["clients"]
        else:
            clients = msgspec.to_builtins(wiring.local_clients(settings).list())
    print_list(clients, as_json, _row)


@app.command()
def rotate(client_id: ClientId, data: Data = None, url: Url = None, token: Token = None) -> None:
    """Print a new secret, once; the one before stays valid for a day."""
    settings = load({"data": data})
    with server_of(settings, url, token) as server:
        if server is not None:
            print_json(server.request("POST", f"/v1/clients/{client_id}/rotate").json())
        else:
            print_json(wiring.local_clients(settings).rotate(client_id))


@app.command()
def remove(client_id: ClientId, data: Data = None, url: Url = None, token: Token = None) -> None:
    """Forget a client; tokens that it has end by themselves."""
    settings = load({"data": data})
    with server_of(settings, url, token) as server:
        if server is not None:
            server.request("DELETE", f"/v1/clients/{client_id}")
        else:
            wiring.local_clients(settings).remove(client_id)


def _row(client: dict[str, Any]) -> dict[str, Any]:
    return client | {"scopes": " ".join(client["scopes"]), "created_at": shown_time(client["created_at"])}
