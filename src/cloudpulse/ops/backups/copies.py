"""Where copies of the events were left by commands: ``doctor`` looks for backups, and who erases must know them all."""

import datetime as dt
from pathlib import Path
from typing import Literal

import msgspec

from cloudpulse.events.times import rfc3339
from cloudpulse.lake.fileio import write_durably

FILE_NAME = "copies.json"


class Copy(msgspec.Struct, frozen=True):
    """One backup or export; ``at`` is the moment it shows."""

    kind: Literal["backup", "export"]
    at: str


def known(data: Path) -> dict[str, Copy]:
    """Path → the copy that is there."""
    try:
        found = msgspec.json.decode((data / FILE_NAME).read_bytes(), type=dict[str, Copy])
    except (FileNotFoundError, msgspec.MsgspecError):
        return {}
    return {path: copy for path, copy in found.items() if Path(path).exists()}


def remember(data: Path, path: Path, kind: Literal["backup", "export"], now: dt.datetime) -> None:
    """Note a copy; those that have gone are forgotten."""
    copies = known(data) | {str(path.resolve()): Copy(kind, rfc3339(now))}
    write_durably(data / FILE_NAME, msgspec.json.encode(copies))
