"""``cloudpulse clients``: who may send and read, through the server when one runs, else in the data folder."""

from typing import Annotated, Any

import typer

from cloudpulse.cli.admin import (
    A_DAY,
    NEW_LIMIT,
    AsJson,
    Keep,
    Limit,
    Site,
    audit,
    limit_of,
    print_json,
    print_list,
    server_of,
    shown_dates,
)
from cloudpulse.cli.credentials import Credentials
from cloudpulse.cli.options import Data, Scopes, Token, Url, checked
from cloudpulse.settings import load
from cloudpulse.wiring import trust

ClientId = Annotated[str, typer.Argument(metavar="ID", help="The client's id.")]

CREDENTIALS = Credentials("client", trust.local_clients)

app = typer.Typer(add_completion=False, no_args_is_help=True, help="Manage the clients that may get tokens.")


@app.command()
def add(
    name: Annotated[str, typer.Argument(help="What to call it.")],
    scope: Scopes = None,
    site: Site = "default",
    limit: Limit = None,
    data: Data = None,
    url: Url = None,
    token: Token = None,
) -> None:
    """Add a client and print its id and secret, once. Without --scope it may write and read events."""
    scopes = checked(scope, default=("events:write", "events:read"))
    settings = load({"data": data})
    with server_of(settings, url, token) as server:
        if server is not None:
            body = {"name": name, "scopes": scopes, "app": site, "requests_per_minute": limit}
            print_json(server.request("POST", "/v1/clients", json=body).json())
        else:
            made = trust.local_clients(settings).add(name, scopes, site, limit)
            audit(settings, "client_added", f"client/{made.client_id}")
            print_json(made)


@app.command("list")
def list_(
    as_json: AsJson = False,
    data: Data = None,
    url: Url = None,
    token: Token = None,
) -> None:
    """List the clients; never their secrets."""
    print_list(CREDENTIALS.list(load({"data": data}), url, token), as_json, _row)


@app.command()
def change(
    client_id: ClientId,
    limit: Annotated[str, NEW_LIMIT],
    data: Data = None,
    url: Url = None,
    token: Token = None,
) -> None:
    """Limit a client's requests; counts from its next token on."""
    changes = {"requests_per_minute": limit_of(limit)}
    CREDENTIALS.change(client_id, changes, load({"data": data}), url, token)


@app.command()
def rotate(
    client_id: ClientId,
    keep: Keep = A_DAY,
    data: Data = None,
    url: Url = None,
    token: Token = None,
) -> None:
    """Print a new secret, once; the one before stays valid for a day, older ones end."""
    print_json(CREDENTIALS.rotate(client_id, keep, load({"data": data}), url, token))


@app.command()
def remove(client_id: ClientId, data: Data = None, url: Url = None, token: Token = None) -> None:
    """Forget a client; tokens that it has end by themselves."""
    CREDENTIALS.remove(client_id, load({"data": data}), url, token)


def _row(client: dict[str, Any]) -> dict[str, Any]:
    return shown_dates(client | {"scopes": " ".join(client["scopes"])})
