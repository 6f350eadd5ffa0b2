"""Wiring for those who keep a data folder: version, backup, restore, export. Heavy imports wait until they are used."""

from __future__ import annotations

import datetime as dt
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from cloudpulse.settings import Settings
from cloudpulse.wiring import RECORDS_FILE, TAIL_FOLDER, serving, utc_now

if TYPE_CHECKING:
    from cloudpulse.ops.backups.backup import Backup, Contents
    from cloudpulse.ops.backups.vault import Manifest
    from cloudpulse.serving.export import Exporter


def check_version(folder: Path) -> None:
    """Raise ``OtherVersion`` when this CloudPulse cannot read a data folder."""
    from cloudpulse.ops import data_version

    data_version.check(folder)


def backup(settings: Settings) -> Backup:
    """What backs up a data folder, in use or not."""
    from cloudpulse.engines.local.sqlite import copy_database
    from cloudpulse.ops.backups.backup import Backup

    return Backup(settings.data, copy_database, _contents_of_stores)


def _contents_of_stores(folder: Path) -> Contents:
    """What copies of the stores contain."""
    from cloudpulse.lake.relocate import named_files
    from cloudpulse.ops.backups.backup import contents

    settings = Settings(data=folder)
    parts = serving(settings)
    try:
        named = named_files(settings)
        return contents(named, parts.snapshots.current(), parts.reader, parts.counters, parts.records, parts.ledger)
    finally:
        for store in (parts.snapshots, parts.reader, parts.counters, parts.records, parts.letters):
            cast(Any, store).close()


def exporter(settings: Settings) -> Exporter:
    """What exports the events of a data folder, in use or not."""
    from cloudpulse.engines.local.event_log import SqliteLogReader
    from cloudpulse.lake.snapshot import SnapshotReader
    from cloudpulse.serving.export import Exporter
    from cloudpulse.serving.tail import TailReader

    snapshots, reader = SnapshotReader(settings), SqliteLogReader(settings.data)
    return Exporter(TailReader(settings.data / TAIL_FOLDER, snapshots, reader, utc_now))


def remember_export(settings: Settings, path: Path) -> None:
    """Note where events were exported to."""
    from cloudpulse.ops.backups import copies

    copies.remember(settings.data, path, "export", utc_now())


class NewestBackup(NamedTuple):
    """Where a backup is, and the moment it shows."""

    path: str
    at: dt.datetime


def newest_backup(data: Path) -> NewestBackup | None:
    """The newest backup of a data folder that is still there."""
    from cloudpulse.ops.backups import copies

    backups = {path: copy.at for path, copy in copies.known(data).items() if copy.kind == "backup"}
    if not backups:
        return None
    path = max(backups, key=lambda path: backups[path])
    return NewestBackup(path, dt.datetime.fromisoformat(backups[path]))


class Examined(NamedTuple):
    """What the stores of a folder say; ``growth_bytes`` is what one of the last days took on the disk,
    ``tier_hindrance`` what stands in the way of the tier folder.
    """

    newest: dt.datetime | None
    growth_bytes: int
    dead_lettered: int
    gaps: list[str]
    tier_hindrance: str | None


def examine(settings: Settings, today: dt.date, days: int) -> Examined:
    """Ask all stores."""
    from cloudpulse.batch.tier import hindrance
    from cloudpulse.events.times import from_micros

    parts = serving(settings)
    received = parts.reader.state().last_received_at
    report = parts.ledger.report(deep=False)
    recent = [today - dt.timedelta(days=number) for number in range(days)]
    folders = [settings.data / day.strftime("bronze/year=%Y/month=%m/day=%d") for day in recent]
    there = [folder for folder in folders if folder.exists()]
    raw = sum(path.stat().st_size for folder in there for path in folder.rglob("*.zst"))
    silver = sum(file.bytes for file in parts.snapshots.current().files if file.day in recent)
    return Examined(
        newest=from_micros(received) if received else None,
        growth_bytes=(raw + silver) // max(1, len(there)),
        dead_lettered=report.ledger.dead_lettered,
        gaps=report.gaps,
        tier_hindrance=hindrance(settings, parts.records),
    )


def restore(folder: Path, settings: Settings) -> Manifest:
    """Fill an empty data folder from a backup."""
    from cloudpulse.engines.local.records import SqliteRecords
    from cloudpulse.ops.backups.restore import restore

    return restore(folder, settings, lambda data: closing(SqliteRecords(data / RECORDS_FILE)))
