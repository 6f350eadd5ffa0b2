"""Wiring for those who keep a data folder: its version, backup, restore. Heavy imports wait until they are used."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from cloudpulse.settings import Settings
from cloudpulse.wiring import RECORDS_FILE, serving

if TYPE_CHECKING:
    from cloudpulse.ops.backup import Backup, Contents
    from cloudpulse.ops.vault import Manifest


def check_version(folder: Path) -> None:
    """Raise ``OtherVersion`` when this CloudPulse cannot read a data folder."""
    from cloudpulse.ops import data_version

    data_version.check(folder)


def backup(settings: Settings) -> Backup:
    """What backs up a data folder, in use or not."""
    from cloudpulse.engines.local.sqlite import copy_database
    from cloudpulse.ops.backup import Backup

    return Backup(settings.data, copy_database, _contents_of_stores)


def _contents_of_stores(folder: Path) -> Contents:
    """What copies of the stores contain."""
    from cloudpulse.lake.relocate import named_files
    from cloudpulse.ops.backup import contents

    settings = Settings(data=folder)
    parts = serving(settings)
    try:
        named = named_files(settings)
        return contents(named, parts.snapshots.current(), parts.reader, parts.counters, parts.records, parts.ledger)
    finally:
        for store in (parts.snapshots, parts.reader, parts.counters, parts.records, parts.letters):
            cast(Any, store).close()


def restore(folder: Path, settings: Settings) -> Manifest:
    """Fill an empty data folder from a backup."""
    from cloudpulse.engines.local.records import SqliteRecords
    from cloudpulse.ops.restore import restore

    return restore(folder, settings, lambda data: closing(SqliteRecords(data / RECORDS_FILE)))
