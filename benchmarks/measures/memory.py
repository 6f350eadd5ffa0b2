"""Memory of all processes, as proportional set size: shared pages count once."""

import shutil
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from rich.progress import track

from benchmarks.ids import packed_ids
from benchmarks.load import wrk
from benchmarks.report import Figure, Goal
from benchmarks.run import Run
from benchmarks.servers import Product, product
from cloudpulse.engines.local.id_index import FOLDER_NAME, RocksIdIndex
from cloudpulse.events.model import Batch
from cloudpulse.settings import Settings

IDS = 50_000_000
BATCH_IDS = 20_000
JOURNAL = "benchmark"


def measure(run: Run) -> Iterator[Figure]:
    """Idle and new; then under load, in a full run with 50 million ids in the window."""
    with run.scratch() as folder:
        if not run.quick:
            shutil.copytree(_filled(run.folder / "ids-50m"), folder, dirs_exist_ok=True)
        with run.scratch() as fresh, product(fresh) as server:
            time.sleep(run.scale(10, 3))
            yield Figure(name="memory idle", measured=server.pss_mb(), unit="MB", goal=Goal(300))
        with product(folder) as server:
            yield _under_load(server, run)


def _under_load(server: Product, run: Run) -> Figure:
    before = server.pss_mb()
    highest = Highest(server)
    highest.start()
    load = wrk(server.url, 100, 16, run.scale(60, 10), server.token)
    measured = highest.stop()
    ids = "" if run.quick else f", {IDS // 1_000_000} M ids"
    details = {"events_per_s": round(load.rate * 100), "before_mb": round(before), "each_mb": highest.each_mb}
    return Figure(name=f"memory under load{ids}", measured=measured, unit="MB", goal=Goal(1_500), details=details)


class Highest(threading.Thread):
    """Looks once a second and keeps the highest sum, and what each process had then."""

    def __init__(self, server: Product) -> None:
        super().__init__(daemon=True)
        self._server = server
        self._ended = threading.Event()
        self.each_mb: dict[str, int] = {}

    def run(self) -> None:
        """Look until ``stop``."""
        while not self._ended.wait(1.0):
            each = {
                role: process.memory_full_info().pss // 1_000_000 for role, process in self._server.processes.items()
            }
            if sum(each.values()) > sum(self.each_mb.values()):
                self.each_mb = each

    def stop(self) -> float:
        """End; returns the highest sum in megabytes."""
        self._ended.set()
        self.join()
        return float(sum(self.each_mb.values()))


def _filled(folder: Path) -> Path:
    """A data folder whose id index is full, made unless it is there and of today's window.

    The ids belong to another journal, so a server takes them as known and begins its own journal at the start.
    """
    marker = folder / "made"
    if marker.exists() and time.time() - marker.stat().st_mtime < 86_400 * (Settings().dedup_window_days - 1):
        return folder
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    index = RocksIdIndex(folder, JOURNAL, Settings().dedup_window_days * 86_400)
    random = np.random.default_rng()
    for seq in track(range(1, IDS // BATCH_IDS + 1), f"filling {folder / FOLDER_NAME}"):
        ids = packed_ids(random, BATCH_IDS)
        index.record(
            Batch(seq=seq, received_at=time.time_ns() // 1000, events=BATCH_IDS, digest=(), ids=ids, lines=b"")
        )
    index.close()
    marker.touch()
    return folder
