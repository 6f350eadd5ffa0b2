"""How soon the live page shows its numbers, and what it loads, in Chromium with an empty cache."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from statistics import median

import msgspec

from benchmarks.load import Missing
from benchmarks.report import Figure, Goal
from benchmarks.run import Run
from benchmarks.servers import product

DASHBOARD = Path(__file__).parents[2] / "dashboard"
SECONDS = 300


class Load(msgspec.Struct, frozen=True):
    """One load of the page: navigation start to numbers; all that is transferred until the chart is there, too."""

    seconds: float
    kilobytes: float


def measure(run: Run) -> Iterator[Figure]:
    """Medians over new browser profiles; the first load warms the server, and does not count."""
    times = run.scale(10, 3)
    with run.scratch() as folder, product(folder) as server:
        first = json.loads((folder / "first-login").read_text())
        person = {"email": first["email"], "password": first["password"]}
        _, *loads = _loads({"url": server.url, "person": person, "times": times + 1})
    seconds, kilobytes = ([round(getattr(load, name), 3) for load in loads] for name in ("seconds", "kilobytes"))
    for name, measured, unit, goal in (
        ("page: numbers shown", seconds, "s", 1.5),
        ("page: first load", kilobytes, "kB", 250.0),
    ):
        yield Figure(
            name=name, measured=median(measured), unit=unit, goal=Goal(goal), details={"loads": sorted(measured)}
        )


def _loads(asked: dict[str, object]) -> list[Load]:
    if not (DASHBOARD / "node_modules").is_dir():
        raise Missing("The browser's driver is not installed: make check does that. It needs Chromium, too.")
    command = ["node", "e2e/page-speed.mjs", json.dumps(asked)]
    done = subprocess.run(command, cwd=DASHBOARD, capture_output=True, text=True, timeout=SECONDS, check=False)
    if done.returncode:
        raise RuntimeError(f"the browser failed: {done.stderr[-2000:]}")
    return msgspec.json.decode(done.stdout, type=list[Load])
