"""``cloudpulse keys``: what browsers send events with, through the server when one runs, else in the data folder."""

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
from cloudpulse.cli.options import Data, Token, Url
from cloudpulse.settings import load
from cloudpulse.wiring import trust

KeyId = Annotated[str, typer.Argument(metavar="ID", help="The write key's id.")]

CREDENTIALS = Credentials("write_key", trust.local_write_keys)

app = typer.Typer(add_completion=False, no_args_is_help=True, help="Manage the write keys of browsers and apps.")


@app.command()
def add(
    name: Annotated[str, typer.Argument(help="What to call it.")],
    origin: Annotated[
        list[str], typer.Option("--origin", help="Where its pages are, as https://shop.example; or * for anywhere.")
    ],
    site: Site = "default",
    limit: Limit = None,
    data: Data = None,
    url: Url = None,
    token: Token = None,
) -> None:
    """Add a write key and print it, once. It can send events, and nothing else, from pages of its origins."""
    settings = load({"data": data})
    with server_of(settings, url, token) as server:
        if server is not None:
            body = {"name": name, "origins": origin, "app": site, "requests_per_minute": limit}
            print_json(server.request("POST", "/v1/write-keys", json=body).json())
        else:
            made = trust.local_write_keys(settings).add(name, origin, site, limit)
            audit(settings, "write_key_added", f"write_key/{made.key_id}")
            print_json(made)


@app.command("list")
def list_(as_json: AsJson = False, data: Data = None, url: Url = None, token: Token = None) -> None:
    """List the write keys; never the keys themselves."""
    print_list(CREDENTIALS.list(load({"data": data}), url, token), as_json, _row)


@app.command()
def change(
    key_id: KeyId,
    origin: Annotated[
        list[str] | None,
        typer.Option("--origin", help="Where its pages are from now on; may be repeated.", show_default=False),
    ] = None,
    limit: Annotated[str | None, NEW_LIMIT] = None,
    data: Data = None,
    url: Url = None,
    token: Token = None,
) -> None:
    """Bind a write key to other origins, or limit its requests otherwise; pages need no other key."""
    changes: dict[str, Any] = {"origins": origin} if origin else {}
    if limit is not None:
        changes["requests_per_minute"] = limit_of(limit)
    if not changes:
        raise typer.BadParameter("give --origin, --limit or both.")
    CREDENTIALS.change(key_id, changes, load({"data": data}), url, token)


@app.command()
def rotate(key_id: KeyId, keep: Keep = A_DAY, data: Data = None, url: Url = None, token: Token = None) -> None:
    """Print a new key, once; the one before stays valid for a day, older ones end."""
    print_json(CREDENTIALS.rotate(key_id, keep, load({"data": data}), url, token))


@app.command()
def remove(key_id: KeyId, data: Data = None, url: Url = None, token: Token = None) -> None:
    """Forget a write key, which ends at once."""
    CREDENTIALS.remove(key_id, load({"data": data}), url, token)


def _row(key: dict[str, Any]) -> dict[str, Any]:
    return shown_dates(key | {"origins": " ".join(key["origins"])})
