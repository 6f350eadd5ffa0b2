"""Bronze objects of an hour become one: nothing else changes for anybody who reads them (guards mechanism 9)."""

import datetime as dt
import random
from uuid import UUID

import pytest
import test_erase
from lake_samples import event
from test_replay import NOW, TODAY, YESTERDAY, World

from cloudpulse.batch.merge_bronze import BronzeMerger
from cloudpulse.batch.retain import Retention
from cloudpulse.batch.sweep import sweep
from cloudpulse.batch.tier import Tiering
from cloudpulse.engines.local.id_index import RocksIdIndex
from cloudpulse.events import codec
from cloudpulse.events.model import Position
from cloudpulse.ingest.rebuild import bring_up
from cloudpulse.lake import bronze, bronze_merge, digests, erased_ids
from cloudpulse.lake.erased_ids import ErasedIds
from cloudpulse.ports import Limits, Relation
from cloudpulse.serving.lookup import EventLookup
from cloudpulse.serving.relations import RAW_COLUMNS
from cloudpulse.settings import load

MINUTE = dt.timedelta(minutes=1)
DAY = dt.timedelta(days=1)
OVER = NOW + dt.timedelta(hours=3)
WINDOW = 7 * 86_400
RAW = "SELECT event_id, received_at, properties FROM raw_events ORDER BY ALL"


class Crash(BaseException):
    """Stands for the death of the process."""


def fill(world, objects=6, received_at=NOW):
    """Objects of two hours, of a few sizes; events of two days in each."""
    rng = random.Random(7)
    for number in range(objects):
        at = received_at + number * 10 * MINUTE
        ages = (dt.timedelta(hours=rng.randrange(23)), dt.timedelta(seconds=rng.randrange(90)))
        events = [event(at - rng.choice(ages), user_id=f"u{number}", session_id=f"s{n}") for n in range(number + 2)]
        world.store(events, at)


@pytest.fixture
def world(tmp_path):
    world = World(tmp_path)
    fill(world)
    yield world
    world.close()


def merge(world, now=OVER, told=None):
    merger = BronzeMerger(world.settings, world.lake, world.records, lambda: now, lambda: told)
    return merger.run(now)["bronze_objects"]


def lines(world):
    return [bronze.read(world.folder, file) for file in bronze.listed(world.records)]


def on_disk(world):
    return sorted(str(path.relative_to(world.folder)) for path in world.folder.rglob("*.zst"))


def counts(world):
    found = [one.counts for one in digests.read(world.records, world.folder)]
    assert None not in found
    total = {}
    for count in (count for counts in found for count in counts):
        key = (count.app, count.minute, count.event_type, count.live)
        total[key] = total.get(key, 0) + count.events
    return total


def raw_rows(world, paths=None):
    paths = paths or [str(bronze.place(world.folder, file)) for file in bronze.listed(world.records)]
    return world.warehouse.run(RAW, [], {"raw_events": Relation(paths, None, RAW_COLUMNS)}, Limits()).rows


def unlink_due(world, now=OVER):
    delay = dt.timedelta(seconds=world.settings.unlink_delay_seconds)
    return world.lake.collect_garbage(world.records, now + delay)


def rebuilt(world, folder):
    """What an index knows that was lost: id → (second, hash)."""
    world.log.trim(world.reader.state().head)
    index = RocksIdIndex(folder, world.reader.state().journal, 365 * 86_400)
    bring_up(index, world.reader, world.records, world.letters, world.folder, 0)
    ids = [codec.id_text(line.partition(b'"event_id"')[1] and _sent(line)) for line in _all(world)]
    keys = [UUID(text.decode()).bytes for text in ids]
    entries = index.lookup(keys, int(NOW.timestamp()))
    assert None not in entries
    assert index.through() == world.reader.state().trimmed
    return index, dict(zip(keys, entries, strict=True))


def _all(world):
    return b"".join(lines(world)).splitlines()


def _sent(line):
    return b"{" + line[line.index(b'"event_id"') :]


def test_objects_of_an_hour_become_one_with_the_same_lines(world):
    before, said, held, rows = lines(world), bronze.listed(world.records), counts(world), raw_rows(world)
    assert len(before) == 6
    assert merge(world) == 6
    [first, second] = found = bronze.listed(world.records)
    assert lines(world) == [b"".join(before[:3]), b"".join(before[3:])]
    assert [(one.first, one.last) for one in found] == [(1, 3), (4, 6)]
    assert (first.n, second.n) == (sum(one.n for one in said[:3]), sum(one.n for one in said[3:]))
    assert first.min_ts == min(one.min_ts for one in said[:3])
    assert second.max_ts == max(one.max_ts for one in said[3:])
    assert second.stored_at == said[-1].stored_at
    assert sorted(world.records.list(bronze.DIGESTS))[0][0] == first.key
    assert len(world.records.list(bronze.DIGESTS)) == 2
    assert counts(world) == held
    assert all(bronze.fault(world.folder, one) is None for one in found)
    assert raw_rows(world) == rows
    assert world.ledger.report(deep=True).gaps == []
    assert unlink_due(world) == 6
    assert len(on_disk(world)) == 2
    assert merge(world) == 0, "nothing is left to merge"
    assert world.ledger.report(deep=True).gaps == []


def test_what_is_noted_of_the_parts_is_noted_of_the_whole(world):
    """The whole is counted from its lines, as if nothing were noted, and that is what is noted."""
    merge(world)
    noted = counts(world)
    world.records.delete(bronze.DIGESTS, [key for key, _ in world.records.list(bronze.DIGESTS)])
    assert counts(world) == noted


def test_a_part_of_which_nothing_is_noted_is_counted_again(world):
    held = counts(world)
    world.records.delete(bronze.DIGESTS, [bronze.listed(world.records)[1].key])
    merge(world)
    assert counts(world) == held


def test_a_replay_finds_nothing_to_change(world):
    merge(world)
    unlink_due(world)
    first = YESTERDAY - 3 * DAY
    assert world.replay(first, TODAY)["changed"] is False
    rows = world.rows()
    for file in world.lake.live_files():
        world.lake.swap([file], [])
    world.replay(first, TODAY)
    assert [row["event_id"] for row in world.rows()] == [row["event_id"] for row in rows]


def test_an_hour_is_left_alone_until_it_has_been_over_for_an_hour(world):
    assert merge(world, NOW.replace(hour=11, minute=59)) == 0
    assert merge(world, NOW.replace(hour=12, minute=0)) == 3
    assert [(one.first, one.last) for one in bronze.listed(world.records)] == [(1, 3), (4, 4), (5, 5), (6, 6)]
    assert merge(world, NOW.replace(hour=13, minute=0)) == 3


def test_what_comes_late_into_an_hour_joins_it(world):
    merge(world)
    world.store([event(NOW)], NOW + 59 * MINUTE)
    world.store([event(NOW)], NOW)
    assert merge(world) == 2, "neighbours alone, in the order of the journal"
    assert [(one.first, one.last) for one in bronze.listed(world.records)] == [(1, 3), (4, 7), (8, 8)]
    assert world.ledger.report(deep=True).gaps == []


def test_no_object_becomes_larger_than_the_limit(world, monkeypatch):
    before = lines(world)
    monkeypatch.setattr(bronze_merge, "MAX_BYTES", len(before[0]) + len(before[1]))
    assert merge(world) == 2
    assert bronze.listed(world.records)[0].last == 2
    assert lines(world) == [before[0] + before[1], *before[2:]]
    assert merge(world) == 0


def test_an_object_that_notes_no_size_is_measured(world, monkeypatch):
    before = lines(world)
    for file in bronze.listed(world.records):
        document = world.records.get(bronze.KIND, file.key)
        del document["size"]
        world.records.put(bronze.KIND, {file.key: document})
    monkeypatch.setattr(bronze_merge, "MAX_BYTES", len(before[0]) + len(before[1]))
    assert merge(world) == 2
    assert bronze.listed(world.records)[0].size == len(before[0]) + len(before[1])


def test_a_damaged_object_stays_what_it_is_and_so_do_its_neighbours(world):
    before, file = bronze.listed(world.records), bronze.listed(world.records)[1]
    path = bronze.place(world.folder, file)
    path.write_bytes(path.read_bytes()[:-1])
    assert merge(world) == 3
    assert bronze.listed(world.records)[:3] == before[:3]
    path.unlink()
    assert merge(world) == 0
    assert bronze.listed(world.records)[:3] == before[:3]


def test_what_the_lake_does_not_hold_yet_is_the_writer_s(world):
    before = bronze.listed(world.records)
    position = Position(before[0].journal, 2)
    plan = list(bronze_merge.plan(world.records, world.folder, position, None, OVER))
    assert plan == [before[:2]]


def test_objects_of_which_nobody_was_told_yet_stay_apart(world):
    merge(world, told=Position(world.reader.state().journal, 2))
    assert [(one.first, one.last) for one in bronze.listed(world.records)] == [(1, 2), (3, 3), (4, 6)]


def test_without_room_nothing_is_merged(world):
    world.settings = load({"data": world.folder, "min_free_bytes": 1 << 60})
    assert merge(world) == 0
    assert len(bronze.listed(world.records)) == 6


def test_a_lost_index_comes_back_as_it_would_have(world, tmp_path):
    """Guards mechanism 3: every id with the second in which it came, whatever object holds it."""
    index, before = rebuilt(world, tmp_path / "before")
    index.close()
    merge(world)
    unlink_due(world)
    index, after = rebuilt(world, tmp_path / "after")
    index.close()
    assert {key: (one.received_at, one.payload_hash) for key, one in after.items()} == {
        key: (one.received_at, one.payload_hash) for key, one in before.items()
    }


def test_each_event_is_found_where_it_lies(world, tmp_path):
    index, _ = rebuilt(world, tmp_path / "ids")
    lookup = EventLookup(world.folder, index, world.reader, world.snapshots, world.records, world.letters)
    whole, _ = bronze.listed(world.records)[0], merge(world)
    assert whole not in bronze.listed(world.records)
    unlink_due(world)
    for file in bronze.listed(world.records):
        for line in bronze.read(world.folder, file).splitlines():
            status = lookup.find(UUID(codec.id_text(_sent(line)).decode()))
            assert (status.status, status.location.path) == ("stored", file.path)
    index.close()


@pytest.mark.parametrize("apart", [MINUTE, dt.timedelta()])
def test_an_object_that_is_merged_while_the_index_comes_back_is_read_again(tmp_path, apart):
    """Guards mechanism 3: also where its first half is known, and all of it came in one second."""
    world = World(tmp_path)
    for number in range(6):
        world.store([event(NOW)], NOW + number * apart)
    world.log.trim(6)
    index = RocksIdIndex(tmp_path / "ids", world.reader.state().journal, 365 * 86_400)
    record, seen = index.record, []

    def record_and_merge(batch):
        if batch.seq == 3 and not seen[3:]:
            merge(world)
            unlink_due(world)
        seen.append(batch.seq)
        record(batch)

    index.record = record_and_merge
    bring_up(index, world.reader, world.records, world.letters, world.folder, 0)
    keys = [UUID(codec.id_text(_sent(line)).decode()).bytes for line in _all(world)]
    assert None not in index.lookup(keys, int(NOW.timestamp()))
    assert (seen == sorted(seen), index.through()) == (True, 6)
    index.close()
    world.close()


def test_who_has_the_old_list_still_reads_what_it_names(world):
    paths = [str(bronze.place(world.folder, file)) for file in bronze.listed(world.records)]
    rows = raw_rows(world)
    merge(world)
    assert raw_rows(world, paths) == rows


def test_a_deep_check_that_began_before_misses_nothing(world, monkeypatch):
    """Guards mechanism 18: what it has listed may be gone when it comes to read it."""
    old = bronze.listed(world.records)
    merge(world)
    unlink_due(world)
    monkeypatch.setattr(bronze, "walk", lambda _: iter(old))
    assert world.ledger.report(deep=True).gaps == []


@pytest.mark.parametrize("moment", ["half written", "written", "exchanged"])
def test_a_death_loses_and_doubles_nothing(world, monkeypatch, moment):
    before, rows, held = lines(world), raw_rows(world), counts(world)
    exchange = world.records.exchange

    def die(*arguments):
        if moment == "exchanged":
            exchange(*arguments)
        raise Crash

    def die_half_way(path, pieces, size):
        path.with_name(f".{path.name}.tmp").write_bytes(b"half")
        raise Crash

    with monkeypatch.context() as patch:
        patch.setattr(world.records, "exchange", die)
        if moment == "half written":
            patch.setattr(bronze, "write_pieces", die_half_way)
        with pytest.raises(Crash):
            merge(world)
    assert b"".join(lines(world)) == b"".join(before)
    assert (raw_rows(world), counts(world)) == (rows, held)
    assert world.ledger.report(deep=True).gaps == []
    assert merge(world) == (3 if moment == "exchanged" else 6)
    assert b"".join(lines(world)) == b"".join(before)
    far = dt.datetime.now(dt.UTC) + 3 * DAY
    sweep(world.settings, world.lake, world.records, world.folder / "tail", far)
    unlink_due(world, far)
    assert on_disk(world) == sorted(file.path for file in bronze.listed(world.records))
    assert list(world.folder.rglob(".*.tmp")) == []
    assert world.ledger.report(deep=True).gaps == []
    assert raw_rows(world) == rows


def test_an_orphan_that_waits_to_be_unlinked_takes_no_new_object_with_it(world, monkeypatch):
    """A second try makes an object of the same batches, before the first one's file has gone."""
    with monkeypatch.context() as patch:
        patch.setattr(world.records, "exchange", lambda *_: (_ for _ in ()).throw(Crash))
        with pytest.raises(Crash):
            merge(world)
    far = dt.datetime.now(dt.UTC) + 3 * DAY
    assert sweep(world.settings, world.lake, world.records, world.folder / "tail", far)["bronze_objects"] == 1
    merge(world, far)
    unlink_due(world, far)
    assert on_disk(world) == sorted(file.path for file in bronze.listed(world.records))
    assert world.ledger.report(deep=True).gaps == []


def test_objects_in_a_tier_folder_stay_there_and_merged_ones_move_there(tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "tier").mkdir()
    world = World(tmp_path / "data", tier_folder=str(tmp_path / "tier"), tier_days=30)
    fill(world, received_at=NOW - 60 * DAY)
    fill(world, received_at=NOW - 31 * DAY)

    def tier(now):
        return Tiering(world.settings, world.lake, world.records, lambda: now).run(now)["objects"]

    assert tier(NOW - 29 * DAY) == 6
    held = world.ledger.report(deep=True).ledger
    assert merge(world) == 6
    assert tier(OVER) == 2
    assert len(bronze.listed(world.records)) == 8
    unlink_due(world)
    report = world.ledger.report(deep=True)
    assert (report.gaps, report.ledger) == ([], held)
    world.close()


def test_merged_objects_go_at_their_age(tmp_path):
    world = World(tmp_path, retain_days=30)
    fill(world, received_at=NOW - 60 * DAY)
    fill(world)
    merge(world)
    done = Retention(world.settings, world.lake, world.records, lambda: OVER).run(OVER)
    assert done["bronze_objects"] == 2
    unlink_due(world)
    assert world.ledger.report(deep=True).gaps == []
    assert len(on_disk(world)) == 2
    world.close()


def test_an_erasure_finds_its_events_in_a_merged_object(tmp_path):
    world = test_erase.World(tmp_path)
    for number in range(6):
        at = NOW + number * 5 * MINUTE
        world.store(*(test_erase.of(name, timestamp=at) for name in ("ada", "bob", "ada")), received_at=at)
    world.now = OVER
    assert merge(world) == 6
    record = world.erase(world.request(until=OVER))
    assert (record["removed"]["bronze"], record["removed"]["silver"]["events"]) == ({"events": 12, "objects": 1}, 12)
    assert world.totals() == (6, 12)
    kept = b"".join(lines(world))
    assert (kept.count(b"bob"), kept.count(b"ada")) == (6, 0)
    [file] = bronze.listed(world.records)
    assert file.size == len(kept)
    for path in tmp_path.joinpath("bronze").rglob("*.zst"):
        assert b"ada" not in codec.decompress(path.read_bytes())
    world.close()


def test_an_erased_id_is_known_whatever_lies_within_its_object(tmp_path):
    """An object that was merged holds batches of which others were erased before."""
    world = World(tmp_path)
    wide, narrow = bytes(range(16)), bytes(range(1, 17))
    for first, last, event_id in ((1, 9, wide), (4, 5, narrow)):
        ids = ErasedIds(journal="j", first=first, last=last, known_since=0, ids=event_id + bytes(9))
        world.records.put(erased_ids.KIND, ids.document(f"{first}"))
    assert erased_ids.is_erased(world.records, "j", 2, wide)
    assert erased_ids.is_erased(world.records, "j", 4, narrow)
    assert not erased_ids.is_erased(world.records, "j", 2, narrow)
    assert not erased_ids.is_erased(world.records, "j", 10, wide)
    world.close()
