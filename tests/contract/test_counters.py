"""What every engine's ``Counters`` promises; guards mechanism 15: counts and checkpoint move in one step."""

from collections.abc import Iterator

import pytest
from differences import not_on_aws

from cloudpulse.events import sketch
from cloudpulse.events.model import Position
from cloudpulse.ports import Counters, MinuteCount

NO_ORDER = "Batches have no order on AWS, so that counters stand at no position."

FIRST, SECOND = Position("journal", 1), Position("journal", 2)
VIEWS, CLICKS = MinuteCount("shop", 100, "page_view", 3), MinuteCount("shop", 101, "click", 2)


def counts(counters: Counters) -> list[MinuteCount]:
    return counters.range(0, 1_000_000).counts


def sessions(counters: Counters) -> int:
    return sketch.estimate(stored for _, _, stored in counters.range(0, 1_000_000).sessions)


def test_new_counters_have_no_position_and_no_counts(counters: Counters) -> None:
    live = counters.range(0, 1_000_000)
    assert counters.position() is None
    assert (live.position, live.counts, live.sessions) == (None, [], [])


def test_counts_add_up(counters: Counters) -> None:
    assert counters.apply(None, FIRST, [VIEWS], {})
    assert counters.apply(FIRST, SECOND, [VIEWS, CLICKS], {})
    assert counts(counters) == [MinuteCount("shop", 100, "page_view", 6), CLICKS]


@not_on_aws("counters", NO_ORDER)
def test_the_position_moves_with_the_counts(counters: Counters) -> None:
    assert counters.apply(None, FIRST, [VIEWS], {})
    assert counters.apply(FIRST, SECOND, [], {})
    assert counters.range(0, 1000).position == counters.position() == SECOND


def test_a_batch_that_is_counted_changes_nothing_again(counters: Counters) -> None:
    assert counters.apply(None, FIRST, [VIEWS], {("shop", 100): sketch.of(["a"])})
    assert not counters.apply(None, FIRST, [VIEWS], {("shop", 100): sketch.of(["b"])})
    assert counts(counters) == [VIEWS]
    assert sessions(counters) == 1


@not_on_aws("counters", NO_ORDER)
def test_a_step_from_where_the_counters_no_longer_stand_changes_nothing(counters: Counters) -> None:
    fresh = {("shop", 100): sketch.of(["a"])}
    assert counters.apply(None, FIRST, [VIEWS], fresh)
    for expected in (None, SECOND, Position("another", 1)):
        assert not counters.apply(expected, SECOND, [VIEWS], {("shop", 100): sketch.of(["b"])})
    assert counters.position() == FIRST
    assert counts(counters) == [VIEWS]
    assert sessions(counters) == 1


def test_a_step_that_fails_half_way_leaves_nothing(counters: Counters) -> None:
    def failing() -> Iterator[MinuteCount]:
        yield VIEWS
        raise RuntimeError("half way")

    assert counters.apply(None, FIRST, [CLICKS], {})
    with pytest.raises(RuntimeError, match="half way"):
        counters.apply(FIRST, SECOND, failing(), {})
    assert counts(counters) == [CLICKS]
    assert counters.apply(FIRST, SECOND, [VIEWS], {})


def test_a_damaged_sketch_takes_the_counts_of_its_step_back(counters: Counters) -> None:
    assert counters.apply(None, FIRST, [], {("shop", 100): sketch.of(["a"])})
    with pytest.raises(ValueError, match="damaged"):
        counters.apply(FIRST, SECOND, [VIEWS], {("shop", 100): b"\x03\x03\x03"})
    assert counts(counters) == []
    assert counters.apply(FIRST, SECOND, [VIEWS], {})


def test_sketches_of_one_minute_are_merged(counters: Counters) -> None:
    assert counters.apply(None, FIRST, [], {("shop", 100): sketch.of(["a", "b"]), ("blog", 100): sketch.of(["x"])})
    assert counters.apply(FIRST, SECOND, [], {("shop", 100): sketch.of(["b", "c"]), ("shop", 101): sketch.of(["a"])})
    stored = {(app, minute): sketch.estimate([body]) for app, minute, body in counters.range(0, 1_000_000).sessions}
    assert stored == {("shop", 100): 3, ("blog", 100): 1, ("shop", 101): 1}
    assert sessions(counters) == 4


def test_a_range_includes_both_its_ends(counters: Counters) -> None:
    rows = [MinuteCount("shop", minute, "click", minute) for minute in (9, 10, 11, 12, 13)]
    bodies = {("shop", row.minute): sketch.of([str(row.minute)]) for row in rows}
    assert counters.apply(None, FIRST, rows, bodies)
    live = counters.range(10, 12)
    assert [row.minute for row in live.counts] == [10, 11, 12]
    assert [minute for _, minute, _ in live.sessions] == [10, 11, 12]


def test_a_replaced_range_has_what_is_given_alone(counters: Counters) -> None:
    """Guards mechanism 16: a range is swapped as a whole, the rest and the position stay."""
    before, after = MinuteCount("shop", 99, "click", 1), MinuteCount("shop", 102, "click", 1)
    bodies = {("shop", minute): sketch.of(["a", "b"]) for minute in (99, 100, 101, 102)}
    assert counters.apply(None, FIRST, [before, VIEWS, CLICKS, after], bodies)
    repaired = MinuteCount("shop", 100, "error", 7)
    assert counters.replace(FIRST, 100, 101, [repaired], {("shop", 100): sketch.of(["a", "c", "d"])})
    live = counters.range(0, 1_000_000)
    assert live.counts == [before, repaired, after]
    assert [(minute, sketch.estimate([body])) for _, minute, body in live.sessions] == [(99, 2), (100, 3), (102, 2)]
    assert live.position == counters.position()


@not_on_aws("counters", NO_ORDER)
def test_a_range_is_not_replaced_once_the_counters_moved_on(counters: Counters) -> None:
    """Guards mechanism 16."""
    assert counters.apply(None, SECOND, [VIEWS], {("shop", 100): sketch.of(["a"])})
    assert not counters.replace(FIRST, 0, 1000, [], {})
    assert counts(counters) == [VIEWS]
    assert sessions(counters) == 1


def test_a_replacement_that_fails_half_way_leaves_all_as_it_was(counters: Counters) -> None:
    """Guards mechanism 16."""

    def failing() -> Iterator[MinuteCount]:
        yield CLICKS
        raise RuntimeError("half way")

    assert counters.apply(None, FIRST, [VIEWS], {("shop", 100): sketch.of(["a"])})
    with pytest.raises(RuntimeError, match="half way"):
        counters.replace(FIRST, 0, 1000, failing(), {})
    assert counts(counters) == [VIEWS]
    assert sessions(counters) == 1


def test_a_range_without_sessions(counters: Counters) -> None:
    assert counters.apply(None, FIRST, [VIEWS], {("shop", 100): sketch.of(["a"])})
    live = counters.range(0, 1000, with_sessions=False)
    assert (live.position, live.counts, live.sessions) == (counters.position(), [VIEWS], [])


@not_on_aws("counters", "DynamoDB removes minutes by itself, within days of their time.")
def test_expired_minutes_go_with_their_sketches(counters: Counters) -> None:
    bodies = {("shop", 100): sketch.of(["a"]), ("shop", 101): sketch.of(["b"])}
    assert counters.apply(None, FIRST, [VIEWS, CLICKS], bodies)
    assert counters.expire(101) == 2
    live = counters.range(0, 1_000_000)
    assert live.counts == [CLICKS]
    assert [minute for _, minute, _ in live.sessions] == [101]
    assert live.position == FIRST
    assert counters.expire(101) == 0
