"""The job ``reconcile``: compares speed, batch and ledger, reports what differs, and mends it (mechanism 16).

Mending goes from what was accepted outwards: silver is rebuilt from bronze, then the live counters from both.
"""

import datetime as dt
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from typing import Any, NamedTuple, Protocol

import msgspec
import pyarrow as pa
import pyarrow.compute as pc
import structlog

from cloudpulse.errors import CloudPulseError, LogTrimmed, StoreError
from cloudpulse.events.model import Position
from cloudpulse.events.times import MINUTE_MICROS, from_minute, minute_of, parse, rfc3339
from cloudpulse.lake.snapshot import LakeFile, read_between
from cloudpulse.ops.jobs import Reconciliation
from cloudpulse.ops.ledger import LedgerReport
from cloudpulse.ops.reconciliation import set_aside
from cloudpulse.ops.reconciliation.comparison import Comparer, Comparison, Stores
from cloudpulse.ops.reconciliation.reports import MAX_LISTED, Difference, FileFault, Report, Reports
from cloudpulse.ops.reconciliation.scrub import BronzeScrub
from cloudpulse.ports import MinuteCount
from cloudpulse.telemetry import told

COMPARISONS = 3
"""What moves between stores while they are read is no divergence: one counts when it is found so often."""
RUN_MINUTES = 10
"""So many minutes of live counters are put right at once: the rows of their sessions are held in memory."""
PASSES = 100
KEPT_PURGED = dt.timedelta(hours=26)
UNREACHABLE = "{} bronze objects lie in a tier folder that cannot be reached: mount it again."
SESSIONS = ("app", "timestamp", "received_at", "session_id")

log = structlog.get_logger(__name__)


Replay = Callable[[dt.date, dt.date, bool, dt.datetime], object]
"""(first, last, dry_run, now): puts silver of these days right; raises ``CloudPulseError`` when it cannot."""


class Mend(Protocol):
    """Puts live counters right."""

    def __call__(
        self,
        *,
        first: int,
        last: int,
        position: Position,
        counts: Iterable[MinuteCount],
        lake: int,
        rows: pa.Table,
        afresh: bool,
    ) -> None:
        """Set minutes ``first`` to ``last`` to ``counts``, as they are at ``position``; ``rows`` reach up to ``lake``.

        ``afresh`` forgets what sessions were counted before.

        Raises ``LogTrimmed`` when that was too long ago, another ``CloudPulseError`` when it cannot be done now.
        """


class _Judged(NamedTuple):
    """A comparison and the ledger: everything but bronze objects."""

    comparison: Comparison
    ledger: LedgerReport

    @property
    def divergences(self) -> int:
        """How many divergences there are."""
        findings = self.comparison.findings
        return findings.cells + len(findings.files) + len(self.ledger.gaps)

    @property
    def is_trusted(self) -> bool:
        """Whether all that was accepted is known."""
        return self.comparison.uncounted == 0 and self.ledger.unlisted == 0


class Reconciler:
    """Compares the stores of a data folder, keeps a report, and mends."""

    def __init__(
        self,
        stores: Stores,
        ledger: Callable[[], LedgerReport],
        replay: Replay,
        mend: Mend,
        clock: Callable[[], dt.datetime],
    ) -> None:
        self._stores = stores
        self._comparer = Comparer(stores)
        self._ledger = ledger
        self._replay = replay
        self._mend = mend
        self._clock = clock

    def run(self, arguments: Reconciliation) -> dict[str, Any]:
        """One run; whatever it was doing when it was cut off, the next one finds and does."""
        set_aside.forget_purged(self._stores.records, self._clock() - KEPT_PURGED)
        is_full = arguments.full or arguments.repair
        scrub = BronzeScrub(self._stores.records, self._stores.data, is_full)
        faults = scrub.faults()
        unreadable = self._comparer.unreadable() if is_full else frozenset()
        found = left = self._judge(unreadable)
        found.comparison.findings.compared.update(bronze_objects=scrub.looked_at, bronze_objects_read=scrub.read)
        refusals = [UNREACHABLE.format(scrub.unreachable)] if scrub.unreachable else []
        if arguments.repair and found.divergences and found.is_trusted:
            refusals += [*self._mend_silver(found.comparison), *self._mend_counters()]
            left = self._judge(unreadable)
        report = _report(self._clock(), found, left, faults, refusals)
        Reports(self._stores.records).keep(report)
        if report.left:
            log.error("the layers do not agree", found=report.found, left=report.left)
        return {"at": report.at, "status": report.status, "found": report.found, "left": report.left}

    def recount(self, minutes: Iterable[int]) -> None:
        """Make live counters of minutes anew, whatever they are: nothing stays that is not accepted any more.

        Raises ``CloudPulseError`` when that cannot be done now.
        """
        wanted, before = frozenset(minutes), frozenset[int]()
        todo, is_done = _runs(wanted, RUN_MINUTES), False
        for _ in range(PASSES):
            comparison = self._comparer.compare(self._clock())
            if is_done:  # what was set aside while it was counted is too much now
                wrong = wanted & comparison.findings.minutes
                if wrong in (frozenset(), before):
                    return
                todo, before = _runs(wrong, RUN_MINUTES), wrong
            # Older minutes are not read any more, and what they should be is not known.
            todo = [(max(first, comparison.first), last) for first, last in todo if last >= comparison.first]
            with suppress(LogTrimmed):  # it takes too long: what is left is told anew
                while todo:
                    self._mend_range(comparison, *todo[-1], afresh=True)
                    todo.pop()
                is_done = True
        raise StoreError("The lake moves too fast for the live counters to be made anew; try again.")

    def _judge(self, unreadable: frozenset[LakeFile]) -> _Judged:
        for _ in range(COMPARISONS):
            judged = _Judged(self._comparer.compare(self._clock(), unreadable), self._ledger())
            if not judged.divergences:
                break
        return judged

    def _mend_silver(self, comparison: Comparison) -> Iterator[str]:
        """Replay the days concerned; yields a sentence where that is refused."""
        for first, last in _runs(day.toordinal() for day in comparison.findings.days):
            try:
                self._replay(dt.date.fromordinal(first), dt.date.fromordinal(last), False, self._clock())
            except CloudPulseError as exc:
                log.error("silver cannot be mended", **told(exc))
                yield exc.detail

    def _mend_counters(self) -> Iterator[str]:
        """Swap ranges of minutes, the newest first, until none is wrong; yields a sentence when that is refused."""
        before: set[int] = set()
        for _ in range(PASSES):
            comparison = self._comparer.compare(self._clock())
            wrong = comparison.findings.minutes
            if not wrong or wrong == before:
                return
            try:
                for first, last in reversed(_runs(wrong, RUN_MINUTES)):
                    self._mend_range(comparison, first, last)
                before = wrong
            except LogTrimmed:
                pass  # it took too long: what is left is told anew
            except CloudPulseError as exc:
                yield exc.detail
                return
        yield "The lake moves too fast for the live counters to be mended; try again."

    def _mend_range(self, comparison: Comparison, first: int, last: int, afresh: bool = False) -> None:
        self._mend(
            first=first,
            last=last,
            position=comparison.speed,
            counts=_counts(comparison.right, first, last),
            lake=comparison.lake.seq,
            rows=read_between(comparison.silver, SESSIONS, first * MINUTE_MICROS, (last + 1) * MINUTE_MICROS),
            afresh=afresh,
        )


def _counts(right: pa.Table, first: int, last: int) -> list[MinuteCount]:
    wanted = right.filter(pc.and_(pc.greater_equal(right["minute"], first), pc.less_equal(right["minute"], last)))
    return [MinuteCount(**row) for row in wanted.to_pylist()]


def _runs(numbers: Iterable[int], longest: int | None = None) -> list[tuple[int, int]]:
    """First and last of numbers that follow each other, in order."""
    runs: list[tuple[int, int]] = []
    for number in sorted(numbers):
        if runs and runs[-1][1] == number - 1 and (longest is None or number - runs[-1][0] < longest):
            runs[-1] = (runs[-1][0], number)
        else:
            runs.append((number, number))
    return runs


def _report(
    now: dt.datetime, found: _Judged, left: _Judged, faults: Sequence[FileFault], refusals: Sequence[str]
) -> Report:
    comparison = left.comparison
    counts = (found.divergences + len(faults), left.divergences + len(faults))
    return Report(
        at=rfc3339(now),
        status="diverged" if counts[1] else "repaired" if counts[0] else "ok",
        journal=comparison.lake.journal,
        lake=comparison.lake.seq,
        speed=comparison.speed.seq,
        minutes_from=rfc3339(from_minute(comparison.first)),
        compared=dict(found.comparison.findings.compared),
        found=counts[0],
        left=counts[1],
        differences=_differences(found.comparison, comparison),
        explained=comparison.findings.explained,
        files=[*faults[:MAX_LISTED], *_files(found.comparison, comparison)],
        ledger_gaps=left.ledger.gaps,
        todo=_todo(left, faults, refusals),
    )


def _differences(found: Comparison, left: Comparison) -> list[Difference]:
    """What was found first, and whether it is mended; and what has come since."""
    minutes, days = left.findings.minutes, left.findings.days

    def is_wrong(one: Difference) -> bool:
        at = parse(one.minute or one.hour or "")
        return minute_of(at) in minutes if one.layer == "speed" else at.date() in days

    known = [msgspec.structs.replace(one, repaired=not is_wrong(one)) for one in found.findings.differences]
    new = [one for one in left.findings.differences if one not in known]
    return [*known, *new][:MAX_LISTED]


def _files(found: Comparison, left: Comparison) -> list[FileFault]:
    """Faulty files of silver, and whether they are mended."""
    faults = found.findings.files | left.findings.files
    known = [msgspec.structs.replace(one, repaired=path not in left.findings.files) for path, one in faults.items()]
    return known[:MAX_LISTED]


def _todo(left: _Judged, faults: Sequence[FileFault], refusals: Sequence[str]) -> list[str]:
    todo = list(refusals)
    if faults:
        todo.append(
            f"{len(faults)} bronze objects are lost or altered. Silver cannot give them back: copy these files from a "
            "backup to the same paths, then run `cloudpulse reconcile --repair`."
        )
    if not left.is_trusted:
        todo.append(
            "Nothing is mended, for not all that was accepted is known: bronze, or its list in records.db, is not "
            "whole. Restore a backup; `cloudpulse verify --deep` says more."
        )
    elif left.divergences:
        todo.append("`cloudpulse reconcile --repair` rebuilds silver from bronze, and the live counters from both.")
    return todo
