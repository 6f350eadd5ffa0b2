"""What the jobs are made of: the part of ``wiring`` that grows with every job."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

import msgspec

from cloudpulse.settings import Settings
from cloudpulse.wiring import TAIL_FOLDER, Pipeline, erasing, utc_now, workflows
from cloudpulse.wiring.reconciling import job_warehouse, reconciler
from cloudpulse.wiring.tombstones import known_tombstones

if TYPE_CHECKING:
    from cloudpulse.auth.rotation import Rotation
    from cloudpulse.engines.local.jobs import SqliteJobs
    from cloudpulse.ops.jobs import JobFunction, JobService


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

    def summarise(_: jobs.Arguments, now: dt.datetime) -> dict[str, Any]:
        snapshots, open_warehouse = SnapshotReader(settings), partial(job_warehouse, settings)
        return Summariser(settings.data, snapshots, parts.reader, parts.writer.hurry, open_warehouse).run(now)

    def reconcile(arguments: jobs.Arguments, _: dt.datetime) -> dict[str, Any]:
        with reconciler(settings, parts) as found:
            return found.run(msgspec.convert(arguments, jobs.Reconciliation))

    def replay(arguments: jobs.Arguments, now: dt.datetime) -> dict[str, Any]:
        days = msgspec.convert(arguments, jobs.Days)
        tombstones = known_tombstones(settings, parts.records)
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
