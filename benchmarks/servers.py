"""Starts what is measured: CloudPulse with its default settings, and the floor; each ends with its block."""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import psutil

from cloudpulse.settings import ENV_PREFIX, Settings, load
from cloudpulse.wiring import trust

START_SECONDS = 120.0
STOP_SECONDS = 30.0
SCOPES = ("events:write", "events:read", "admin")


class Product(msgspec.Struct, frozen=True, kw_only=True):
    """A running CloudPulse."""

    url: str
    token: str
    settings: Settings
    processes: dict[str, psutil.Process]
    ready_seconds: float

    def pss_mb(self) -> float:
        """Proportional set size of all processes."""
        return float(sum(process.memory_full_info().pss for process in self.processes.values())) / 1e6

    def cpu_seconds(self) -> dict[str, float]:
        """What each process has used so far; ``load`` is ended load generators, ``all`` everything on the machine."""
        children, everything = os.times(), psutil.cpu_times()
        return {role: sum(process.cpu_times()[:2]) for role, process in self.processes.items()} | {
            "load": children.children_user + children.children_system,
            "all": sum(everything) - everything.idle - everything.iowait - everything.guest - everything.guest_nice,
        }

    def cores_used(self, before: dict[str, float], seconds: float) -> dict[str, float]:
        """Cores in use since ``before``, by the names of ``cpu_seconds``."""
        return {name: round((total - before[name]) / seconds, 2) for name, total in self.cpu_seconds().items()}


@contextmanager
def product(folder: Path) -> Iterator[Product]:
    """CloudPulse on a data folder."""
    settings = load({"data": folder}, {})
    arguments = ["-m", "cloudpulse.cli.main", "up", "--port", "0", "--data", str(folder)]
    started_at = time.perf_counter()
    with _running(arguments, "CloudPulse is ready at ", folder) as url:
        ready_seconds = time.perf_counter() - started_at
        pids = msgspec.json.decode((folder / "server.json").read_bytes())["pids"]
        yield Product(
            url=url,
            token=trust.local_tokens(settings).issue("benchmarks", SCOPES, "default", 86_400),
            settings=settings,
            processes={role: psutil.Process(pid) for role, pid in pids.items()},
            ready_seconds=ready_seconds,
        )


@contextmanager
def floor(folder: Path) -> Iterator[str]:
    """The floor on a folder; gives its URL."""
    with _running(["-m", "benchmarks.floor", str(folder)], "The floor is ready at ", folder) as url:
        yield url


@contextmanager
def _running(arguments: list[str], ready: str, folder: Path) -> Iterator[str]:
    environ = {name: value for name, value in os.environ.items() if not name.startswith(ENV_PREFIX)}
    with (folder / "stderr.log").open("w") as errors:
        process = subprocess.Popen(
            [sys.executable, *arguments], env=environ, stdout=subprocess.PIPE, stderr=errors, text=True
        )
    try:
        yield _await_url(process, ready, folder / "stderr.log")
    finally:
        process.terminate()
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _await_url(process: subprocess.Popen[str], ready: str, errors: Path) -> str:
    assert process.stdout is not None
    patience = threading.Timer(START_SECONDS, process.kill)
    patience.start()
    try:
        for line in process.stdout:
            if line.startswith(ready):
                return line.removeprefix(ready).strip()
    finally:
        patience.cancel()
    raise RuntimeError(f"{process.args!r} did not start: {errors.read_text()[-2000:]}")
