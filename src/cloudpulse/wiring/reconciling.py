"""Wiring of reconciliation: what compares the layers of the pipeline and mends them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from functools import partial
from typing import TYPE_CHECKING

import msgspec

from cloudpulse.settings import MIB, Settings
from cloudpulse.wiring import Pipeline, utc_now
from cloudpulse.wiring.tombstones import known_tombstones

if TYPE_CHECKING:
    from cloudpulse.ops.ledger import LedgerReport
    from cloudpulse.ops.reconciliation.reconcile import Reconciler
    from cloudpulse.ports import Warehouse

JOB_MEMORY_BYTES = 256 * MIB
"""What a statement of a job may hold; beyond it spills to the disk."""


@contextmanager
def reconciler(settings: Settings, parts: Pipeline, clock: Callable[[], dt.datetime] = utc_now) -> Iterator[Reconciler]:
    """What compares the layers of the pipeline and mends them."""
    from cloudpulse.batch.replay import Replay
    from cloudpulse.lake.snapshot import SnapshotReader
    from cloudpulse.ops.ledger import LedgerService
    from cloudpulse.ops.reconciliation.comparison import Stores
    from cloudpulse.ops.reconciliation.reconcile import Reconciler
    from cloudpulse.speed.repair import CounterRepair, Right

    def ledger() -> LedgerReport:
        with job_warehouse(settings) as warehouse:
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
            warehouse=partial(job_warehouse, settings),
        )
        replay = Replay(settings, parts.lake, parts.records, clock, known_tombstones(settings, parts.records)).run
        repair = CounterRepair(parts.counters, parts.reader)
        yield Reconciler(stores, ledger, replay, lambda **right: repair.run(Right(**right)), clock)


def job_warehouse(settings: Settings) -> AbstractContextManager[Warehouse]:
    """A warehouse for one run of a job, which closes it: DuckDB holds memory while it is open."""
    from cloudpulse.engines.local.warehouse import DuckDbWarehouse

    return closing(DuckDbWarehouse(msgspec.structs.replace(settings, query_memory_bytes=JOB_MEMORY_BYTES)))
