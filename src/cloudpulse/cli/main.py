"""The ``cloudpulse`` command. A command's module is loaded when the command is named, so that start-up stays quick."""

from importlib import import_module
from typing import Annotated, Any

import typer
from typer.core import TyperGroup
from typer.main import get_command

from cloudpulse import __version__
from cloudpulse.cli.printable import printable
from cloudpulse.errors import CloudPulseError

COMMANDS = {
    "up": "up",
    "token": "token",
    "clients": "clients",
    "keys": "write_keys",
    "rotate": "rotate",
    "users": "users",
    "seed": "seed",
    "import": "imports",
    "query": "query",
    "sql": "sql",
    "realtime": "realtime",
    "explore": "explore",
    "status": "status",
    "verify": "verify",
    "export": "export",
    "doctor": "doctor",
    "backup": "backup",
    "restore": "restore",
    "dlq": "dead_letters",
    "jobs": "jobs",
    "erase": "erase",
    "workflows": "workflows",
    "replay": "replay",
    "reconcile": "reconcile",
    "alarms": "alarms",
}
"""Command → module in ``cloudpulse.cli`` whose ``app`` it is."""


class Commands(TyperGroup):
    """Loads commands by name, and turns every error of ours into one sentence on stderr and exit code 1."""

    def list_commands(self, ctx: Any) -> list[str]:
        """Names of all commands."""
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """One command, or None."""
        if cmd_name not in COMMANDS:
            return None
        command = get_command(import_module(f"cloudpulse.cli.{COMMANDS[cmd_name]}").app)
        command.name = cmd_name
        return command

    def invoke(self, ctx: Any) -> Any:
        """Run the command that is named."""
        try:
            return super().invoke(ctx)
        except CloudPulseError as exc:
            typer.echo(f"cloudpulse: {printable(exc.detail)}", err=True)
            raise typer.Exit(1) from exc


app = typer.Typer(
    cls=Commands, no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, rich_markup_mode="rich"
)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"cloudpulse {__version__}")
        raise typer.Exit


@app.callback()
def main(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Event analytics that never loses an acknowledged event, never counts one twice, and shows it live."""


if __name__ == "__main__":
    app()
