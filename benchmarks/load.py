"""Runs wrk with ``load.lua``: as many requests as the server answers, over so many connections."""

import random
import shutil
import subprocess
from pathlib import Path

import msgspec

SCRIPT = Path(__file__).with_name("load.lua")


class Missing(Exception):
    """Something that the benchmarks need is not installed."""


class Load(msgspec.Struct, frozen=True, kw_only=True):
    """What wrk saw: ``refused`` answers were no 2xx or 3xx, ``broken`` connections gave none."""

    requests: int
    seconds: float
    refused: int
    broken: int
    p50_ms: float
    p99_ms: float

    @property
    def rate(self) -> float:
        """Requests a second that were answered well."""
        return (self.requests - self.refused) / self.seconds


def find_wrk() -> str:
    """Where wrk is; raises ``Missing``."""
    path = shutil.which("wrk")
    if path is None:
        raise Missing("wrk, which makes the load, is not installed. On Debian or Ubuntu: sudo apt install wrk")
    return path


def wrk(url: str, batch: int, connections: int, seconds: int, token: str = "-") -> Load:
    """Send batches of so many events (1: single events) for a time."""
    target = url + ("/v1/events" if batch == 1 else "/v1/events/batch")
    options = ["-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "10s", "-s", str(SCRIPT)]
    arguments = [find_wrk(), *options, target, "--", str(batch), token, str(random.getrandbits(31))]
    ended = subprocess.run(arguments, capture_output=True, text=True, timeout=seconds + 60, check=False)
    lines = ended.stdout.splitlines()
    if ended.returncode or not lines or not lines[-1].startswith("{"):
        raise RuntimeError(f"wrk failed: {ended.stderr or ended.stdout}")
    load = msgspec.json.decode(lines[-1], type=Load)
    if load.requests == load.refused:
        raise RuntimeError(f"wrk got no good answer from {target}: {lines[-1]}")
    return load
