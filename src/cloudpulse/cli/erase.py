"""``cloudpulse erase``: all events of one person or one session, through the running server."""

from typing import Annotated

import typer

from cloudpulse.cli.admin import print_json
from cloudpulse.cli.client import connect
from cloudpulse.cli.options import Data, Token, Url
from cloudpulse.cli.printable import printable
from cloudpulse.settings import load

PATH = "/v1/erase"

app = typer.Typer(add_completion=False)


@app.command()
def erase(
    user: Annotated[
        str | None, typer.Option("--user", help="The user_id that the events carry.", show_default=False)
    ] = None,
    session: Annotated[
        str | None, typer.Option("--session", help="The session_id that the events carry.", show_default=False)
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    data: Data = None,
    url: Url = None,
    token: Token = None,
) -> None:
    """Erase all events of one person or one session that were received so far, wait for the end, and print the record.

    Ctrl-C ends the waiting, not the erasure.
    """
    if (user is None) == (session is None):
        raise typer.BadParameter("name either a user or a session.", param_hint="--user / --session")
    body = {"user_id": user} if user is not None else {"session_id": session}
    with connect(load({"data": data}), url, token) as server:
        if not yes:
            whose = "this user" if user is not None else "this session"
            typer.confirm(f"Erase all events of {whose}? They are gone then", abort=True)
        begun = server.request("POST", PATH, json=body).json()
        typer.echo(f"Erasure {begun['id']} has begun; old files are kept a while for those who read them.", err=True)
        ended = server.until_ended(f"{PATH}/{begun['id']}", begun)
    if ended["status"] == "failed":
        reason = printable(ended["error"] or "its run is not known any more.")
        typer.echo(f"cloudpulse: the erasure {ended['id']} failed: {reason} Ask for it again.", err=True)
        raise typer.Exit(1)
    print_json(ended)
