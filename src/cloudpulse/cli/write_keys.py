"""``cloudpulse keys``: what browsers send events with, through the server when one runs, else in the data folder."""

from typing import Annotated, Any

import msgspec
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
from cloudpulse.cli.options import Data, Token, Url, require_data
from cloudpulse.settings import load
from cloudpulse.wiring import trust

KeyId = Annotated[str, typer.Argument(metavar="ID", help="The write key's id.")]

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
    settings = load({"data": data})
    with server_of(settings, url, token) as server:
        if server is not None:
            keys = server.get("/v1/write-keys")["write_keys"]
        else:
            require_data(settings)
            keys = msgspec.to_builtins(trust.local_write_keys(settings).list())
    print_list(keys, as_json, _row)


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
    settings = load({"data": data})
    with server_of(settings, url, token) as server:
        if server is not None:
            server.request("PATCH", f"/v1/write-keys/{key_id}", json=changes)
        else:
            require_data(settings)
            trust.local_write_keys(settings).change(key_id, **changes)
            audit(settings, "write_key_changed", f"write_key/{key_id}")


@app.command()
def rotate(key_id: KeyId, keep: Keep = A_DAY, data: Data = None, url: Url = None, token: Token = None) -> None:
    """Print a new key, once; the one before stays valid for a day, older ones end."""
    settings = load({"data": data})
    with server_of(settings, url, token) as server:
        if server is not None:
            print_json(
                server.request("POST", f"/v1/write-keys/{key_id}/rotate", params={"keep_previous_seconds": keep}).json()
            )
        else:
            require_data(settings)
            renewed = trust.local_write_keys(settings).rotate(key_id, keep)
            audit(settings, "write_key_rotated", f"write_key/{key_id}")
            print_json(renewed)


@app.command()
def remove(key_id: KeyId, data: Data = None, url: Url = None, token: Token = None) -> None:
    """Forget a write key, which ends at once."""
    settings = load({"data": data})
    with server_of(settings, url, token) as server:
        if server is not None:
            server.request("DELETE", f"/v1/write-keys/{key_id}")
        else:
            require_data(settings)
            trust.local_write_keys(settings).remove(key_id)
            audit(settings, "write_key_removed", f"write_key/{key_id}")


def _row(key: dict[str, Any]) -> dict[str, Any]:
    return shown_dates(key | {"origins": " ".join(key["origins"])})
