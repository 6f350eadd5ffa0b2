"""What is let in, what is refused and why, and who may be trimmed."""

import threading

import pytest

from cloudpulse.errors import Overloaded
from cloudpulse.ingest import limits
from cloudpulse.ingest.limits import RESERVE_NAME, Gate, Reserve, refusal
from cloudpulse.ops.progress import STALL_SECONDS, Progress, TrimBound
from cloudpulse.ports import LogState
from cloudpulse.settings import Settings

NOW = 1_800_000_000_000_000
PLENTY = 1 << 50


def state(**fields) -> LogState:
    given = {
        "journal": "j", "head": 9, "trimmed": 3, "accepted": 60, "stored_bytes": 100,
        "oldest_received_at": NOW, "last_received_at": NOW,
    } | fields  # fmt: skip
    return LogState(**given)


def test_the_gate_bounds_what_waits():
    gate = Gate(10, lambda: False)
    gate.enter(6)
    gate.enter(4)
    with pytest.raises(Overloaded) as raised:
        gate.enter(1)
    assert raised.value.retry_after_seconds >= 1
    gate.leave(6)
    gate.enter(6)


def test_one_large_request_passes_an_empty_gate():
    """Or it would never pass."""
    gate = Gate(10, lambda: False)
    gate.enter(50)
    with pytest.raises(Overloaded):
        gate.enter(1)
    gate.leave(50)
    gate.enter(1)


def test_a_refusal_is_told_to_everybody():
    gate = Gate(10, lambda: False)
    gate.refusal = "The disk is full."
    with pytest.raises(Overloaded, match="disk is full"):
        gate.enter(1)
    gate.refusal = None
    gate.enter(10)


def test_the_gate_counts_right_between_threads():
    gate = Gate(1_000_000, lambda: False)

    def come_and_go():
        for _ in range(2_000):
            gate.enter(3)
            gate.leave(3)

    threads = [threading.Thread(target=come_and_go) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    gate.enter(999_999)
    gate.enter(1)


@pytest.mark.parametrize(
    ("fields", "free", "said"),
    [
        ({}, PLENTY, None),
        ({"oldest_received_at": None}, PLENTY, None),
        ({}, 256 * 1024 * 1024, None),
        ({}, 256 * 1024 * 1024 - 1, "255 MiB are free"),
        ({"stored_bytes": 4 << 30}, PLENTY, None),
        ({"stored_bytes": (4 << 30) + 1}, PLENTY, "4096 MiB"),
        ({"oldest_received_at": NOW - 21_600_999_999}, PLENTY, None),
        ({"oldest_received_at": NOW - 21_601_000_000}, PLENTY, "21601 seconds behind"),
    ],
)
def test_when_and_why_new_events_are_refused(fields, free, said):
    found = refusal(state(**fields), free, Settings(), NOW)
    assert found is None if said is None else said in found


def test_when_a_disk_is_full(tmp_path, monkeypatch):
    settings = Settings(data=tmp_path, min_free_bytes=300 << 20)
    for free, full in ((300 << 20, False), ((300 << 20) - 1, True)):
        monkeypatch.setattr(limits, "free_bytes", lambda _, free=free: free)
        assert limits.is_full(settings) is full


def test_the_reserve_takes_space_and_gives_it_back(tmp_path):
    """Guards mechanism 6: trimming a full disk needs space too."""
    reserve = Reserve(tmp_path, 1 << 20)
    path = tmp_path / RESERVE_NAME
    reserve.keep()
    assert path.stat().st_size == 1 << 20
    assert path.stat().st_blocks * 512 >= 1 << 20, "really taken, not a hole"
    reserve.keep()
    reserve.release()
    reserve.release()
    assert not path.exists()


def test_no_reserve_is_taken_where_space_is_short(tmp_path, monkeypatch):
    monkeypatch.setattr(limits, "free_bytes", lambda _: (4 << 20) - 1)
    Reserve(tmp_path, 1 << 20).keep()
    assert not (tmp_path / RESERVE_NAME).exists()


def test_a_reserve_of_nothing(tmp_path):
    """The setting may be 0."""
    Reserve(tmp_path, 0).keep()
    Reserve(tmp_path, 0).release()


def test_a_consumer_that_stands_still_is_named():
    progress = Progress()
    progress.observe(0, 5, {"speed": 5, "lake": 2})
    assert progress.lags() == {"speed": 0, "lake": 3}
    progress.observe(STALL_SECONDS["lake"], 5, {"speed": 5, "lake": 2})
    assert progress.stalled(STALL_SECONDS["lake"]) is None
    said = progress.stalled(STALL_SECONDS["lake"] + 1)
    assert said is not None
    assert said.startswith("lake has 3 batches to do")


def test_a_consumer_that_moves_does_not_stand_still():
    progress = Progress()
    for now in range(0, 400, 10):
        progress.observe(now, 1_000, {"speed": now, "lake": now})
        assert progress.stalled(now + 10) is None


def test_a_consumer_without_work_does_not_stand_still():
    progress = Progress()
    progress.observe(0, 7, {"speed": 7, "lake": 7})
    progress.observe(10_000, 7, {"speed": 7, "lake": 7})
    progress.observe(10_001, 8, {"speed": 7, "lake": 7})
    assert progress.stalled(10_002) is None
    progress.observe(10_020, 8, {"speed": 7, "lake": 7})
    assert progress.stalled(10_020).startswith("speed")


def test_a_row_is_trimmed_only_when_all_had_passed_it_for_so_long():
    """Guards mechanisms 8 and 12: readers of the lake need a moment to meet the journal where it ends."""
    bound = TrimBound(60)
    assert bound.observe(0, 10) == 0
    assert bound.observe(30, 20) == 0
    assert bound.observe(59, 25) == 0
    assert bound.observe(60, 30) == 10
    assert bound.observe(89, 40) == 10
    assert bound.observe(200, 50) == 40
    assert bound.observe(260, 50) == 50


def test_without_a_delay_the_bound_follows_at_once():
    bound = TrimBound(0)
    assert [bound.observe(now, now * 10) for now in (1, 2)] == [10, 20]
