"""Replay: silver rebuilt from bronze; over unchanged code nothing changes, and what is wrong is put right."""

import datetime as dt
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from lake_samples import batch, event

from cloudpulse.batch.replay import Replay
from cloudpulse.batch.writer import LakeWriter
from cloudpulse.engines.local.dead_letters import SqliteDeadLetters
from cloudpulse.engines.local.event_log import SqliteEventLog, SqliteLogReader
from cloudpulse.engines.local.records import SqliteRecords
from cloudpulse.engines.local.warehouse import DuckDbWarehouse
from cloudpulse.events import enrich
from cloudpulse.events.model import Metadata
from cloudpulse.lake import chunk
from cloudpulse.lake.commit import Lake
from cloudpulse.lake.snapshot import SnapshotReader
from cloudpulse.ops.ledger import LedgerService
from cloudpulse.settings import Settings

NOW = dt.datetime(2026, 11, 20, 10, 30, tzinfo=dt.UTC)
LATER = NOW + dt.timedelta(hours=1)
TODAY = NOW.date()
YESTERDAY = TODAY - dt.timedelta(days=1)
DAY = dt.timedelta(days=1)
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:121.0) Gecko/20100101 Firefox/121.0"


class World:
    """A data folder to which events come as they would have."""

    def __init__(self, folder: Path, **settings) -> None:
        self.folder = folder
        self.settings = Settings(data=folder, min_free_bytes=0, **settings)
        self.log = SqliteEventLog(folder)
        self.reader = SqliteLogReader(folder)
        self.records = SqliteRecords(folder / "records.db")
        self.letters = SqliteDeadLetters(folder / "records.db")
        self.snapshots = SnapshotReader(self.settings)
        self.warehouse = DuckDbWarehouse(self.settings)
        self.ledger = LedgerService(
            self.settings, self.reader, self.snapshots, self.records, self.letters, self.warehouse
        )
        self.lake = Lake(self.settings)
        self.writer = LakeWriter(self.settings, self.lake, self.records)

    def close(self) -> None:
        self.warehouse.close()
        self.reader.close()
        self.log.close()

    def store(self, events, received_at=NOW, **fields) -> None:
        seq = self.log.append(batch(0, events, received_at, **fields))
        batches = [one for one in self.reader.read(seq - 1) if one.seq == seq]
        self.writer.add(chunk.decode(self.reader.state().journal, batches, received_at))
        self.writer.commit(received_at)

    def replay(self, first=YESTERDAY, last=TODAY, dry_run=False):
        return Replay(self.settings, self.lake, self.records, lambda: LATER).run(first, last, dry_run, LATER)

    def files(self):
        return {file.path: file for file in self.snapshots.current().files}

    def rows(self):
        rows = [row for path in self.files() for row in pq.read_table(path).to_pylist()]
        return sorted(rows, key=lambda row: (row["event_id"], row["received_at"]))

    def double(self) -> None:
        """Every row of the lake is in it once more."""
        rows = pa.concat_tables([pq.read_table(path) for path in self.files()])
        assert self.lake.replace([], rows)

    def lose(self) -> int:
        """One file of the lake is not in it any more; returns how many rows are gone."""
        file = self.lake.live_files()[0]
        assert self.lake.swap([file], [])
        return file.record_count


@pytest.fixture
def world(tmp_path):
    world = World(tmp_path)
    yield world
    world.close()


@pytest.fixture
def busy(world):
    """Two days of two types in three commits, some of them late."""
    for age in (30, 20, 1):
        at = NOW - dt.timedelta(hours=age)
        world.store([event(at + dt.timedelta(seconds=n), user_id=f"u{n}") for n in range(20)], at)
    agent = Metadata(user_agent=FIREFOX)
    world.store([event(NOW - DAY + dt.timedelta(minutes=n), "click", metadata=agent) for n in range(10)])
    return world


def test_over_unchanged_code_nothing_changes(busy):
    """Guards mechanism 20."""
    before, rows, version = busy.files(), busy.rows(), busy.lake.base().metadata
    done = busy.replay()
    assert (done["changed"], done["columns"], done["examples"], done["lost_files"]) == (False, {}, {}, 0)
    assert done["rows"] == {"before": 70, "after": 70, "added": 0, "removed": 0, "doubled": 0, "changed": 0}
    assert {name: rows["after"] for name, rows in done["types"].items()} == {"page_view": 60, "click": 10}
    assert {name: rows["after"] for name, rows in done["days"].items()} == {str(YESTERDAY): 50, str(TODAY): 20}
    assert busy.files() == before
    assert busy.rows() == rows
    assert busy.lake.base().metadata == version
    assert not list(busy.folder.glob("tmp/*"))


def test_an_enrichment_that_changed_is_told_and_lands_in_one_commit(busy, monkeypatch):
    """Guards mechanism 20: rows that say what they said keep the time of their making."""
    before, version = {row["event_id"]: row for row in busy.rows()}, busy.lake.base().metadata
    known = enrich.user_agent
    monkeypatch.setattr(enrich, "user_agent", lambda text: known(text)._replace(browser="Fx") if text else known(text))
    done = busy.replay(dry_run=True)
    assert {row["event_id"]: row for row in busy.rows()} == before
    assert busy.lake.base().metadata == version
    assert done["rows"] == {"before": 70, "after": 70, "added": 0, "removed": 0, "doubled": 0, "changed": 10}
    assert (done["changed"], done["dry_run"], done["columns"]) == (True, True, {"browser": 10})
    assert set(done["examples"]) == {"changed"}
    assert busy.replay() == done | {"dry_run": False}
    for row in busy.rows():
        was = before[row["event_id"]]
        is_click = row["event_type"] == "click"
        assert row == (was | {"browser": "Fx", "processed_at": LATER} if is_click else was)
    assert busy.lake.base().metadata.last_sequence_number == version.last_sequence_number + 1
    assert busy.replay()["changed"] is False
    assert busy.ledger.report(deep=True).gaps == []
