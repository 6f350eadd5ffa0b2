"""Time and memory of the jobs on a large lake, each in a process of its own."""

import datetime as dt
import os
import shutil
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pyarrow.parquet as pq

from benchmarks.asking import Asker
from benchmarks.history import DAY, Made, lake_of
from benchmarks.job import Measured
from benchmarks.measures.memory import Highest
from benchmarks.measures.queries import DAYS
from benchmarks.report import Figure, Goal
from benchmarks.run import Run
from benchmarks.servers import product
from cloudpulse import wiring
from cloudpulse.engines.local.event_log import SqliteEventLog
from cloudpulse.lake import parquet
from cloudpulse.lake.commit import Lake
from cloudpulse.lake.snapshot import SnapshotReader
from cloudpulse.settings import ENV_PREFIX, Settings

WORN_DAYS = 10
WORN_FILES = 24
"""So many days have so many files a partition, as if they had come in as many commits."""
KEEP_DAYS = 30
MEMORY_MB = 512
IMMUTABLE = (".parquet", ".zst")


class Job(msgspec.Struct, frozen=True):
    """A job, what it is given, and the settings that it needs."""

    name: str
    arguments: dict[str, Any] = {}
    settings: dict[str, str] = {}


def measure(run: Run) -> Iterator[Figure]:
    """Each job changes the lake for the next one, as in a night; a copy, for other runs want it as it was."""
    folder = run.folder / f"lake-{run.scale(20, 1)}m"
    made = lake_of(folder, run.scale(20_000_000, 1_000_000), DAYS)
    with run.scratch() as copy:
        shutil.copytree(folder, copy, dirs_exist_ok=True, copy_function=_link)
        SqliteEventLog(copy).close()
        _begin_counters(copy)
        _wear(copy, made)
        for job in _jobs(made):
            yield from _figures(job, _measured(job, copy), made)
        yield from _erase(copy, made)


def _jobs(made: Made) -> list[Job]:
    day = str(made.last_day - WORN_DAYS // 2 * DAY)
    return [
        Job("compact"),
        Job("summarise"),
        Job("sweep"),
        # The live counters are empty: all of their day is found to be lost, and made again.
        Job("reconcile", {"repair": True}),
        Job("replay", {"date_from": day, "date_to": day}),
        Job("retain", settings={"retain_days_by_type": f"click={KEEP_DAYS}"}),
    ]


def _erase(folder: Path, made: Made) -> Iterator[Figure]:
    """The events of one person, until everything is written again and the old files are gone: that takes a server."""
    (folder / "settings.toml").write_text("unlink_delay_seconds = 1\ntrim_delay_seconds = 1\n")
    with product(folder) as server:
        asker = Asker(server)
        highest = Highest(server)
        highest.start()
        asked = asker.post("/v1/erase", {"user_id": _somebody(folder)})
        while (found := asker.ask(f"/v1/erase/{asked['id']}"))["status"] in ("waiting", "running"):
            time.sleep(0.5)
        highest.stop()
        runs = asker.ask("/v1/jobs/erase/history")["runs"]
    details = {"status": found["status"], "record": found["record"], "each_mb": highest.each_mb}
    name = f"{made.events / 1e6:.3g} M events: erase"
    seconds = sum(run["seconds"] or 0.0 for run in runs)
    yield Figure(name=name, measured=seconds, unit="s", details=details)
    yield Figure(
        name=f"{name}, pipeline's memory", measured=highest.each_mb["pipeline"], unit="MB", goal=Goal(MEMORY_MB)
    )


def _somebody(folder: Path) -> str:
    """The user with the most events in the first file."""
    files = sorted(SnapshotReader(Settings(data=folder)).current().files, key=lambda file: file.path)
    users = pq.read_table(files[0].path, columns=["user_id"])["user_id"].drop_null()
    return Counter(users.to_pylist()).most_common(1)[0][0]


def _figures(job: Job, measured: Measured, made: Made) -> Iterator[Figure]:
    details = msgspec.to_builtins(measured) | {"arguments": job.arguments, "settings": job.settings}
    name = f"{made.events / 1e6:.3g} M events: {job.name}"
    yield Figure(name=name, measured=measured.seconds, unit="s", details=details)
    yield Figure(name=f"{name}, memory", measured=measured.pss_mb, unit="MB", goal=Goal(MEMORY_MB))


def _measured(job: Job, folder: Path) -> Measured:
    environ = {name: value for name, value in os.environ.items() if not name.startswith(ENV_PREFIX)}
    environ |= {ENV_PREFIX + name.upper(): value for name, value in job.settings.items()}
    arguments = [job.name, str(folder), msgspec.json.encode(job.arguments).decode()]
    command = [sys.executable, "-m", "benchmarks.job", *arguments]
    done = subprocess.run(command, env=environ, stdout=subprocess.PIPE, text=True, check=True)
    return msgspec.json.decode(done.stdout.splitlines()[-1], type=Measured)


def _link(source: str, target: str) -> None:
    """Files that nobody changes are shared."""
    if source.endswith(IMMUTABLE):
        os.link(source, target)
    else:
        shutil.copy2(source, target)


def _begin_counters(folder: Path) -> None:
    """Have the live counters stand where the new journal does."""
    parts = wiring.pipeline(Settings(data=folder))
    parts.processor.position(parts.reader.state())


def _wear(folder: Path, made: Made) -> None:
    """Put many small files in the place of few, for the newest days that are over."""
    lake = Lake(Settings(data=folder))
    for back in range(1, WORN_DAYS + 1):
        _divide(lake, made.last_day - back * DAY)


def _divide(lake: Lake, day: dt.date) -> None:
    metadata, io = lake._table.metadata, lake._table.io
    whole = [file for file in lake.live_files() if parquet.partition_of(file)[0] == day]
    parts = []
    for file in whole:
        rows = parquet.read(io, file)
        step = -(-rows.num_rows // WORN_FILES)
        for start in range(0, rows.num_rows, step):
            parts += parquet.write_partitions(metadata, io, rows.slice(start, step))
    if not lake.swap(whole, parts):
        raise RuntimeError(f"{day} is written to by another process")
