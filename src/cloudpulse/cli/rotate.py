"""``cloudpulse rotate``: new signing secrets, through the server when one runs, else in the data folder."""

import msgspec
import typer

from cloudpulse import wiring
from cloudpulse.cli.admin import audit, server_of, shown_time
from cloudpulse.cli.options import Data, Token, Url, require_data
from cloudpulse.settings import load

app = typer.Typer(add_completion=False)


@app.command()
def rotate(data: Data = None, url: Url = None, token: Token = None) -> None:
    """Sign tokens with new secrets from now on; those before stay valid until the longest token has ended."""
    settings = load({"data": data})
    with server_of(settings, url, token) as server:
        if server is not None:
            done = server.request("POST", "/v1/rotate").json()
        else:
            require_data(settings)
            done = msgspec.to_builtins(wiring.local_rotation(settings, wiring.local_clients(settings)).sign_anew())
            for name in done["rotated"]:
                audit(settings, "signing_rotated", name)
    until = shown_time(done["previous_expires_at"])
    typer.echo(f"Tokens are signed with new secrets; those issued before stay valid until they end, {until} at last.")
