"""What a query reads, what it leaves alone, and that it sees every event once whatever moves meanwhile."""

import datetime as dt
import random
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest
from query_world import NOW, World, batch_of, random_event

from cloudpulse.errors import StoreError, UserError
from cloudpulse.events.model import Position
from cloudpulse.events.times import UTC, rfc3339
from cloudpulse.lake.snapshot import Snapshot
from cloudpulse.serving.query import QueryService

FIRST = dt.datetime(2026, 3, 27, tzinfo=UTC)
DAYS = ("2026-03-27", "2026-04-02")
ROWS_BY_TYPE = {
    "event_count": {},
    "timeseries": {"interval": "day"},
    "top_sessions": {"limit": 100},
    "breakdown": {"by": "source"},
}


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    world = World(tmp_path)
    yield world
    world.close()


def accept(world: World, batches: int, events: int = 60, seed: int = 1) -> None:
    rng = random.Random(seed)
    for _ in range(batches):
        world.accept([random_event(rng, FIRST, NOW) for _ in range(events)])


def total(world: World, query_type: str = "event_count", **others: object) -> int:
    rows = world.rows(query_type, *DAYS, **ROWS_BY_TYPE[query_type], **others)
    return sum(row["event_count"] for row in rows)


def unlink(world: World, gone: Callable[..., bool]) -> None:
    for file in world.snapshots.current().files:
        if gone(file):
            Path(file.path).unlink()


class Between:
    """Snapshots that let something happen after the first one was taken, before anything else is read."""

    def __init__(self, world: World, happen: Callable[[], None]) -> None:
        self._world = world
        self._happen: Callable[[], None] | None = happen

    def current(self) -> Snapshot:
        snapshot = self._world.snapshots.current()
        happen, self._happen = self._happen, None
        if happen:
            happen()
        return snapshot


def interrupted(world: World, happen: Callable[[], None]) -> None:
    """From now on the world's service meets ``happen`` in the middle of its first query."""
    snapshots = Between(world, happen)
    world.service = QueryService(world.settings, world.executor(snapshots))


class TestReadsOnlyWhatItNeeds:
    def test_whole_days_are_counted_without_opening_a_file(self, world):
        accept(world, 3)
        world.to_lake(2)
        unlink(world, lambda file: True)
        answer = world.ask("event_count", *DAYS)
        assert sum(row.event_count for row in answer.results) == 180
        assert answer.scanned_bytes == 0
        assert total(world, "timeseries") == 180

    @pytest.mark.parametrize("query_type", ["top_sessions", "breakdown"])
    def test_files_of_other_days_and_types_are_not_opened(self, world, query_type):
        accept(world, 2)
        world.to_lake(2)
        wanted = [
            file
            for file in world.snapshots.current().files
            if file.day == dt.date(2026, 3, 28) and file.event_type == "click"
        ]
        unlink(world, lambda file: file not in wanted)
        answer = world.ask(query_type, "2026-03-28", "2026-03-28", event_type="click", **ROWS_BY_TYPE[query_type])
        assert sum(row["event_count"] for row in msgspec.to_builtins(answer.results)) == sum(f.rows for f in wanted)
        assert answer.scanned_bytes == sum(file.bytes for file in wanted) > 0

    def test_files_beyond_the_hours_of_a_zone_are_not_opened(self, world):
        """Midnight in Kolkata is 18:30 UTC: the UTC day before is opened only where it reaches beyond that."""
        early = random_event(random.Random(1), FIRST, FIRST + dt.timedelta(hours=18))
        late = random_event(random.Random(2), FIRST + dt.timedelta(days=1), FIRST + dt.timedelta(days=1, hours=5))
        for event in (early, late):
            event.event_type = "click"
        world.accept([early, late])
        world.to_lake(1)
        unlink(world, lambda file: file.day == FIRST.date())
        rows = world.rows("breakdown", "2026-03-28", "2026-03-28", tz="Asia/Kolkata", by="app")
        assert [row["event_count"] for row in rows] == [1]

    def test_errors_stop_at_the_day_that_has_enough(self, world):
        accept(world, 4)
        world.to_lake(4)
        unlink(world, lambda file: file.day < dt.date(2026, 4, 1))
        answer = world.ask("errors", *DAYS, limit=2)
        assert len(answer.results) == 2
        files = [file for file in world.snapshots.current().files if file.event_type == "error"]
        assert 0 < answer.scanned_bytes < sum(file.bytes for file in files) / 2

    def test_errors_newer_than_the_lake_need_no_file(self, world):
        accept(world, 1)
        world.to_lake(1)
        events = [random_event(random.Random(n), NOW, NOW) for n in range(60)]
        world.accept(events)
        unlink(world, lambda file: True)
        assert world.ask("errors", *DAYS, limit=3).scanned_bytes == 0

    def test_a_query_over_the_cap_says_how_to_narrow_it(self, tmp_path):
        world = World(tmp_path, query_max_scanned_bytes=1000)
        accept(world, 2)
        world.to_lake(2)
        with pytest.raises(UserError, match="fewer days or for one event_type"):
            world.ask("breakdown", *DAYS, by="page")
        assert total(world) == 120  # counting from metadata scans nothing
        world.close()


class TestCache:
    def test_the_same_question_over_the_same_files_is_answered_from_memory(self, world):
        accept(world, 2)
        world.to_lake(2)
        first, second = (world.ask("top_sessions", *DAYS) for _ in range(2))
        assert (first.cached, second.cached) == (False, True)
        assert second.results == first.results
        assert second.scanned_bytes == 0

    def test_the_tail_is_never_from_memory(self, world):
        """Guards mechanism 14."""
        accept(world, 2)
        world.to_lake(2)
        filters = {"app": "shop"}
        before = [total(world, query_type, filters=filters) for query_type in ROWS_BY_TYPE]
        rng = random.Random(5)
        world.accept([random_event(rng, FIRST, NOW) for _ in range(40)])
        truth = sum(row["app"] == "shop" for row in world.truth)
        after = [total(world, query_type, filters=filters) for query_type in ROWS_BY_TYPE]
        assert max(before) < truth
        assert set(after) == {truth}

    def test_a_tail_of_other_days_does_not_spoil_it(self, world):
        accept(world, 1)
        world.to_lake(1)
        world.accept([random_event(random.Random(3), NOW - dt.timedelta(hours=1), NOW)])
        answers = [world.ask("uniques", "2026-03-27", "2026-03-30") for _ in range(2)]
        assert [answer.cached for answer in answers] == [False, True]

    def test_a_commit_of_today_leaves_older_days_in_memory(self, world):
        accept(world, 1)
        today = [random_event(random.Random(n), NOW - dt.timedelta(hours=9), NOW) for n in range(90)]
        world.accept(today)
        world.to_lake(1)
        world.ask("timeseries", *DAYS)
        world.to_lake(2)
        answer = world.ask("timeseries", *DAYS)
        assert sum(row.event_count for row in answer.results) == 150
        files = [file for file in world.snapshots.current().files if file.day == NOW.date()]
        assert 0 < answer.scanned_bytes <= sum(file.bytes for file in files)

    def test_new_files_are_a_new_question(self, world):
        accept(world, 2)
        world.to_lake(1)
        world.ask("breakdown", *DAYS, by="app")
        world.to_lake(2)
        answer = world.ask("breakdown", *DAYS, by="app")
        assert not answer.cached
        assert sum(row["event_count"] for row in answer.results) == 120


class TestConsistentView:
    """Guards mechanisms 12 and 13."""

    @pytest.mark.parametrize("query_type", ROWS_BY_TYPE)
    def test_a_trim_between_lake_and_log_starts_over(self, world, query_type):
        accept(world, 3)
        world.to_lake(1)

        def move() -> None:
            world.to_lake(3)
            world.log.trim(3)

        interrupted(world, move)
        assert total(world, query_type, filters={}) == 180

    @pytest.mark.parametrize("query_type", ROWS_BY_TYPE)
    def test_a_commit_between_lake_and_log_counts_nothing_twice(self, world, query_type):
        accept(world, 3)
        world.to_lake(1)
        interrupted(world, lambda: world.to_lake(3))
        assert total(world, query_type) == 180

    def test_tail_files_that_go_meanwhile_are_made_up_for_by_the_journal(self, world):
        accept(world, 3)
        world.to_lake(1)
        world.to_tail_file(1, 3)

        def move() -> None:
            world.to_lake(3)
            world.prune_tail()

        interrupted(world, move)
        assert total(world, "top_sessions") == 180

    def test_a_file_that_was_merged_away_meanwhile_starts_over(self, world):
        accept(world, 2)
        world.to_lake(1)
        stale = world.snapshots.current()

        def move() -> None:
            world.to_lake(2)
            files = list(world.lake._table.scan().plan_files())
            table = world.chunk(0, 2).table
            assert world.lake.replace([file.file for file in files], table)
            for file in stale.files:
                Path(file.path).unlink()

        interrupted(world, move)
        assert total(world, "breakdown") == 120

    def test_a_file_that_is_gone_for_good_is_an_error_of_ours(self, world):
        accept(world, 1)
        world.to_lake(1)
        unlink(world, lambda file: True)
        with pytest.raises(StoreError):
            world.ask("breakdown", *DAYS, by="app")

    def test_every_answer_is_right_while_events_come_and_move(self, world):
        """An event that was accepted before the question is in the answer, and none is in it twice."""
        accept(world, 1)
        done = threading.Event()

        def move() -> None:
            rng = random.Random(9)
            for seq in range(2, 14):
                world.accept([random_event(rng, FIRST, NOW) for _ in range(20)])
                position = world.lake.position()
                reached = position.seq if position else 0
                if seq % 3 == 0:
                    world.to_tail_file(reached, seq - 1)
                if seq % 4 == 0:
                    world.to_lake(seq - 1)
                    world.prune_tail()
                    world.log.trim(seq - 1)
            done.set()

        mover = threading.Thread(target=move)
        mover.start()
        while not done.is_set():
            for query_type in ROWS_BY_TYPE:
                accepted = world.reader.state().accepted
                answered = total(world, query_type)
                assert accepted <= answered <= world.reader.state().accepted
        mover.join()
        assert {total(world, query_type) for query_type in ROWS_BY_TYPE} == {60 + 12 * 20}

    def test_the_position_of_another_journal_leaves_nothing_out(self, world):
        accept(world, 2)
        chunk = world.chunk(0, 1)
        world.lake.append(chunk.table.slice(0, 0), None, Position("another", 99))
        assert total(world) == total(world, "top_sessions") == 120

    def test_a_batch_that_cannot_be_decoded_adds_no_rows(self, world):
        accept(world, 1)
        damaged = msgspec.structs.replace(batch_of([random_event(random.Random(4), FIRST, NOW)]), lines=b"damaged")
        world.log.append(damaged)
        assert total(world, "top_sessions") == 60

    @pytest.mark.parametrize("query_type", ["event_count", "top_sessions"])
    @pytest.mark.parametrize("tail_file", [False, True])
    def test_a_dead_letter_of_the_counters_that_is_tried_again_is_in_the_lake_already(
        self, world, query_type, tail_file
    ):
        """Guards mechanism 17; that of the lake is seen as soon as it is in the journal."""
        accept(world, 1)
        again = [batch_of([random_event(random.Random(seed), FIRST, NOW)]) for seed in (4, 5)]
        world.log.append(msgspec.structs.replace(again[0], redrive_of="speed:j:1"))
        world.log.append(msgspec.structs.replace(again[1], redrive_of="lake:j:1"))
        if tail_file:
            world.to_tail_file(0, 1)
        assert total(world, query_type) == 61


class TestCompleteUntil:
    def test_it_is_now_when_the_tail_is_in_the_answer(self, world):
        accept(world, 1)
        assert world.ask("top_sessions", *DAYS).complete_until == rfc3339(NOW)

    def test_a_tail_beyond_the_bound_is_left_out_and_it_says_so(self, tmp_path):
        world = World(tmp_path, tail_max_events=100)
        accept(world, 3)
        world.to_lake(1)
        answer = world.ask("top_sessions", *DAYS, limit=100)
        assert sum(row.event_count for row in answer.results) == 60
        assert answer.complete_until < rfc3339(NOW)
        assert total(world) == 180  # digests have no bound
        assert world.ask("event_count", *DAYS).complete_until == rfc3339(NOW)
        world.close()
