"""Wiring of erasures: how they begin in the api process, and what the pipeline's job is made of."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Callable, Collection, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import msgspec

from cloudpulse.settings import Settings
from cloudpulse.wiring import TAIL_FOLDER, Pipeline, Serving, reconciling, trust, utc_now, workflows

if TYPE_CHECKING:
    from cloudpulse.batch.erase import Eraser
    from cloudpulse.engines.local.jobs import SqliteJobs
    from cloudpulse.ingest.sequencer import Sequencer
    from cloudpulse.lake.tombstones import Tombstone
    from cloudpulse.ops.erasures import ErasureService
    from cloudpulse.ops.jobs import JobFunction
    from cloudpulse.ports import Records
    from cloudpulse.serving.feed import EventFeed

PACE_SECONDS = 0.2
PATIENCE_SECONDS = 900.0
TRIES = 3


def erasure_service(settings: Settings, parts: Serving, runs: SqliteJobs, journal: Sequencer) -> ErasureService:
    """Erasures as the api process knows them."""
    from cloudpulse.ops.erasures import ErasureService
    from cloudpulse.ops.jobs import JobService

    line = JobService(runs, utc_now, {})
    secrets, signer = trust.local_secrets(settings), trust.record_signer(settings)
    return ErasureService(secrets, signer.prepare, journal, parts.reader, runs, parts.records, line.start, utc_now)


def vacuum(parts: Serving, journal: Sequencer, feed: EventFeed) -> JobFunction:
    """The job ``vacuum``: what the api process keeps in its file and in its memory of what was removed."""

    def run(*_: object) -> dict[str, Any]:
        journal.vacuum()
        parts.query.forget()
        parts.sql.forget()
        feed.forget()
        return {}

    return run


def eraser(settings: Settings, parts: Pipeline, runs: SqliteJobs, started_at: dt.datetime) -> Eraser:
    """What erases, for a process that began at ``started_at``."""
    from cloudpulse.batch.erase import Eraser
    from cloudpulse.batch.erasure_pass import ErasureStores

    stores = ErasureStores(parts.lake, parts.records, parts.letters, parts.reader, settings.data / TAIL_FOLDER)
    return Eraser(settings, stores, _OtherParts(settings, parts, runs), utc_now, started_at)


def put_in_line(runs: SqliteJobs, records: Records) -> Callable[[dt.datetime], None]:
    """What puts erasures in line that can be ended."""
    from cloudpulse.ops.erasures import put_ripe_in_line

    return partial(put_ripe_in_line, runs, records)


class _OtherParts:
    """What erasing asks of other parts."""

    def __init__(self, settings: Settings, parts: Pipeline, runs: SqliteJobs) -> None:
        self._settings = settings
        self._parts = parts
        self._runs = runs
        self._secrets = trust.local_secrets(settings)

    def key(self) -> bytes:
        from cloudpulse.errors import StoreError
        from cloudpulse.lake import erasure_state

        found = erasure_state.known_key(self._secrets, int(time.time()))
        if found is None:
            raise StoreError("The key of erasures is not in secrets.db any more: restore that file.")
        return found

    def waiting(self) -> Sequence[Tombstone]:
        from cloudpulse.lake.tombstones import Tombstone
        from cloudpulse.ops.erasures import JOB

        return [msgspec.convert(run.arguments, Tombstone) for run in self._runs.history(JOB, ("waiting",))]

    def hurry(self, seq: int) -> None:
        self._parts.writer.hurry(seq)

    def counted(self) -> int:
        position = self._parts.counters.position()
        journal = self._parts.reader.state().journal
        return position.seq if position is not None and position.journal == journal else 0

    def erase_uploads(self, stone: Tombstone) -> int:
        from cloudpulse.events.times import from_micros
        from cloudpulse.lake.tombstones import Tombstones
        from cloudpulse.ops.erasures import is_about

        found = partial(is_about, Tombstones(self.key(), [stone]))
        return workflows.uploads(self._settings).erase(found, utc_now(), before=from_micros(stone.until))

    def mend_counters(self, minutes: Collection[int]) -> None:
        with reconciling.reconciler(self._settings, self._parts) as reconciler:
            reconciler.recount(minutes)

    def vacuum(self) -> None:
        """The api process does its part, which it alone may; then follow the files that this one writes."""
        for _ in range(TRIES):
            if self._vacuum_journal():
                break
        else:
            self._fail()
        self._parts.records.vacuum()
        self._runs.vacuum()

    def copies(self) -> list[dict[str, str]]:
        from cloudpulse.ops.backups import copies

        known = copies.known(self._settings.data)
        return [{"path": path, "kind": copy.kind, "at": copy.at} for path, copy in sorted(known.items())]

    def sign(self, record: dict[str, Any]) -> str:
        return trust.record_signer(self._settings).sign(record)

    def summarise(self) -> None:
        self._runs.request("summarise", {}, utc_now())

    def _vacuum_journal(self) -> bool:
        run = self._runs.request("vacuum", {}, utc_now())
        give_up_at = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < give_up_at:
            found = self._runs.show(run.id)
            if found is not None and found.status in ("done", "failed"):
                return found.status == "done"
            time.sleep(PACE_SECONDS)
        return False

    def _fail(self) -> None:
        from cloudpulse.errors import StoreError

        raise StoreError("The api process could not write the journal anew; its job `vacuum` tells why.")
