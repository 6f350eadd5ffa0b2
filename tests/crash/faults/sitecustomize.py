"""Faults on demand. Python imports this first in every server process that has this folder on its PYTHONPATH.

In the folder that CRASH_FAULTS names, a file ``counters.apply.before`` kills the next process that is about to apply
counts, once; a file ``disk.full`` makes writes fail with ENOSPC for as long as it is there, and a file ``poison.lake``
makes the lake fail with events of the session ``visitor-of-the-shop``.
"""

import errno
import functools
import importlib.machinery
import os
import signal
import sys
import time
from collections.abc import Callable
from typing import Any

FOLDER = os.environ.get("CRASH_FAULTS", "")
FULL = "disk.full"
MOST_PAGES = 1 << 30

POINTS = {
    "cloudpulse.engines.local.event_log": {
        "SqliteEventLog.append": "journal.commit",
        "SqliteEventLog._drop": "journal.rows",  # between the rows and their COMMIT
    },
    "cloudpulse.engines.local.id_index": {"RocksIdIndex.record": "index.write", "RocksIdIndex.flush": "index.flush"},
    "cloudpulse.ingest.sequencer": {"Sequencer._commit": "answer"},
    "cloudpulse.ingest.rebuild": {"bring_up": "index.replay"},
    "cloudpulse.engines.local.counters": {
        "SqliteCounters.apply": "counters.apply",
        "SqliteCounters.replace": "counters.replace",
        "_merge": "counters.rows",  # between the counts and the position
    },
    "cloudpulse.lake.tail": {"write_tail": "tail.write"},
    "cloudpulse.lake.fileio": {"os.replace": "bronze.rename"},
    "cloudpulse.lake.bronze": {
        "announce": "bronze.announce",
        "write": "bronze.write",
        "settle": "bronze.settle",
        "recover": "bronze.recover",
    },
    "cloudpulse.lake.parquet": {"write_partitions": "silver.files"},
    "pyiceberg.table": {"Transaction.commit_transaction": "iceberg.commit"},
    "pyiceberg.catalog.sql": {"SqlCatalog.commit_table": "iceberg.swap"},
    "cloudpulse.lake.commit": {
        "Lake.merge_small_files": "lake.merge",
        "rewrite": "lake.rewrite",
        "Lake.swap": "lake.swap",
    },
    "cloudpulse.lake.garbage": {"remember": "garbage.remember"},
    "cloudpulse.engines.local.jobs": {"SqliteJobs.begin": "job.begin", "SqliteJobs.finish": "job.finish"},
    "cloudpulse.engines.local.executions": {
        "SqliteExecutions.start": "execution.start",
        "SqliteExecutions.change": "execution.change",
    },
    "cloudpulse.entrypoints.watch_folder": {"FolderWatch._move": "folder.move"},
    "cloudpulse.engines.local.intake": {"HttpIntake.deliver": "workflow.deliver"},
    "cloudpulse.ops.activity": {"Activity.process": "workflow.process", "Activity.write": "workflow.write"},
    "cloudpulse.ops.uploads": {"Uploads.keep": "upload.keep"},
    "cloudpulse.batch.replay": {
        "gather": "replay.gather",
        "write_sorted": "replay.write",
        "forget_summary": "replay.forget",
    },
    "cloudpulse.batch.summary": {"summarise": "job.work", "write_summary": "summary.write"},
    "cloudpulse.batch.erasure_pass": {
        "ErasurePass._replace_object": "erase.object",
        "ErasurePass._swap": "erase.swap",
        "ErasurePass._note_letter": "erase.letter",
    },
    "cloudpulse.lake.erasure_state": {"close": "erase.close"},
    "cloudpulse.engines.local.dead_letters": {
        "SqliteDeadLetters.park": "letter.park",
        "SqliteDeadLetters.forget_above": "letter.forget",
        "SqliteDeadLetters.remove": "letter.remove",
    },
}
"""Module → function → the point that it is."""

CONSTANTS: dict[str, dict[str, Any]] = {
    "cloudpulse.entrypoints.supervise": {"BACKOFF_SECONDS": (0.05,)},
    "cloudpulse.entrypoints.watch_folder": {"PACE_SECONDS": 0.1, "STABLE_SECONDS": 0.3},
    "cloudpulse.entrypoints.run_jobs": {"DELAY_SECONDS": 0.1, "PACE_SECONDS": 0.1},
    "cloudpulse.entrypoints.watch": {"EVERY_SECONDS": 0.5, "FLUSH_SECONDS": 1.0},
    "cloudpulse.entrypoints.consume": {"REAP_SECONDS": 0.1},
    "cloudpulse.entrypoints.oversee": {"EVERY_SECONDS": 0.3, "RARE_SECONDS": 1.0},
    "cloudpulse.ops.deliver": {"FIRST_WAIT_SECONDS": 0.1},
}
"""Many deaths and many flushes in a short time."""


def reach(point: str) -> None:
    """Die here when the point is armed, once or always; whoever renames the file is the one to die."""
    if os.path.exists(f"{FOLDER}/{point}.always"):
        os.kill(os.getpid(), signal.SIGKILL)
    try:
        os.rename(f"{FOLDER}/{point}", f"{FOLDER}/{point}.hit")
    except FileNotFoundError:
        return
    os.kill(os.getpid(), signal.SIGKILL)
    time.sleep(60)


def deadly(function: Callable[..., Any], point: str) -> Callable[..., Any]:
    @functools.wraps(function)
    def wrapper(*args: Any, **options: Any) -> Any:
        reach(f"{point}.before")
        result = function(*args, **options)
        reach(f"{point}.after")
        return result

    return wrapper


def is_full() -> bool:
    return os.path.exists(f"{FOLDER}/{FULL}")


def refusing(function: Callable[..., Any], error: Callable[[], Exception]) -> Callable[..., Any]:
    @functools.wraps(function)
    def wrapper(*args: Any, **options: Any) -> Any:
        if is_full():
            raise error()
        return function(*args, **options)

    return wrapper


def no_space() -> Exception:
    return OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def no_space_for_ids() -> Exception:
    from cloudpulse.errors import StoreError

    return StoreError("the id index cannot be written: No space left on device")


def bounded(write: Callable[..., Any]) -> Callable[..., Any]:
    """SQLite itself says SQLITE_FULL when a file may have no more pages."""

    @functools.wraps(write)
    def wrapper(self: Any, *args: Any) -> Any:
        self._connection.execute(f"PRAGMA max_page_count = {1 if is_full() else MOST_PAGES}").fetchall()
        return write(self, *args)

    return wrapper


def measured(free_bytes: Callable[..., int]) -> Callable[..., int]:
    return lambda folder: 0 if is_full() else free_bytes(folder)


def poisoned(function: Callable[..., Any], layer: str) -> Callable[..., Any]:
    """Fail, as code with a fault would, with what is in the data."""

    @functools.wraps(function)
    def wrapper(*args: Any) -> Any:
        if os.path.exists(f"{FOLDER}/poison.{layer}") and any(holds_poison(one) for one in args):
            raise ValueError("poison of visitor@example.com")
        return function(*args)

    return wrapper


def renamed(function: Callable[..., Any]) -> Callable[..., Any]:
    """What another version of the code would make of a user agent."""

    @functools.wraps(function)
    def wrapper(text: str | None) -> Any:
        agent = function(text)
        return agent._replace(browser="Other") if os.path.exists(f"{FOLDER}/enrich.changed") else agent

    return wrapper


def holds_poison(argument: Any) -> bool:
    if isinstance(argument, bytes):
        return b'"session_id":"visitor-of-the-shop"' in argument
    return hasattr(argument, "column_names") and "visitor-of-the-shop" in argument["session_id"].to_pylist()


FAULTS: dict[str, dict[str, Callable[..., Any]]] = {
    "cloudpulse.engines.local.sqlite": {"Database.write": bounded, "Database.insert": bounded},
    "cloudpulse.engines.local.id_index": {
        "RocksIdIndex.record": lambda function: refusing(function, no_space_for_ids),
        "RocksIdIndex.flush": lambda function: refusing(function, no_space_for_ids),
    },
    "cloudpulse.ingest.limits": {"free_bytes": measured},
    "cloudpulse.lake.fileio": {
        "write_durably": lambda function: refusing(function, no_space),
        "_DurableWriter.write": lambda function: refusing(function, no_space),
    },
    "cloudpulse.events.enrich": {"user_agent": renamed},
    "cloudpulse.lake.tail": {"write_tail": lambda function: refusing(function, no_space)},
    "cloudpulse.lake.tables": {"to_arrow": functools.partial(poisoned, layer="rows")},
    "cloudpulse.lake.parquet": {
        "write_partitions": functools.partial(poisoned, layer="lake"),
        "try_out": functools.partial(poisoned, layer="lake"),
    },
    "cloudpulse.speed.minutes": {"live_sessions": functools.partial(poisoned, layer="speed")},
}


class Borrowed:
    """A module as one importer sees it: what is changed here is changed for nobody else."""

    def __init__(self, module: Any) -> None:
        self._module = module

    def __getattr__(self, name: str) -> Any:
        return getattr(self._module, name)


def replace(module: Any, path: str, change: Callable[[Any], Any]) -> None:
    *owners, name = path.split(".")
    if owners == ["os"]:
        module.os = Borrowed(os)
    owner = functools.reduce(getattr, owners, module)
    setattr(owner, name, change(getattr(owner, name)))


def prepare(module: Any) -> None:
    for path, change in FAULTS.get(module.__name__, {}).items():
        replace(module, path, change)
    for path, point in POINTS.get(module.__name__, {}).items():
        replace(module, path, functools.partial(deadly, point=point))
    for name, value in CONSTANTS.get(module.__name__, {}).items():
        getattr(module, name)
        setattr(module, name, value)


class Finder(importlib.machinery.PathFinder):
    """Finds the modules named above, and changes them when they have run."""

    @classmethod
    def find_spec(cls, fullname: str, path: Any = None, target: Any = None) -> Any:
        if fullname not in POINTS.keys() | FAULTS.keys() | CONSTANTS.keys():
            return None
        spec = super().find_spec(fullname, path, target)
        if spec is not None and spec.loader is not None:
            execute = spec.loader.exec_module

            def exec_module(module: Any) -> None:
                execute(module)
                prepare(module)

            spec.loader.exec_module = exec_module
        return spec


if FOLDER:
    sys.meta_path.insert(0, Finder)
