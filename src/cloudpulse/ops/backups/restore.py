"""A data folder made again from a backup, with every file checked (mechanism 21)."""

import shutil
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import msgspec

from cloudpulse.errors import DataFolderBusy
from cloudpulse.lake import bronze, garbage, relocate
from cloudpulse.lake.fileio import sync_directory
from cloudpulse.ops.backups.vault import Manifest, Vault
from cloudpulse.ops.data_version import UNFINISHED
from cloudpulse.ports import Records
from cloudpulse.settings import Settings

LOCK = "lock"


def restore(
    folder: Path, settings: Settings, open_records: Callable[[Path], AbstractContextManager[Records]]
) -> Manifest:
    """Fill the data folder of ``settings``, which must be empty; returns what the backup held.

    The lake's files get the names of their new place. Until all is there the folder says that it is unfinished, and
    nothing starts on it. Raises ``Damaged``, ``NotFound`` or ``DataFolderBusy``, and leaves the folder empty.
    """
    vault = Vault(folder)
    manifest = vault.manifest()
    data = settings.data
    if _contents(data):
        raise DataFolderBusy(f"{data} is not empty: name a new folder with --data, or move that one away.")
    try:
        _fill(vault, manifest, settings, open_records)
    except BaseException:
        for path in _contents(data):
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        raise
    return manifest


def _fill(
    vault: Vault,
    manifest: Manifest,
    settings: Settings,
    open_records: Callable[[Path], AbstractContextManager[Records]],
) -> None:
    unfinished = settings.data / UNFINISHED
    unfinished.touch()
    for entry in manifest.files:
        vault.copy_out(entry, settings.data / entry.path)
    relocate.rename(settings)
    with open_records(settings.data) as records:
        _forget_garbage(records)
        _forget_tier(records)
    unfinished.unlink()
    sync_directory(settings.data)


def _contents(data: Path) -> list[Path]:
    """What lies in a folder, but for the lock of who asks."""
    return [path for path in data.iterdir() if path.name != LOCK]


def _forget_tier(records: Records) -> None:
    """A backup holds all objects, and the tier folder is another's."""
    for page in bronze.pages(records):
        records.put(bronze.KIND, bronze.documents_of(msgspec.structs.replace(f, path=bronze.name_of(f)) for f in page))
    records.delete(bronze.TIER, [bronze.TIER])


def _forget_garbage(records: Records) -> None:
    """Files that wait to be unlinked are in no backup, and bear the names of the folder that it was taken of."""
    records.delete(garbage.KIND, [key for key, _ in records.list(garbage.KIND)])
