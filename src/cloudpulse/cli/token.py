"""``cloudpulse token``: a bearer token for scripts and for trying things out."""

from typing import Annotated

import typer

from cloudpulse.cli.options import CLIENT_ID, Data, Scopes, checked, require_data
from cloudpulse.settings import load
from cloudpulse.wiring import trust

app = typer.Typer(add_completion=False)


@app.command()
def token(
    scope: Scopes = None,
    ttl: Annotated[int | None, typer.Option("--ttl", min=1, help="Seconds until it ends.", show_default=False)] = None,
    data: Data = None,
) -> None:
    """Print a bearer token, and nothing else. Without --scope it may do everything."""
    scopes, settings = checked(scope), load({"data": data})
    if ttl is not None and ttl > settings.token_max_ttl_seconds:
        longest = settings.token_max_ttl_seconds
        raise typer.BadParameter(f"a token lives {longest} s at most (token_max_ttl_seconds).", param_hint="--ttl")
    require_data(settings)
    tokens = trust.local_tokens(settings)
    typer.echo(tokens.issue(CLIENT_ID, scopes, "default", ttl or settings.token_ttl_seconds))
