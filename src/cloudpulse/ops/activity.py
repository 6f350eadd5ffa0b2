"""The steps of the workflow ``activity``: process an upload, and write its events by the way that all events take.

Both read the raw copy, which always gives the same events with the same ids: a step that is run again adds nothing.
"""

import datetime as dt
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple, Protocol

import msgspec

from cloudpulse.errors import UserError
from cloudpulse.events.activity import Entry, Refusals, entries
from cloudpulse.events.codec import encode_event
from cloudpulse.events.explain import InvalidEvent
from cloudpulse.events.times import parse, rfc3339
from cloudpulse.events.validate import Rejection
from cloudpulse.ops.uploads import Uploads
from cloudpulse.ops.workflows import StepFunction, step_of
from cloudpulse.ports import Execution
from cloudpulse.settings import Settings

BATCH_EVENTS = 5_000
BATCH_BYTES = 4_000_000


class Receipt(Protocol):
    """What became of a batch of events."""

    @property
    def accepted(self) -> int:
        """Events that are new."""

    @property
    def duplicates(self) -> int:
        """Events that were known."""

    @property
    def errors(self) -> Sequence[Rejection]:
        """Events that were refused, by their place in the batch."""


Deliver = Callable[[Sequence[bytes], str, str], Receipt]
"""(canonical events that have ids, client id, app) → what became of them, durably. Raises when nobody can tell."""


class Activity:
    """The steps, over the raw copies of a data folder."""

    def __init__(self, settings: Settings, uploads: Uploads, deliver: Deliver) -> None:
        self._settings = settings
        self._uploads = uploads
        self._deliver = deliver

    def steps(self) -> dict[str, StepFunction]:
        """What the steps call."""
        return {"process": self.process, "write": self.write}

    def process(self, execution: Execution, now: dt.datetime) -> dict[str, Any]:
        """Check, normalise and complete every event; counts, and which were set aside. Fails when none is valid."""
        refusals, valid = Refusals(), 0
        for index, entry in self._entries(execution):
            if isinstance(entry, InvalidEvent):
                refusals.add(index, entry.code, entry.field)
            else:
                valid += 1
        if not valid:
            raise UserError(f"No event is valid: {refusals}." if refusals.total else "The upload holds no event.")
        return {
            "events": valid + refusals.total,
            "valid": valid,
            "rejected": refusals.total,
            "rejections": msgspec.to_builtins(refusals.shown),
            "processed_at": rfc3339(now),
        }

    def write(self, execution: Execution, now: dt.datetime) -> dict[str, Any]:
        """Hand the valid events over in batches; counts, and which the ingest has rejected."""
        self._check_age(execution, now)
        accepted, duplicates, refusals = 0, 0, Refusals()
        for batch in self._batches(execution):
            receipt = self._deliver(batch.lines, *_sender(execution))
            accepted += receipt.accepted
            duplicates += receipt.duplicates
            for error in receipt.errors:
                refusals.add(batch.indexes[error.index], error.code, error.field)
        return {
            "accepted": accepted,
            "duplicates": duplicates,
            "rejected": refusals.total,
            "rejections": msgspec.to_builtins(refusals.shown),
        }

    def _check_age(self, execution: Execution, now: dt.datetime) -> None:
        """An earlier try may have stored some of the events, and their ids are not known for ever."""
        days = self._settings.dedup_window_days
        if step_of(execution, "write").attempts > 1 and now - parse(execution.requested_at) > dt.timedelta(days=days):
            raise UserError(f"Some of its events may have been stored more than {days} days ago (dedup_window_days).")

    def _entries(self, execution: Execution) -> Iterator[Entry]:
        ingest = execution.steps[0]
        kept, given = ingest.output or {}, ingest.input or {}
        at = parse(execution.requested_at)
        with self._uploads.open(kept["path"]) as stream:
            yield from entries(stream, given["format"], execution.id, at, self._settings.max_body_bytes)

    def _batches(self, execution: Execution) -> Iterator["_Batch"]:
        most = min(BATCH_EVENTS, self._settings.max_batch_events)
        most_bytes = min(BATCH_BYTES, self._settings.max_body_bytes)
        batch, size = _Batch([], []), 0
        for index, entry in self._entries(execution):
            if isinstance(entry, InvalidEvent):
                continue
            line = encode_event(entry)
            if batch.lines and (len(batch.lines) == most or size + len(line) > most_bytes):
                yield batch
                batch, size = _Batch([], []), 0
            batch.indexes.append(index)
            batch.lines.append(line)
            size += len(line) + 1
        if batch.lines:
            yield batch


class _Batch(NamedTuple):
    indexes: list[int]
    lines: list[bytes]


def _sender(execution: Execution) -> tuple[str, str]:
    given = execution.steps[0].input or {}
    return given["client_id"], given["app"]
