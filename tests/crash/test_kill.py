"""kill -9 under load, at every durable step and at random moments (guards mechanisms 1, 2, 3, 7, 8, 9, 15)."""

import random
import threading
import time
from pathlib import Path

import psutil
from crash_harness import Load, Server, Truth, check_resend, running, until

POINTS = {
    "api": ["journal.commit", "journal.rows", "index.write", "index.flush", "answer"],
    "pipeline": [
        "counters.apply",
        "counters.rows",
        "tail.write",
        "bronze.announce",
        "bronze.write",
        "bronze.rename",
        "silver.files",
        "iceberg.commit",
        "iceberg.swap",
        "bronze.settle",
        "lake.merge",
        "garbage.remember",
    ],
}
START_POINTS = {"api": ["index.replay"], "pipeline": ["bronze.recover", "letter.forget"]}
"""What a process passes when it starts: the process that takes over from a dead one dies too."""


def test_every_acknowledged_event_survives_a_kill_before_and_after_each_durable_step(tmp_path: Path) -> None:
    truth = Truth()
    with running(tmp_path) as server:
        with Load(server, truth, seed=1):
            threads = [threading.Thread(target=_kill_at_points, args=(server, role)) for role in POINTS]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        fired = {path.name for path in server.faults.glob("*.hit")}
        assert fired == {f"{point}.hit" for role in POINTS for point in _both(POINTS[role] + START_POINTS[role])}
        check_resend(server, truth)


def _kill_at_points(server: Server, role: str) -> None:
    at_start = _both(START_POINTS[role])
    for point in _both(POINTS[role]):
        armed = [point, at_start.pop()] if at_start else [point]
        for name in reversed(armed):
            server.arm(name)
        until(lambda armed=armed: all(map(server.has_fired, armed)), f"deaths at {armed}")


def _both(points: list[str]) -> list[str]:
    return [f"{point}.{when}" for point in points for when in ("before", "after")]


def test_every_acknowledged_event_survives_kills_at_random_moments(tmp_path: Path) -> None:
    rng = random.Random(7)
    truth = Truth()
    kills = ["api", "pipeline"] * 4 + ["supervisor", "all"] * 2
    rng.shuffle(kills)
    with running(tmp_path) as server:
        with Load(server, truth, seed=7):
            for victim in kills:
                time.sleep(rng.uniform(0, 1.5))
                if victim == "supervisor":
                    _, alive = psutil.wait_procs(server.kill_supervisor(), 20)
                    assert not alive, "children outlive their supervisor"
                    server.start()
                elif victim == "all":
                    server.kill_all()
                    server.start()
                else:
                    server.kill(victim)
        check_resend(server, truth)
