"""What is accepted and not yet in the lake, in one consistent view with the lake (mechanisms 12 and 13)."""

import datetime as dt
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from cloudpulse.errors import LogTrimmed
from cloudpulse.events.model import LAKE, Batch, Count
from cloudpulse.events.times import from_micros, micros
from cloudpulse.lake import tail
from cloudpulse.lake.sift import to_rows
from cloudpulse.lake.snapshot import LakeFile, Snapshots
from cloudpulse.ports import LogReader
from cloudpulse.serving.cache import LruCache
from cloudpulse.serving.request import Plan

TRIES = 5
SECOND = 1_000_000
DECODED_EVENTS = 100_000
MINUTE = 60 * SECOND


class View(msgspec.Struct, frozen=True, kw_only=True):
    """One moment: the lake's files, which hold everything up to ``after``, and the digests of ``after`` to ``head``.

    ``seen_at`` (microseconds) lies before the log was read: what was acknowledged before it is in the view.
    """

    files: Sequence[LakeFile]
    journal: str
    after: int
    head: int
    digests: Sequence[tuple[int, int, tuple[Count, ...]]]
    seen_at: int

    @property
    def tail_events(self) -> int:
        """How many events the tail holds."""
        return sum(count.events for _, _, digest in self.digests for count in digest)

    def without_tail(self) -> "View":
        """The lake alone, complete up to the batches that are left out."""
        # The oldest event of a batch came shortly before the batch's own time, which is that of its newest event.
        seen_at = self.digests[0][1] - SECOND if self.digests else self.seen_at
        return msgspec.structs.replace(self, head=self.after, digests=(), seen_at=min(seen_at, self.seen_at))


def counts(view: View, plan: Plan) -> Iterator[Count]:
    """The counts in the tail that a plan selects, as far as a digest can tell."""
    return (count for _, _, digest in view.digests for count in digest if selects(plan, count))


def selects(plan: Plan, count: Count) -> bool:
    """Whether a plan selects the events of this count, judged by range, type and app."""
    return (
        plan.calendar.start <= count.minute * MINUTE < plan.calendar.end
        and plan.event_type in (None, count.event_type)
        and all(name != "app" or value == count.app for name, value in plan.filters)
    )


class TailReader:
    """Opens views, and gets the rows of their tails."""

    def __init__(self, folder: Path, snapshots: Snapshots, log: LogReader, now: Callable[[], dt.datetime]) -> None:
        self._folder = folder
        self._snapshots = snapshots
        self._log = log
        self._now = now
        self._journal = ""
        self._decoded: LruCache[tuple[str, int], pa.Table] = LruCache(DECODED_EVENTS, lambda table: table.num_rows + 1)

    def forget(self) -> None:
        """Let go of all rows that are in memory."""
        self._decoded.clear()
        tail.forget()

    def view(self) -> View:
        """The lake first, the log second; when the log was trimmed past the lake's position meanwhile, once more."""
        for _ in range(TRIES):
            snapshot, journal = self._snapshots.current(), self._journal_id()
            position = snapshot.position
            after = position.seq if position is not None and position.journal == journal else 0
            seen_at = micros(self._now())
            try:
                head, digests = self._log.digests(after, LAKE)
            except LogTrimmed:
                continue
            return View(files=snapshot.files, journal=journal, after=after, head=head, digests=digests, seen_at=seen_at)
        raise LogTrimmed("The lake moves faster than it can be read; try again.")

    def _journal_id(self) -> str:
        """Which journal this is; asked once, for a journal is not changed in use."""
        self._journal = self._journal or self._log.state().journal
        return self._journal

    def rows(self, view: View, plan: Plan) -> pa.Table | None:
        """The silver rows of the tail within the plan's range and type; None when there are none.

        Raises ``LogTrimmed`` when the tail went into the lake meanwhile: open a new view.
        """
        if next(counts(view, plan), None) is None:
            return None
        tables, covered = tail.read_tail(self._folder, view.journal, view.after, view.head)
        wanted = [seq for seq, _, digest in view.digests if seq > covered and any(selects(plan, c) for c in digest)]
        tables = [*tables, *self._decode(view.journal, wanted)]
        if not tables:
            return None
        table = _select(pa.concat_tables(tables), plan)
        return table if table.num_rows else None

    def batches(self, view: View) -> list[Batch]:
        """The batches of the tail as the log has them; raises ``LogTrimmed`` as ``rows``."""
        wanted = {seq for seq, _, _ in view.digests}
        found: list[Batch] = []
        after = view.after
        while wanted and after < max(wanted):
            read = self._log.read(after, max_events=DECODED_EVENTS)
            if not read:
                raise LogTrimmed("The log changed while it was read; try again.")
            after = read[-1].seq
            found += [batch for batch in read if batch.seq in wanted]
        return found

    def stream(self, view: View) -> Iterator[pa.Table]:
        """All rows of the tail, batch by batch, in bounded memory; raises ``LogTrimmed`` as ``rows``."""
        wanted = {seq for seq, _, _ in view.digests}
        after = view.after
        while wanted and after < max(wanted):
            read = self._log.read(after, max_events=1)
            if not read:
                raise LogTrimmed("The log changed while it was read; try again.")
            after = read[-1].seq
            yield from (self._to_rows(batch) for batch in read if batch.seq in wanted)

    def _decode(self, journal: str, wanted: Sequence[int]) -> list[pa.Table]:
        """Batches that the pipeline has not decoded yet."""
        found = {seq: self._decoded.get((journal, seq)) for seq in wanted}
        while missing := [seq for seq, table in found.items() if table is None]:
            batches = self._log.read(missing[0] - 1, max_events=DECODED_EVENTS)
            if not batches:
                raise LogTrimmed("The log changed while it was read; try again.")
            for batch in batches:
                if batch.seq in found and found[batch.seq] is None:
                    found[batch.seq] = table = self._to_rows(batch)
                    self._decoded.put((journal, batch.seq), table)
        return [table for table in found.values() if table is not None]

    def _to_rows(self, batch: Batch) -> pa.Table:
        return to_rows(batch, self._now())


def _select(table: pa.Table, plan: Plan) -> pa.Table:
    time: Any = pc.field("timestamp")
    mask = (time >= from_micros(plan.calendar.start)) & (time < from_micros(plan.calendar.end))
    if plan.event_type is not None:
        mask &= pc.field("event_type") == plan.event_type
    return table.filter(mask)
