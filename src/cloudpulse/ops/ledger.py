"""The count ledger: every event that was accepted is in exactly one place, and one command checks it (mechanism 18)."""

from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import msgspec

from cloudpulse.errors import LogTrimmed
from cloudpulse.events.model import LAKE, Position
from cloudpulse.lake import bronze
from cloudpulse.lake.bronze import BronzeFile
from cloudpulse.lake.snapshot import Snapshot, Snapshots
from cloudpulse.ports import DeadLetters, Limits, LogReader, LogState, Records, Relation, Warehouse
from cloudpulse.settings import Settings

KIND = "ledger"
"""Records kind: key is ``<place>:<journal>``, a place that events of a journal went to for good; the document
``{"events": n}`` is moved by the step that takes them there."""

SMALL_EVENTS = 2_000_000
"""Up to here every check is a deep one, and all ids are compared at once."""

TRIES = 3
DEEP_LIMITS = Limits(rows=1, seconds=300.0)

_ROWS = "SELECT count(*), count(DISTINCT event_id) FROM events WHERE event_id LIKE ?"
_DOUBLED = """
SELECT count(*) FROM (
    SELECT received_at - lag(received_at) OVER (PARTITION BY event_id ORDER BY received_at) AS gap
    FROM events WHERE event_id IN (SELECT event_id FROM events WHERE event_id LIKE ? GROUP BY 1 HAVING count(*) > 1)
) WHERE gap < to_days(?)
"""


class Ledger(msgspec.Struct, frozen=True, kw_only=True):
    """How many events were accepted, and how many are in each place."""

    accepted: int
    stored: int
    in_flight: int
    dead_lettered: int
    expired: int = 0
    purged: int = 0
    erased: int = 0
    retired: int = 0

    @property
    def missing(self) -> int:
        """Accepted events that are nowhere; below zero, events that nobody accepted."""
        moved = self.expired + self.purged + self.erased + self.retired
        return self.accepted - self.stored - self.in_flight - self.dead_lettered - moved


class LedgerReport(msgspec.Struct, frozen=True, kw_only=True):
    """The ledger of one moment. ``gaps`` names in sentences what does not add up; ``deep``: files and ids were read.

    ``unlisted`` events should be in bronze, and its list does not count them.
    """

    ok: bool
    deep: bool
    ledger: Ledger
    gaps: list[str]
    journal: str
    head: int
    lake_position: int
    unlisted: int = 0


class Evidence(msgspec.Struct, frozen=True, kw_only=True):
    """What the stores say. ``tail`` holds (seq, events) of the batches above the lake's position, ``letters`` the
    lake's dead letters without a next try up to the log's head, ``bronze`` the events of each journal in the objects
    that the lake has passed, ``moved`` (place, journal, events). ``retired`` rows went from silver by their age,
    ``erased`` ones by erasures, and ``bronze_gone`` events of each journal from bronze.
    """

    log: LogState
    position: Position | None
    stored: int
    tail: Sequence[tuple[int, int]]
    letters: Sequence[tuple[Position, int]]
    bronze: Mapping[str, int]
    moved: Sequence[tuple[str, str, int]]
    retired: int = 0
    erased: int = 0
    bronze_gone: Mapping[str, int] = {}

    @property
    def covered(self) -> int:
        """Events in bronze; what has gone counts as if it were there, for it leaves silver at another time."""
        return sum(self.bronze.values()) + sum(self.bronze_gone.values())

    @property
    def passed(self) -> int:
        """Events in silver, with those that have gone."""
        return self.stored + self.retired + self.erased

    @property
    def lake_seq(self) -> int:
        """How far the lake holds this journal."""
        return self.position.seq if self.position is not None and self.position.journal == self.log.journal else 0

    def is_passed(self, journal: str, seq: int) -> bool:
        """Whether the lake has passed a batch; every batch of an earlier journal was."""
        return journal != self.log.journal or seq <= self.lake_seq


def balance(evidence: Evidence) -> Ledger:
    """Count events by place. What earlier journals of this folder accepted shows in all places but the log."""
    now = evidence.log.journal
    letters = [(position, n) for position, n in evidence.letters if evidence.is_passed(position.journal, position.seq)]
    earlier = sum(n for journal, n in evidence.bronze.items() if journal != now)
    earlier += sum(n for position, n in letters if position.journal != now)
    earlier += sum(n for _, journal, n in evidence.moved if journal != now)
    earlier += sum(n for journal, n in evidence.bronze_gone.items() if journal != now)
    moved = Counter({"retired": evidence.retired, "erased": evidence.erased})
    for place, _, n in evidence.moved:
        moved[place] += n
    return Ledger(
        accepted=evidence.log.accepted + earlier,
        stored=evidence.stored,
        in_flight=sum(n for seq, n in evidence.tail if seq <= evidence.log.head),
        dead_lettered=sum(n for _, n in letters),
        **moved,
    )


def check(evidence: Evidence, deep_gaps: Sequence[str] | None = None) -> LedgerReport:
    """Judge the evidence; ``deep_gaps`` are what a deep check of files and ids found, None without one."""
    ledger = balance(evidence)
    gaps = [*_gaps(evidence, ledger), *(deep_gaps or ())]
    return LedgerReport(
        ok=not gaps,
        deep=deep_gaps is not None,
        ledger=ledger,
        gaps=gaps,
        journal=evidence.log.journal,
        head=evidence.log.head,
        lake_position=evidence.lake_seq,
        unlisted=ledger.missing + evidence.passed - evidence.covered,
    )


def _gaps(evidence: Evidence, ledger: Ledger) -> list[str]:
    gaps = []
    if ledger.missing > 0:
        gaps.append(f"{ledger.missing} of {ledger.accepted} accepted events are nowhere to be found.")
    if ledger.missing < 0:
        gaps.append(f"{-ledger.missing} events are held that were never accepted, or are held twice.")
    if evidence.covered != evidence.passed:
        gaps.append(f"Bronze lists {evidence.covered} events and silver holds {evidence.passed}: they must be equal.")
    return gaps


class LedgerService:
    """Gathers the evidence from the stores of a folder, which may be in use."""

    def __init__(
        self,
        settings: Settings,
        log: LogReader,
        snapshots: Snapshots,
        records: Records,
        letters: DeadLetters,
        warehouse: Warehouse,
    ) -> None:
        self._data = settings.data
        self._window_days = settings.dedup_window_days
        self._log = log
        self._snapshots = snapshots
        self._records = records
        self._letters = letters
        self._warehouse = warehouse

    def report(self, deep: bool | None = None) -> LedgerReport:
        """Check now; ``deep`` reads all bronze files and ids, None leaves it to the size of the lake.

        Events move while they are counted, so a gap counts only when it stays. Raises ``LogTrimmed`` when the lake
        moves faster than it can be read.
        """
        for _ in range(TRIES - 1):
            with suppress(LogTrimmed, FileNotFoundError):
                report = self._report(deep)
                if report.ok:
                    return report
        return self._report(deep)

    def _report(self, deep: bool | None) -> LedgerReport:
        snapshot = self._snapshots.current()
        evidence = self._evidence(snapshot)
        if deep or (deep is None and snapshot.rows <= SMALL_EVENTS):
            return check(evidence, [*self._silver_gaps(snapshot), *self._bronze_gaps(evidence)])
        return check(evidence)

    def _evidence(self, snapshot: Snapshot) -> Evidence:
        """The lake first, the log's totals second, its tail last: every batch is then seen at least once."""
        state = self._log.state()
        position = snapshot.position
        after = position.seq if position is not None and position.journal == state.journal else 0
        _, digests = self._log.digests(after, LAKE)
        return Evidence(
            log=state,
            position=position,
            stored=snapshot.rows,
            tail=[(seq, sum(count.events for count in digest)) for seq, _, digest in digests],
            letters=self._open_letters(state.head),
            bronze=self._bronze_events(Position(state.journal, after)),
            retired=snapshot.retired.events,
            erased=snapshot.erased,
            bronze_gone=Counter(bronze.retired(self._records)) + Counter(bronze.erased(self._records)),
            moved=[(*key.split(":", 1), document["events"]) for key, document in self._records.list(KIND)],
        )

    def _open_letters(self, head: int) -> list[tuple[Position, int]]:
        """Events whose next try the log holds are counted there, or where it took them."""
        letters = self._letters.list(LAKE)
        decided = self._log.redrives(letter.id for letter in letters)
        return [(letter.position, letter.events) for letter in letters if not 0 < decided.get(letter.id, 0) <= head]

    def _silver_gaps(self, snapshot: Snapshot) -> list[str]:
        if not snapshot.files:
            return []
        relations = {"events": Relation([file.path for file in snapshot.files])}
        # An id's last digit is random in every version of UUIDs, so it divides a large lake evenly.
        patterns = ["%"] if snapshot.rows <= SMALL_EVENTS else [f"%{digit:x}" for digit in range(16)]
        rows = doubled = 0
        for pattern in patterns:
            found, distinct = self._warehouse.run(_ROWS, [pattern], relations, DEEP_LIMITS).rows[0]
            rows += found
            if found != distinct:
                parameters = [pattern, self._window_days]
                doubled += self._warehouse.run(_DOUBLED, parameters, relations, DEEP_LIMITS).rows[0][0]
        gaps = []
        if rows != snapshot.rows:
            gaps.append(f"Silver files hold {rows} events and their table says {snapshot.rows}.")
        if doubled:
            gaps.append(f"Silver holds {doubled} events twice: same id, received within {self._window_days} days.")
        return gaps

    def _bronze_events(self, reached: Position) -> Counter[str]:
        events = Counter[str]()
        for file in bronze.walk(self._records):
            if file.journal != reached.journal or file.last <= reached.seq:
                events[file.journal] += file.n
        return events

    def _bronze_gaps(self, evidence: Evidence) -> list[str]:
        passed = (file for file in bronze.walk(self._records) if evidence.is_passed(file.journal, file.last))
        gaps = ((file, _gap(self._data, file)) for file in passed)
        return [gap for file, gap in gaps if gap and bronze.is_listed(self._records, file)]


def _gap(data: Path, file: BronzeFile) -> str | None:
    fault = bronze.fault(data, file)
    if fault == "lost":
        return f"Bronze file {file.path} with {file.n} events is gone."
    return f"Bronze file {file.path} is not what was written." if fault else None
