"""Tiering: old bronze objects lie elsewhere, and everything that reads them finds them there."""

import datetime as dt
from contextlib import closing
from pathlib import Path

import msgspec
import pytest
from lake_samples import event
from test_replay import NOW, World

from cloudpulse.batch.retain import Retention
from cloudpulse.batch.sweep import sweep
from cloudpulse.batch.tier import Tiering, hindrance
from cloudpulse.engines.local.isolated import IsolatedWarehouse
from cloudpulse.errors import SettingError, StoreError
from cloudpulse.lake import bronze, orphans
from cloudpulse.ports import Limits, Relation
from cloudpulse.serving.relations import RAW_COLUMNS
from cloudpulse.settings import load
from cloudpulse.wiring import keeping, serving

DAY = dt.timedelta(days=1)


class Crash(BaseException):
    """Stands for the death of the process."""


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "archive"
    folder.mkdir()
    return folder


@pytest.fixture
def world(tmp_path, folder):
    data = tmp_path / "data"
    data.mkdir()
    world = World(data, tier_folder=str(folder), tier_days=30)
    for age in (90, 60, 30, 29, 0):
        world.store([event(NOW - age * DAY, user_id=f"u{age}") for _ in range(3)], NOW - age * DAY)
    yield world
    world.close()


def tier(world, now=NOW):
    return Tiering(world.settings, world.lake, world.records, lambda: now).run(now)


def there(folder):
    return sorted(folder.rglob("*.zst"))


def here(world):
    return there(world.folder)


def test_old_objects_move_and_what_reads_them_finds_them(world, folder):
    before = [bronze.read(world.folder, file) for file in bronze.listed(world.records)]
    done = tier(world)
    assert (done["objects"], done["faulty"], len(there(folder))) == (2, 0, 2)
    assert len(here(world)) == 5, "who reads one now still finds it"
    world.lake.collect_garbage(world.records, NOW + dt.timedelta(seconds=world.settings.unlink_delay_seconds))
    assert len(here(world)) == 3
    assert [bronze.read(world.folder, file) for file in bronze.listed(world.records)] == before
    assert world.ledger.report(deep=True).gaps == []
    first = (NOW - 90 * DAY).date()
    assert world.replay(first, NOW.date())["changed"] is False
    for file in world.lake.live_files():
        world.lake.swap([file], [])
    assert world.replay(first, NOW.date())["rows"]["added"] == 15
    assert tier(world)["objects"] == 0
    assert tier(world, NOW + 2 * DAY)["objects"] == 2


def test_sql_reads_raw_events_from_the_tier_folder(world):
    tier(world)
    files = [str(bronze.place(world.folder, file)) for file in bronze.listed(world.records)]
    relations = {"raw_events": Relation(files, None, RAW_COLUMNS)}
    with closing(IsolatedWarehouse(world.settings)) as isolated:
        for warehouse in (world.warehouse, isolated):
            assert warehouse.run("SELECT count(*) FROM raw_events", [], relations, Limits()).rows == [(15,)]


def test_without_a_tier_folder_nothing_happens(world):
    world.settings = load({"data": world.folder})
    assert tier(world) == {"objects": 0, "bytes": 0, "faulty": 0}


@pytest.mark.parametrize("moment", ["write_durably", "bronze.fault", "garbage.documents"])
def test_a_crash_anywhere_loses_nothing_and_the_next_run_goes_on(world, folder, monkeypatch, moment):
    def die(*_):
        raise Crash

    with monkeypatch.context() as patch:
        patch.setattr(f"cloudpulse.batch.tier.{moment}", die)
        with pytest.raises(Crash):
            tier(world)
    assert world.ledger.report(deep=True).gaps == []
    assert tier(world)["objects"] == 2
    assert world.ledger.report(deep=True).gaps == []
    world.lake.collect_garbage(world.records, NOW + DAY)
    assert (len(there(folder)), len(here(world))) == (2, 3)


def test_a_folder_that_cannot_be_reached_is_told_and_nothing_is_lost(world, folder):
    tier(world)
    away = folder.rename(folder.with_name("unmounted"))
    folder.mkdir()
    old = bronze.listed(world.records)[0]
    for read in (
        lambda: bronze.read(world.folder, old),
        lambda: bronze.fault(world.folder, old),
        lambda: world.ledger.report(deep=True),
        lambda: world.replay(NOW.date() - 90 * DAY, NOW.date()),
        lambda: tier(world, NOW + 5 * DAY),
    ):
        with pytest.raises(StoreError, match="cannot be reached"):
            read()
    assert there(folder) == []
    assert world.ledger.report(deep=False).ok
    assert "cannot be reached" in hindrance(world.settings, world.records)
    folder.rmdir()
    away.rename(folder)
    assert hindrance(world.settings, world.records) is None
    assert world.ledger.report(deep=True).gaps == []


def test_a_folder_that_is_not_there_is_not_made(world, folder):
    folder.rmdir()
    with pytest.raises(StoreError, match="is not there"):
        tier(world)
    assert "is not there" in hindrance(world.settings, world.records)
    assert not folder.exists()


def test_a_folder_that_was_moved_is_followed(world, folder):
    tier(world)
    moved = folder.rename(folder.with_name("larger"))
    world.settings = load({"data": world.folder, "tier_folder": str(moved), "min_free_bytes": 0})
    assert tier(world)["objects"] == 0
    world.lake.collect_garbage(world.records, NOW + DAY)
    assert world.ledger.report(deep=True).gaps == []
    assert bronze.tier_folder(world.records) == moved


def test_two_data_folders_do_not_share_one(world, tmp_path, folder):
    tier(world)
    (tmp_path / "other").mkdir()
    other = World(tmp_path / "other", tier_folder=str(folder))
    other.store([event(NOW - 90 * DAY)], NOW - 90 * DAY)
    with pytest.raises(StoreError, match="another data folder"):
        tier(other)
    own = tmp_path / "its own"
    own.mkdir()
    other.settings = msgspec.structs.replace(other.settings, tier_folder=str(own))
    assert tier(other)["objects"] == 1
    other.settings = msgspec.structs.replace(other.settings, tier_folder=str(folder))
    with pytest.raises(StoreError, match="another data folder"):
        tier(other)
    other.close()


def test_an_object_that_is_not_what_was_written_stays(world, folder):
    path = world.folder / bronze.listed(world.records)[0].path
    path.write_bytes(b"damaged")
    assert tier(world) == {"objects": 1, "bytes": there(folder)[0].stat().st_size, "faulty": 1}
    assert path.exists()


def test_a_disk_that_does_not_keep_what_is_written_moves_nothing(world, folder, monkeypatch):
    monkeypatch.setattr("cloudpulse.batch.tier.write_durably", lambda path, content: None)
    (folder / bronze.TIER_MARKER).write_text("id")
    world.records.put(bronze.TIER, {bronze.TIER: {"folder": str(folder), "id": "id"}})
    with pytest.raises(StoreError, match="does not keep"):
        tier(world)
    assert world.ledger.report(deep=True).gaps == []


def test_retention_and_sweep_reach_into_the_tier_folder(world, folder):
    tier(world)
    copy = there(folder)[0].with_name(f"{world.reader.state().journal}-77-78.ndjson.zst")
    copy.write_bytes(b"of a run that was cut off")
    swept = NOW + dt.timedelta(days=4000)
    leftovers = list(orphans.unlisted_objects(world.folder, world.records, swept))
    assert f"file://{copy}" in leftovers
    sweep(world.settings, world.lake, world.records, world.folder / "tail", swept)
    world.settings = load({"data": world.folder, "tier_folder": str(folder), "retain_days": 50})
    Retention(world.settings, world.lake, world.records, lambda: swept).run(NOW)
    world.lake.collect_garbage(world.records, swept + DAY)
    assert there(folder) == []
    assert world.ledger.report(deep=True).gaps == []


def test_a_backup_holds_all_objects_and_its_copy_needs_no_tier_folder(world, tmp_path, folder):
    tier(world)
    world.lake.collect_garbage(world.records, NOW + DAY)
    keeping.backup(world.settings).run(tmp_path / "backup", NOW)
    restored = load({"data": tmp_path / "restored"})
    restored.data.mkdir()
    keeping.restore(tmp_path / "backup", restored)
    report = serving(restored).ledger.report(deep=True)
    assert (report.gaps, report.ledger.stored) == ([], 15)
    copy = World(restored.data, tier_folder=str(folder))
    assert not any(Path(file.path).is_absolute() for file in bronze.listed(copy.records))
    with pytest.raises(StoreError, match="another data folder"):
        tier(copy)
    copy.close()


def test_the_settings(tmp_path):
    for name, value in (("tier_folder", "archive"), ("tier_folder", str(tmp_path / "x")), ("dedup_window_days", 60)):
        given = {"data": tmp_path, "tier_folder": "/mnt/archive", name: value}
        with pytest.raises(SettingError, match="tier_"):
            load(given)
