"""Options that several commands share."""

from pathlib import Path
from typing import Annotated

import typer

from cloudpulse.errors import NotFound
from cloudpulse.settings import Settings
from cloudpulse.wiring import keeping

Data = Annotated[
    Path | None,
    typer.Option("--data", help="Data folder; else CLOUDPULSE_DATA, else ./cloudpulse-data.", show_default=False),
]
Url = Annotated[
    str | None,
    typer.Option("--url", help="Server to talk to, else the one that runs on the data folder.", show_default=False),
]
Token = Annotated[
    str | None,
    typer.Option("--token", help="Bearer token, else one signed with the data folder's secret.", show_default=False),
]
Scopes = Annotated[
    list[str] | None,
    typer.Option("--scope", help="events:write, events:read or admin; may be repeated.", show_default=False),
]

SCOPES = ("events:write", "events:read", "admin")
CLIENT_ID = "cloudpulse-cli"
"""Whom tokens of the command line speak for."""


def require_data(settings: Settings) -> None:
    """Raise ``NotFound`` where no CloudPulse has ever run: a command that only reads must not make a folder."""
    if not (settings.data / "secrets.db").exists():
        raise NotFound(
            f"there is no CloudPulse data in {settings.data}: start one with `cloudpulse up --data {settings.data}`, "
            "or name another folder with --data or CLOUDPULSE_DATA."
        )
    keeping.check_version(settings.data)


def checked(scopes: list[str] | None, default: tuple[str, ...] = SCOPES, kind: str = "scope") -> tuple[str, ...]:
    """The scopes (or groups) that were named, else ``default``; an unknown one is wrong usage."""
    for scope in scopes or ():
        if scope not in SCOPES:
            raise typer.BadParameter(
                f"{scope!r} is no {kind}; choose from {', '.join(SCOPES)}.", param_hint=f"--{kind}"
            )
    return tuple(scopes or default)
