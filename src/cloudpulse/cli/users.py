"""``cloudpulse users``: the people who may sign in, through the server when one runs, else in the data folder."""

import getpass
import sys
import unicodedata
from typing import Annotated, Any

import msgspec
import typer

from cloudpulse.cli.admin import AsJson, audit, print_json, print_list, server_of, shown_time
from cloudpulse.cli.client import Client
from cloudpulse.cli.options import Data, Token, Url, checked, require_data
from cloudpulse.errors import NotFound
from cloudpulse.settings import Settings, load
from cloudpulse.wiring import trust

Email = Annotated[str, typer.Argument(metavar="EMAIL", help="The user's e-mail address.")]
FromStdin = Annotated[
    bool, typer.Option("--password-stdin", help="Take the password from standard input, or ask at a terminal.")
]
GROUP = typer.Option(
    "--group", help="events:write, events:read or admin; may be repeated. Or none.", show_default=False
)

app = typer.Typer(add_completion=False, no_args_is_help=True, help="Manage the people who may sign in.")


@app.command()
def add(
    email: Email,
    group: Annotated[list[str] | None, GROUP] = None,
    password_stdin: FromStdin = False,
    data: Data = None,
    url: Url = None,
    token: Token = None,
) -> None:
    """Add a user and print the password, once. Without --group the user may read events."""
    groups = _groups(group)
    settings = load({"data": data})
    password = _password() if password_stdin else None
    with server_of(settings, url, token) as server:
        if server is not None:
            body = {"email": email, "groups": groups, "password": password}
            print_json(server.request("POST", "/v1/users", json=body).json())
        else:
            made = trust.local_users(settings).add(email, groups, password)
            audit(settings, "user_added", f"user/{made.user_id}")
            print_json(made)


@app.command("list")
def list_(as_json: AsJson = False, data: Data = None, url: Url = None, token: Token = None) -> None:
    """List the users."""
    settings = load({"data": data})
    with server_of(settings, url, token) as server:
        print_list(_users(settings, server), as_json, _row)


@app.command()
def change(
    email: Email,
    group: Annotated[list[str], GROUP],
    data: Data = None,
    url: Url = None,
    token: Token = None,
) -> None:
    """Put a user into these groups instead; counts from the user's next sign-in or refresh on."""
    groups = _groups(group)
    settings = load({"data": data})
    with server_of(settings, url, token) as server:
        user_id = _id_of(email, _users(settings, server))
        if server is not None:
            server.request("PATCH", f"/v1/users/{user_id}", json={"groups": groups})
        else:
            trust.local_users(settings).set_groups(user_id, groups)
            audit(settings, "user_changed", f"user/{user_id}")


@app.command()
def remove(email: Email, data: Data = None, url: Url = None, token: Token = None) -> None:
    """Remove a user; all sign-ins of the user end, and access tokens by themselves."""
    settings = load({"data": data})
    with server_of(settings, url, token) as server:
        user_id = _id_of(email, _users(settings, server))
        if server is not None:
            server.request("DELETE", f"/v1/users/{user_id}")
        else:
            trust.local_users(settings).remove(user_id)
            trust.local_sessions(settings).end_all(user_id)
            audit(settings, "user_removed", f"user/{user_id}")


@app.command()
def password(
    email: Email, password_stdin: FromStdin = False, data: Data = None, url: Url = None, token: Token = None
) -> None:
    """Set another password and print it, once; all sign-ins of the user end."""
    settings = load({"data": data})
    chosen = _password() if password_stdin else None
    with server_of(settings, url, token) as server:
        user_id = _id_of(email, _users(settings, server))
        if server is not None:
            print_json(server.request("POST", f"/v1/users/{user_id}/rotate", json={"password": chosen}).json())
        else:
            made = trust.local_users(settings).set_password(user_id, chosen)
            trust.local_sessions(settings).end_all(user_id)
            audit(settings, "password_set", f"user/{user_id}")
            print_json(made)


def _users(settings: Settings, server: Client | None) -> list[dict[str, Any]]:
    if server is not None:
        users: list[dict[str, Any]] = server.get("/v1/users")["users"]
        return users
    require_data(settings)
    return [msgspec.to_builtins(user) for user in trust.local_users(settings).list()]


def _id_of(email: str, users: list[dict[str, Any]]) -> str:
    wanted = _key(email)
    for user in users:
        if _key(user["email"]) == wanted:
            return str(user["user_id"])
    raise NotFound(f"There is no user {email.strip()!r}.")


def _key(email: str) -> str:
    return unicodedata.normalize("NFC", email.strip()).casefold()


def _groups(named: list[str] | None) -> tuple[str, ...]:
    return () if named == ["none"] else checked(named, default=("events:read",), kind="group")


def _password() -> str:
    if sys.stdin.isatty():
        return getpass.getpass("Password: ")
    return sys.stdin.readline().rstrip("\r\n")


def _row(user: dict[str, Any]) -> dict[str, Any]:
    return user | {"groups": " ".join(user["groups"]), "created_at": shown_time(user["created_at"])}
