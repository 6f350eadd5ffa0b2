"""The line of jobs and their history in the DynamoDB table of the records.

``line#jobs#slots`` / ``<name>`` holds ``slot``, the last scheduled time in microseconds.
"""

import datetime as dt
import uuid
from collections.abc import Mapping, Sequence
from itertools import islice
from typing import Any

import msgspec

from cloudpulse.engines.aws.dynamo import RIVAL_TRIES, Action, Table, key, pauses
from cloudpulse.engines.aws.line import Line
from cloudpulse.errors import StoreError
from cloudpulse.events.times import micros, parse, rfc3339
from cloudpulse.ports import JobRun, JobStatus

_SLOTS = "line#jobs#slots"

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(JobRun).decode


class DynamoJobs:
    """Port ``Jobs``; any number of processes may write."""

    def __init__(self, table: str) -> None:
        self._table = Table(table)
        self._line = Line(self._table, "jobs")

    def request(self, name: str, arguments: Mapping[str, Any], now: dt.datetime) -> JobRun:
        """Put a run in line."""
        run = _waiting(f"{name}-{uuid.uuid4().hex}", name, arguments, now)
        self._line.append(run.id, _encode(run))
        return run

    def schedule(self, name: str, slot: dt.datetime, now: dt.datetime) -> bool:
        """Put the run of a scheduled time in line, once."""
        for _ in pauses(RIVAL_TRIES):
            known = self._slot(name)
            if known is not None and known >= micros(slot):
                return False
            move = _move(name, slot, known)
            if known is None or self.history(name, ("waiting",), limit=1):
                if not self._table.write(move):
                    return False
                continue
            run = _waiting(f"{name}-{slot:%Y%m%dT%H%M%SZ}", name, {}, now, slot)
            if self._line.append(run.id, _encode(run), move):
                return True
        raise StoreError(f"Too many processes schedule {name} at once; try again.")

    def begin(self, run_id: str, now: dt.datetime) -> JobRun | None:
        """Count another try of a run that has not ended."""

        def begun(document: bytes) -> bytes | None:
            run = _decode(document)
            if run.finished_at is not None:
                return None
            started_at = run.started_at or rfc3339(now)
            return _encode(
                msgspec.structs.replace(run, status="running", attempts=run.attempts + 1, started_at=started_at)
            )

        document = self._line.change(run_id, begun)
        return None if document is None else _decode(document)

    def finish(
        self, run_id: str, now: dt.datetime, result: Mapping[str, Any] | None = None, error: str | None = None
    ) -> None:
        """End a run, once."""

        def finished(document: bytes) -> bytes | None:
            run = _decode(document)
            if run.finished_at is not None:
                return None
            return _encode(
                msgspec.structs.replace(
                    run,
                    status="done" if error is None else "failed",
                    finished_at=rfc3339(now),
                    seconds=None if run.started_at is None else (now - parse(run.started_at)).total_seconds(),
                    result=None if result is None else dict(result),
                    error=error,
                )
            )

        self._line.change(run_id, finished)

    def history(
        self, name: str | None = None, statuses: Sequence[JobStatus] = (), limit: int | None = None
    ) -> list[JobRun]:
        """Runs, newest first."""
        found = (_decode(entry.document) for entry in self._line.newest(None if name or statuses else limit))
        wanted = (run for run in found if name in (None, run.name) and (not statuses or run.status in statuses))
        return [*islice(wanted, limit)]

    def show(self, run_id: str) -> JobRun | None:
        """One run, or None."""
        entry = self._line.find(run_id)
        return _decode(entry.document) if entry else None

    def prune(self, before: dt.datetime, keep: int) -> int:
        """Forget old runs, one by one."""
        removed, good = 0, set[str]()
        for place, entry in enumerate(list(self._line.newest())):
            run = _decode(entry.document)
            newest_good = run.status == "done" and run.name not in good
            if newest_good:
                good.add(run.name)
            elif run.finished_at is not None and (place >= keep or parse(run.finished_at) < before):
                removed += self._line.remove(entry)
        return removed

    def _slot(self, name: str) -> int | None:
        item = self._table.get(_SLOTS, name)
        return int(item["slot"]["N"]) if item else None


def _move(name: str, slot: dt.datetime, known: int | None) -> Action:
    item = {**key(_SLOTS, name), "slot": {"N": str(micros(slot))}}
    if known is None:
        return Action("Put", {"Item": item}, "attribute_not_exists(pk)")
    return Action("Put", {"Item": item}, "slot = :known", {":known": {"N": str(known)}})


def _waiting(
    run_id: str, name: str, arguments: Mapping[str, Any], now: dt.datetime, slot: dt.datetime | None = None
) -> JobRun:
    return JobRun(
        id=run_id,
        name=name,
        status="waiting",
        arguments=dict(arguments),
        requested_at=rfc3339(now),
        scheduled_for=None if slot is None else rfc3339(slot),
    )
