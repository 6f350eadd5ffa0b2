"""Executions of workflows in the DynamoDB table of the records."""

import datetime as dt
from collections.abc import Callable, Sequence
from itertools import islice

import msgspec

from cloudpulse.engines.aws.dynamo import Table
from cloudpulse.engines.aws.line import Line
from cloudpulse.events.times import parse
from cloudpulse.ports import Execution, JobStatus

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Execution).decode


class DynamoExecutions:
    """Port ``Executions``; any number of processes may write."""

    def __init__(self, table: str) -> None:
        self._line = Line(Table(table), "executions")

    def start(self, execution: Execution) -> Execution:
        """Put an execution in line, once."""
        if self._line.append(execution.id, _encode(execution)):
            return execution
        return self.show(execution.id) or execution

    def change(self, execution_id: str, change: Callable[[Execution], Execution | None]) -> Execution | None:
        """Replace an execution under the condition that nobody else did; ``change`` may be called again."""

        def changed(document: bytes) -> bytes | None:
            made = change(_decode(document))
            return None if made is None else _encode(made)

        document = self._line.change(execution_id, changed)
        return None if document is None else _decode(document)

    def history(
        self, workflow: str | None = None, statuses: Sequence[JobStatus] = (), limit: int | None = None
    ) -> list[Execution]:
        """Executions, newest first."""
        found = (_decode(entry.document) for entry in self._line.newest(None if workflow or statuses else limit))
        wanted = (one for one in found if workflow in (None, one.workflow) and (not statuses or one.status in statuses))
        return [*islice(wanted, limit)]

    def show(self, execution_id: str) -> Execution | None:
        """One execution, or None."""
        entry = self._line.find(execution_id)
        return _decode(entry.document) if entry else None

    def prune(self, before: dt.datetime, keep: int) -> int:
        """Forget old executions, one by one."""
        removed = 0
        for place, entry in enumerate(list(self._line.newest())):
            ended = _decode(entry.document).finished_at
            if ended is not None and (place >= keep or parse(ended) < before):
                removed += self._line.remove(entry)
        return removed
