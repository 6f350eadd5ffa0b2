"""``cloudpulse explore``: a page in the browser to look around in the events."""

import signal
import sys
from contextlib import ExitStack
from importlib.util import find_spec
from typing import Annotated, Any, NoReturn

import typer

from cloudpulse.cli.client import Client, address, connect
from cloudpulse.cli.options import Data, Token, Url
from cloudpulse.errors import UserError
from cloudpulse.settings import Settings, load

SCOPES = ("events:read",)
PATIENCE_SECONDS = 2.0
"""Somebody looks at the page, which asks again by itself."""

app = typer.Typer(add_completion=False)


@app.command()
def explore(
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port to listen on; 0 for any free one.")] = 8501,
    data: Data = None,
    url: Url = None,
    token: Token = None,
) -> None:
    """Serve a page to explore events on this machine, until Ctrl-C."""
    if find_spec("streamlit") is None:
        raise UserError(
            "the explorer needs Streamlit: install it with `pip install 'cloudpulse[explore]'`, "
            "in a clone with `.venv/bin/pip install -r requirements-explore.txt`."
        )
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _stop)
    with Connection(load({"data": data}), url, token) as connection:
        connection()  # without a server it says so here
        from cloudpulse.explorer import serve

        serve.run(connection, port, lambda at: typer.echo(f"The explorer is at {at} until Ctrl-C."))


def _stop(*_: Any) -> NoReturn:
    sys.exit(0)


class Connection(ExitStack):
    """Gives the client of the server that runs now: another port after a restart is found.

    Threads share it, so clients of servers that went are closed with it, not before.
    """

    def __init__(self, settings: Settings, url: str | None, token: str | None) -> None:
        super().__init__()
        self._settings = settings
        self._url = url
        self._token = token
        self._client: Client | None = None

    def __call__(self) -> Client:
        """A client, the same one as long as the server is. Raises ``NoServer``."""
        at = address(self._settings, self._url)
        if self._client is None or self._client.url != at:
            self._client = self.enter_context(connect(self._settings, at, self._token, PATIENCE_SECONDS, SCOPES))
        return self._client
