"""Raw events as immutable objects, and the list of them."""

import datetime as dt
import hashlib
import os

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from lake_samples import JOURNAL, NOW, batch, event

from cloudpulse.engines.local.records import SqliteRecords
from cloudpulse.events import codec
from cloudpulse.events.model import Position
from cloudpulse.events.times import micros
from cloudpulse.lake import bronze

STORED_AT = micros(NOW)


@pytest.fixture
def records(tmp_path):
    return SqliteRecords(tmp_path / "records.db")


def batches(first: int, last: int, received_at=NOW):
    return [batch(seq, [event(received_at), event(received_at)], received_at) for seq in range(first, last + 1)]


def store(records, data, group, journal=JOURNAL, settle=True):
    objects = bronze.plan(journal, group, STORED_AT)
    bronze.announce(records, [file for file, _ in objects])
    written = [bronze.write(data, file, held) for file, held in objects]
    if settle:
        bronze.settle(records, written)
    return written


def on_disk(data):
    return sorted(path.name for path in data.rglob("*.zst"))


@given(st.lists(st.datetimes(dt.datetime(1971, 1, 1), dt.datetime(2100, 1, 1)), min_size=1, max_size=8))
def test_every_batch_lies_under_the_hour_of_its_receipt(moments):
    """Guards mechanism 9, for any times: the path is the hour in UTC, and no batch is lost or moved."""
    received = sorted(moment.replace(tzinfo=dt.UTC) for moment in moments)
    group = [batch(seq, [event(moment)], moment) for seq, moment in enumerate(received, 1)]
    objects = bronze.plan(JOURNAL, group, STORED_AT)
    assert [each for _, held in objects for each in held] == group
    for file, held in objects:
        hours = {f"{received[each.seq - 1]:bronze/year=%Y/month=%m/day=%d/hour=%H}" for each in held}
        assert hours == {file.path.rpartition("/")[0]}
        assert (file.first, file.last, file.n) == (held[0].seq, held[-1].seq, len(held))


def test_next_tries_of_dead_letters_lie_apart():
    """Guards mechanism 17: their lines are older, and a lost id index passes old objects over as a whole."""
    group = batches(1, 4)
    group[1:3] = [msgspec.structs.replace(each, redrive_of=f"lake:j:{each.seq}") for each in group[1:3]]
    objects = bronze.plan(JOURNAL, group, STORED_AT)
    assert [(file.first, file.last, file.n) for file, _ in objects] == [(1, 1, 2), (2, 3, 4), (4, 4, 2)]


def test_an_object_holds_the_lines_as_they_were_accepted(tmp_path, records):
    group = batches(3, 5)
    [file] = store(records, tmp_path, group)
    assert bronze.read(tmp_path, file) == b"".join(codec.decompress(each.lines) for each in group)
    assert file.sha256 == hashlib.sha256((tmp_path / file.path).read_bytes()).hexdigest()
    assert (file.first, file.last, file.n) == (3, 5, 6)


def test_objects_lie_in_folders_of_their_received_hour(tmp_path, records):
    late = NOW + dt.timedelta(minutes=40)
    files = store(records, tmp_path, batches(1, 2) + batches(3, 3, late))
    assert [file.path for file in files] == [
        f"bronze/year=2026/month=11/day=20/hour=10/{JOURNAL}-1-2.ndjson.zst",
        f"bronze/year=2026/month=11/day=20/hour=11/{JOURNAL}-3-3.ndjson.zst",
    ]


def test_the_list_bounds_the_event_times(tmp_path, records):
    old = NOW - dt.timedelta(days=3)
    [file] = store(records, tmp_path, [batch(1, [event(old), event(NOW)])])
    assert file.min_ts <= micros(old) <= micros(NOW) <= file.max_ts
    assert file.max_ts - file.min_ts <= micros(NOW) - micros(old) + 60_000_000


def test_the_object_of_a_batch_is_found(tmp_path, records):
    first, second = store(records, tmp_path, batches(1, 2))[0], store(records, tmp_path, batches(5, 9))[0]
    store(records, tmp_path, batches(1, 9), journal=JOURNAL + "0")
    located = [bronze.locate(records, JOURNAL, seq) for seq in (1, 2, 4, 5, 9, 10)]
    assert located == [first, first, None, second, second, None]


def test_ranges_above_the_position_are_removed(tmp_path, records):
    """Guards mechanism 9: the next run cuts them differently, and the same batch would be in two objects."""
    kept, other, gone = batches(1, 4), batches(1, 9), batches(5, 9)
    store(records, tmp_path, other, journal="0old")
    store(records, tmp_path, kept)
    store(records, tmp_path, gone)
    [removed] = bronze.recover(records, tmp_path, Position(JOURNAL, 4))
    assert (removed.first, removed.last) == (5, 9)
    assert on_disk(tmp_path) == ["0old-1-9.ndjson.zst", f"{JOURNAL}-1-4.ndjson.zst"]
    assert len(records.list(bronze.KIND)) == 2


def test_the_object_of_a_batch_is_found_while_its_commit_settles(tmp_path, records):
    """The lake's position moves before the list does: an event that is stored has its place at once."""
    (listed,) = store(records, tmp_path, batches(1, 4))
    (settling,) = store(records, tmp_path, batches(5, 9), settle=False)
    located = [bronze.locate(records, JOURNAL, seq) for seq in (4, 5, 9, 10)]
    assert [file and file.path for file in located] == [listed.path, settling.path, settling.path, None]
    assert bronze.locate(records, "another", 5) is None


@pytest.mark.parametrize("position", [None, Position("0old", 9), Position(JOURNAL, 2)])
def test_announced_objects_that_the_lake_does_not_cover_are_removed(tmp_path, records, position):
    """Guards mechanism 9: also when the crash came in the first commit of a new journal."""
    store(records, tmp_path, batches(3, 5), settle=False)
    (tmp_path / "bronze/year=2026/month=11/day=20/hour=10" / f".{JOURNAL}-3-5.ndjson.zst.tmp").write_bytes(b"half")
    bronze.recover(records, tmp_path, position)
    assert not [path for path in tmp_path.rglob("*zst*") if path.is_file()]
    assert records.list(bronze.KIND) == records.list(bronze.PENDING) == []


def test_announced_objects_that_the_lake_covers_are_listed(tmp_path, records):
    """Guards mechanism 9: a crash between the commit and the list must not hide an object."""
    [written] = store(records, tmp_path, batches(3, 5), settle=False)
    assert bronze.recover(records, tmp_path, Position(JOURNAL, 5)) == []
    assert bronze.locate(records, JOURNAL, 4) == written
    assert records.list(bronze.PENDING) == []


def test_objects_are_synced_with_their_names(tmp_path, records, monkeypatch):
    """Guards mechanism 8."""
    synced, sync, replace = [], os.fsync, os.replace

    def recording(handle):
        synced.append(os.readlink(f"/proc/self/fd/{handle}"))
        sync(handle)

    monkeypatch.setattr(os, "fsync", recording)
    monkeypatch.setattr(os, "replace", lambda *paths: (synced.append("rename"), replace(*paths)))
    [file] = store(records, tmp_path, batches(1, 1))
    path = tmp_path / file.path
    assert synced[-3:] == [str(path.with_name(f".{path.name}.tmp")), "rename", str(path.parent)]
    assert {str(folder) for folder in list(path.parents)[1:6]} <= set(synced)
