"""One job in a process of its own: ``python -m benchmarks.job NAME DATA ARGUMENTS``, settings in the environment.

Prints how long it took, and what it held at the most.
"""

import sys
import threading
from pathlib import Path
from time import perf_counter
from typing import Any

import msgspec
import psutil

from cloudpulse import wiring
from cloudpulse.settings import load
from cloudpulse.wiring import jobs

LOOK_SECONDS = 0.02


class Measured(msgspec.Struct, frozen=True, kw_only=True):
    """What a run took. Memory in megabytes: proportional set size, which counts shared pages once, and resident."""

    seconds: float
    pss_before_mb: float
    pss_mb: float
    rss_mb: float
    result: dict[str, Any]


class Peak(threading.Thread):
    """Looks again and again, and keeps the most."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self._ended = threading.Event()
        self.bytes = 0

    def run(self) -> None:
        """Look until ``stop``."""
        while not self._ended.wait(LOOK_SECONDS):
            self.bytes = max(self.bytes, pss())

    def stop(self) -> None:
        """End."""
        self._ended.set()
        self.join()


def pss() -> int:
    """The proportional set size of this process."""
    return int(psutil.Process().memory_full_info().pss)


def main(name: str, data: Path, arguments: dict[str, Any]) -> Measured:
    """Run a job as the pipeline does."""
    settings = load({"data": data})
    runs = jobs.local_jobs(settings)
    function = jobs.job_functions(settings, wiring.pipeline(settings), runs)[name]
    before, peak = pss(), Peak()
    peak.start()
    started_at = perf_counter()
    result = function(arguments, wiring.utc_now())
    seconds = perf_counter() - started_at
    peak.stop()
    return Measured(
        seconds=seconds,
        pss_before_mb=before / 1e6,
        pss_mb=max(peak.bytes, pss()) / 1e6,
        rss_mb=_highest_rss() / 1e6,
        result=result or {},
    )


def _highest_rss() -> int:
    """Not ``ru_maxrss``: that begins with what the process took that started this one."""
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) * 1024


if __name__ == "__main__":
    measured = main(sys.argv[1], Path(sys.argv[2]), msgspec.json.decode(sys.argv[3]))
    print(msgspec.json.encode(measured).decode())
