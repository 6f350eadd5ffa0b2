"""``cloudpulse rotate``: new signing secrets, through the server when one runs, else in the data folder."""

from typing import Annotated

import msgspec
import typer

from cloudpulse.cli.admin import audit, server_of, shown_time
from cloudpulse.cli.options import Data, Token, Url, require_data
from cloudpulse.settings import load
from cloudpulse.wiring import trust

app = typer.Typer(add_completion=False)


@app.command()
def rotate(
    end_previous: Annotated[bool, typer.Option("--end-previous", help="End all tokens that are out, too.")] = False,
    data: Data = None,
    url: Url = None,
    token: Token = None,
) -> None:
    """Sign tokens with new secrets from now on; those before stay valid until the longest token has ended."""
    settings = load({"data": data})
    with server_of(settings, url, token) as server:
        if server is not None:
            done = server.request("POST", "/v1/rotate", params={"end_previous": end_previous}).json()
        else:
            require_data(settings)
            rotation = trust.local_rotation(settings, trust.local_clients(settings))
            done = msgspec.to_builtins(rotation.rotate_signing(end_previous))
            for name in done["rotated"]:
                audit(settings, "signing_rotated", name)
    if end_previous:
        typer.echo("Tokens are signed with new secrets; those issued before are not valid any more.")
        return
    until = shown_time(done["previous_expires_at"])
    typer.echo(f"Tokens are signed with new secrets; those issued before stay valid until they end, {until} at last.")
