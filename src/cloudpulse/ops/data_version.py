"""The version of a data folder: what may be started on it, and the steps from an older one. Imports nothing heavy."""

import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path

from cloudpulse import __version__
from cloudpulse.errors import UserError

FILE_NAME = "version"
UNFINISHED = "unfinished-restore"
FORMAT = 1
"""Raised by one with every change that an older CloudPulse would not understand, and a step in ``MIGRATIONS``."""

MIGRATIONS: Mapping[int, Callable[[Path], None]] = {}
"""Format → the step that leads to it from the one before. A step may be repeated after a crash, and replaces files
instead of changing them: the backup before it may share them. Folders without a version file have format 1."""


class OtherVersion(UserError):
    """The data folder is not one that this CloudPulse can work on."""

    code = "data_folder_version"


def read(data: Path) -> tuple[int, str]:
    """(format, product) of a folder; raises ``OtherVersion`` when they cannot be read."""
    try:
        content = json.loads((data / FILE_NAME).read_text())
        return int(content["format"]), str(content["product"])
    except FileNotFoundError:
        return 1, "0.1"
    except (ValueError, KeyError, TypeError) as exc:
        raise OtherVersion(f"{data / FILE_NAME} cannot be read: restore it from a backup.") from exc


def check(data: Path) -> int:
    """The format of a folder; raises ``OtherVersion`` when it is newer than this CloudPulse, or half restored."""
    if (data / UNFINISHED).exists():
        raise OtherVersion(f"a restore into {data} did not come to its end: remove the folder and restore again.")
    found, product = read(data)
    if found > FORMAT:
        raise OtherVersion(
            f"{data} has format {found}, written by CloudPulse {product}; this is CloudPulse {__version__}, which "
            f"knows format {FORMAT} at most. Install CloudPulse {product} or a later one, or restore an older backup."
        )
    return found


def bring_up_to_date(data: Path, back_up: Callable[[int], None]) -> None:
    """Make or raise the version of a folder that nobody uses; ``back_up`` is called with its format before any step.

    Raises ``OtherVersion``, or what a step or the backup raises: then the folder is as it was before that step.
    """
    found = check(data)
    if found < FORMAT:
        back_up(found)
    for number in range(found + 1, FORMAT + 1):
        MIGRATIONS[number](data)
        _write(data, number)
    if not (data / FILE_NAME).exists() or read(data) != (FORMAT, __version__):
        _write(data, FORMAT)


def _write(data: Path, number: int) -> None:
    temporary = data / f".{FILE_NAME}.tmp"
    with temporary.open("w") as file:
        json.dump({"format": number, "product": __version__}, file)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(data / FILE_NAME)
