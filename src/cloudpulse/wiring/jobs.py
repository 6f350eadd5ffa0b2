"""What the jobs are made of: the part of ``wiring`` that grows with every job."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, closing, contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

import msgspec

from cloudpulse.settings import MIB, Settings
from cloudpulse.wiring import TAIL_FOLDER, Pipeline, utc_now, workflows

if TYPE_CHECKING:
    from cloudpulse.auth.rotation import Rotation
    from cloudpulse.engines.local.jobs import SqliteJobs
    from cloudpulse.ops.jobs import JobFunction, JobService
    from cloudpulse.ops.ledger import LedgerReport
    from cloudpulse.ops.reconcile import Reconciler
    from cloudpulse.ports import Warehouse

JOB_MEMORY_BYTES = 256 * MIB
"""What a statement of a job may hold; beyond it spills to the disk."""


class JobRunner(Protocol):
    """Runs what is in the line of jobs."""

    def launch(self) -> None:
        """Begin to run, first of all what an earlier process left unfinished."""

    def hand_over(self) -> None:
        """Take the runs that have come into the line."""


def local_jobs(settings: Settings) -> SqliteJobs:
    """The line of jobs of a data folder, and their history."""
    from cloudpulse.engines.local.jobs import SqliteJobs

    return SqliteJobs(settings.data)


def job_service(settings: Settings, rotation: Rotation, vacuum: JobFunction) -> JobService:
    """The jobs as the api process knows them; those that must run in it are bound here."""
    from cloudpulse.ops.jobs import JobService

    return JobService(local_jobs(settings), utc_now, {"rotate": lambda *_: rotation.look(), "vacuum": vacuum})


def job_runner(settings: Settings, runs: SqliteJobs, functions: Mapping[str, JobFunction]) -> JobRunner:
    """What runs the jobs of the pipeline."""
    from cloudpulse.engines.local.job_runner import DbosRunner

    guests = [workflows.workflow_runner(settings, workflows.executions(settings))]
    return DbosRunner(settings.data, runs, functions, utc_now, guests=guests)


def job_functions(settings: Settings, parts: Pipeline, runs: SqliteJobs) -> dict[str, JobFunction]:
    """What the jobs of the pipeline call, which begins now."""
    from cloudpulse.batch.compact import Compactor
    from cloudpulse.batch.merge_bronze import BronzeMerger
    from cloudpulse.batch.replay import Replay
    from cloudpulse.batch.retain import Retention
    from cloudpulse.batch.summary import Summariser
    from cloudpulse.batch.sweep import sweep
    from cloudpulse.batch.tier import Tiering
    from cloudpulse.events.model import Position
    from cloudpulse.lake.snapshot import SnapshotReader
    from cloudpulse.lake.tombstones import Tombstone
    from cloudpulse.ops import jobs, publish
    from cloudpulse.wiring import erasing

    def summarise(_: jobs.Arguments, now: dt.datetime) -> dict[str, Any]:
        snapshots, open_warehouse = SnapshotReader(settings), partial(_warehouse, settings)
        return Summariser(settings.data, snapshots, parts.reader, parts.writer.hurry, open_warehouse).run(now)

    def reconcile(arguments: jobs.Arguments, _: dt.datetime) -> dict[str, Any]:
        with reconciler(settings, parts) as found:
            return found.run(msgspec.convert(arguments, jobs.Reconciliation))

    def replay(arguments: jobs.Arguments, now: dt.datetime) -> dict[str, Any]:
        days = msgspec.convert(arguments, jobs.Days)
        tombstones = erasing.tombstones(settings, parts.records)
        return Replay(*keep, utc_now, tombstones).run(days.date_from, days.date_to, days.dry_run, now)

    def told() -> Position | None:
        document = parts.records.get(publish.PUBLISHED, publish.STORED)
        return None if document is None else msgspec.convert(document, Position)

    keep = (settings, parts.lake, parts.records)
    merger = BronzeMerger(*keep, utc_now, told)
    eraser = erasing.eraser(settings, parts, runs, started_at=utc_now())
    return {
        "compact": lambda _, now: Compactor(*keep, utc_now).run(now) | merger.run(now),
        "retain": lambda _, now: Retention(*keep, utc_now).run(now),
        "tier": lambda _, now: Tiering(*keep, utc_now).run(now),
        "sweep": lambda _, now: sweep(*keep, settings.data / TAIL_FOLDER, now),
        "summarise": summarise,
        "expire": lambda _, now: jobs.expire(runs, now) | workflows.expire(settings, now),
        "replay": replay,
        "erase": lambda given, _: eraser.run(msgspec.convert(given, Tombstone)),
        "reconcile": reconcile,
    }


@contextmanager
def reconciler(settings: Settings, parts: Pipeline, clock: Callable[[], dt.datetime] = utc_now) -> Iterator[Reconciler]:
    """What compares the layers of the pipeline and mends them."""
    from cloudpulse.batch.replay import Replay
    from cloudpulse.lake.snapshot import SnapshotReader
    from cloudpulse.ops.comparison import Stores
    from cloudpulse.ops.ledger import LedgerService
    from cloudpulse.ops.reconcile import Reconciler
    from cloudpulse.speed.repair import CounterRepair, Right
    from cloudpulse.wiring import erasing

    def ledger() -> LedgerReport:
        with _warehouse(settings) as warehouse:
            service = LedgerService(settings, parts.reader, snapshots, parts.records, parts.letters, warehouse)
            return service.report(deep=False)

    with closing(SnapshotReader(settings)) as snapshots:
        stores = Stores(
            data=settings.data.resolve(),
            log=parts.reader,
            snapshots=snapshots,
            counters=parts.counters,
            records=parts.records,
            letters=parts.letters,
            warehouse=partial(_warehouse, settings),
        )
        replay = Replay(settings, parts.lake, parts.records, clock, erasing.tombstones(settings, parts.records)).run
        repair = CounterRepair(parts.counters, parts.reader)
        yield Reconciler(stores, ledger, replay, lambda **right: repair.run(Right(**right)), clock)


def _warehouse(settings: Settings) -> AbstractContextManager[Warehouse]:
    """A warehouse for one run of a job, which closes it: DuckDB holds memory while it is open."""
    from cloudpulse.engines.local.warehouse import DuckDbWarehouse

    return closing(DuckDbWarehouse(msgspec.structs.replace(settings, query_memory_bytes=JOB_MEMORY_BYTES)))
