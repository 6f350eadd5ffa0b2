"""What differs between engines. Each docstring says what an implementation promises."""

import datetime as dt
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Literal, Protocol

import msgspec
from msgspec import UNSET, UnsetType

from cloudpulse.events.model import Batch, Count, Position


class LogState(msgspec.Struct, frozen=True, kw_only=True):
    """Where a log stands. Times are microseconds since 1970; ``oldest_received_at`` is None when it is empty.

    ``accepted`` counts the events of all batches ever appended, trimmed ones too, without second tries;
    ``stored_bytes`` is what the batches hold that are still there.
    """

    journal: str
    head: int
    trimmed: int
    accepted: int
    stored_bytes: int
    oldest_received_at: int | None
    last_received_at: int


class EventLog(Protocol):
    """Append batches durably; both layers will see them."""

    def append(self, batch: Batch, trim_through: int = 0) -> int:
        """Write one batch and return its ``seq``; on return it survives a power cut.

        All or nothing. Numbers rise by one and are never used twice. A batch whose ``redrive_of`` was appended before
        is not written again: the first one's number is returned, or 0 when that letter was purged. In the same step a
        bounded number of batches up to ``trim_through`` may go. Raises ``DiskFull`` or ``StoreError``; then nothing was
        written.
        """

    def purge(self, letter_id: str) -> bool:
        """Decide, durably, that a dead letter is never appended again; False when it was appended before."""

    def trim(self, through: int) -> bool:
        """Let a bounded number of batches up to ``through`` go, oldest first; True when more of them may wait."""

    def vacuum(self) -> None:
        """Leave no byte of what was trimmed; takes a while, and may raise ``StoreError`` or ``DiskFull``."""


class LogReader(Protocol):
    """Read what an ``EventLog`` holds, from any process."""

    def read(self, after: int, limit: int = 500, max_events: int = 50_000) -> list[Batch]:
        """Batches above ``after`` in order, gapless; at least one when there is one. Raises ``LogTrimmed``."""

    def digests(self, after: int, consumer: str | None) -> tuple[int, list[tuple[int, int, tuple[Count, ...]]]]:
        """The head and (seq, received_at, digest) of a consumer's batches above ``after``, seen in one moment.

        For None, those that are no next try of a dead letter. Raises ``LogTrimmed``.
        """

    def redrives(self, letter_ids: Iterable[str]) -> dict[str, int]:
        """What was decided on dead letters: the ``seq`` of the next try, 0 for a purged one; others are left out."""

    def state(self) -> LogState:
        """Where the log stands, seen in one moment."""


class IdEntry(msgspec.Struct, frozen=True):
    """What is known of an id: its batch, when (seconds since 1970), the payload's hash, and the event type."""

    seq: int
    received_at: int
    payload_hash: bytes
    event_type: str


class IdIndex(Protocol):
    """Which ids were seen within the window, and in which batch."""

    def lookup(self, ids: Sequence[bytes], now_seconds: int) -> list[IdEntry | None]:
        """One entry per id, in order; None where the id is unknown or older than the window."""

    def record(self, batch: Batch) -> None:
        """Remember the ids of a batch that the log holds, and that the index has come up to it; repeatable.

        Another try of a dead letter of the lake moves the ids that the letter held to its own number, and leaves their
        age; one for another consumer leaves them alone.
        """

    def through(self) -> int:
        """The highest batch recorded; 0 for an empty index."""

    def restart(self) -> None:
        """Forget how far the index has come, not what it knows: whatever the log holds will be recorded again."""

    def flush(self) -> int:
        """Make all that is recorded durable; returns the ``through`` that a power cut cannot take back."""


class MinuteCount(msgspec.Struct, frozen=True):
    """The live counter of one app, minute (since 1970, UTC) and event type."""

    app: str
    minute: int
    event_type: str
    events: int


class LiveCounts(msgspec.Struct, frozen=True):
    """A range of live counters and the position up to which they are complete, seen in one moment.

    ``sessions`` holds one serialised theta sketch per (app, minute).
    """

    position: Position | None
    counts: list[MinuteCount]
    sessions: list[tuple[str, int, bytes]]


class Counters(Protocol):
    """Per-minute live counters."""

    def position(self) -> Position | None:
        """How far the counters have come; None when they are new."""

    def apply(
        self,
        expected: Position | None,
        position: Position,
        counts: Iterable[MinuteCount],
        sessions: Mapping[tuple[str, int], bytes],
    ) -> bool:
        """Add counts, merge session sketches and move from ``expected`` to ``position`` in one atomic step.

        Returns False, and changes nothing, when the counters do not stand at ``expected``.
        """

    def range(self, first_minute: int, last_minute: int, with_sessions: bool = True) -> LiveCounts:
        """Counters of the minutes from first to last, both inclusive, with the position, in one consistent read."""

    def replace(
        self,
        position: Position,
        first_minute: int,
        last_minute: int,
        counts: Iterable[MinuteCount],
        sessions: Mapping[tuple[str, int], bytes],
    ) -> bool:
        """Set counts and session sketches of a range of minutes at once: what is not given is gone.

        Returns False, and changes nothing, when the counters do not stand at ``position``.
        """

    def expire(self, before_minute: int) -> int:
        """Remove minutes before this one; returns how many rows went."""


class DeadLetter(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of events that a consumer could not process. Times are microseconds since 1970.

    ``position`` is where their batch stands in the log, ``failed_at`` the times of the last tries; ``attempts`` counts
    earlier ones too, where this is what became of another letter's next try. Nothing here quotes an event.
    """

    consumer: str
    position: Position
    events: int
    parked_at: int
    attempts: int
    failed_at: tuple[int, ...]
    fingerprint: str
    reason: str
    stack: str
    redrive_of: str | None = None

    @property
    def id(self) -> str:
        """``<consumer>:<journal>:<seq>``: unique, and the ``redrive_of`` of its next try."""
        return f"{self.consumer}:{self.position}"

    def is_passed(self, position: Position | None) -> bool:
        """Whether its consumer, which has stored all up to ``position``, gets it from no log again: it is final."""
        if position is None:
            return False
        return self.position.journal != position.journal or self.position.seq <= position.seq


class DeadLetters(Protocol):
    """What could not be processed."""

    def park(self, letter: DeadLetter, batch: Batch) -> None:
        """Keep a letter and its events durably; parking the same one again replaces it."""

    def list(self, consumer: str | None = None) -> list[DeadLetter]:
        """All letters, oldest first."""

    def show(self, letter_id: str) -> DeadLetter | None:
        """One letter, or None."""

    def batch(self, letter_id: str) -> Batch | None:
        """The events of one letter with their original bytes, or None."""

    def remove(self, letter_id: str, place: str | None = None) -> bool:
        """Forget one letter; False when there is none.

        With ``place`` its events are added to the records of kind ``ledger``, key ``<place>:<journal>``, document
        ``{"events": n}``, in the same step.
        """

    def shorten(self, letter_id: str, batch: Batch, place: str | None = None) -> bool:
        """Leave a letter the events of ``batch`` alone, and count the others as ``remove`` does; False if there is none."""

    def forget_above(self, consumer: str, position: Position | None) -> int:
        """Forget the letters of this consumer above its position, which the log delivers again; returns how many."""


class Records(Protocol):
    """Small JSON documents under (kind, key), keys in lexical order within a kind."""

    def put(self, kind: str, documents: Mapping[str, Any]) -> None:
        """Write documents, replacing those of the same key; all or none, durable on return."""

    def get(self, kind: str, key: str) -> Any | None:
        """One document, or None."""

    def list(
        self, kind: str, start: str = "", end: str | None = None, limit: int | None = None
    ) -> list[tuple[str, Any]]:
        """(key, document) with ``start`` <= key < ``end``, in key order."""

    def delete(self, kind: str, keys: Iterable[str]) -> int:
        """Remove documents, all or none; returns how many were there."""

    def exchange(self, removed: Mapping[str, Iterable[str]], documents: Mapping[str, Mapping[str, Any]]) -> None:
        """Remove documents (kind → keys) and write others (kind → key → document), all or none, durable on return."""

    def vacuum(self) -> None:
        """Leave no byte of what was removed; takes a while, and may raise ``StoreError``."""


class SecretVersion(msgspec.Struct, frozen=True, kw_only=True):
    """One version of a secret; seconds since 1970. ``expires_at`` is None for the current one."""

    version: str
    value: str
    created_at: int
    expires_at: int | None = None

    def __repr__(self) -> str:
        return f"SecretVersion(version={self.version!r}, value=***)"


class Secrets(Protocol):
    """Named secrets with a current and a previous version."""

    def names(self, prefix: str = "") -> list[str]:
        """Names that begin with ``prefix``, sorted."""

    def versions(self, name: str, now: int) -> list[SecretVersion]:
        """The valid versions, the current one first; empty when there is none."""

    def put(
        self, name: str, value: str, now: int, keep_previous_seconds: int = 0, end_older: bool = False
    ) -> SecretVersion:
        """Make ``value`` the current version; those before stay valid for ``keep_previous_seconds`` at most.

        With ``end_older`` this holds for the one before alone, and older ones end now.
        """

    def amend(self, name: str, value: str) -> bool:
        """Change the value of the current version and nothing else; False when there is none."""

    def remove(self, name: str) -> bool:
        """Forget all versions; False when there were none."""

    def expire(self, now: int) -> int:
        """Forget the versions of all names that have ended; returns how many there were."""


JobStatus = Literal["waiting", "running", "done", "failed"]


class JobRun(msgspec.Struct, frozen=True, kw_only=True):
    """One run of a job. Times are RFC 3339 in UTC; ``scheduled_for`` is None when somebody asked for the run.

    ``attempts`` counts tries, also those that ended with their process. ``error`` is a sentence.
    """

    id: str
    name: str
    status: JobStatus
    arguments: dict[str, Any]
    requested_at: str
    scheduled_for: str | None = None
    started_at: str | None = None
    finished_at: str | None = None
    seconds: float | None = None
    attempts: int = 0
    result: dict[str, Any] | None = None
    error: str | None = None


class Jobs(Protocol):
    """The line of jobs and their history; any process may read it and ask for a run. All writes are durable."""

    def request(self, name: str, arguments: Mapping[str, Any], now: dt.datetime) -> JobRun:
        """Put a run in line; it waits until its process begins it."""

    def schedule(self, name: str, slot: dt.datetime, now: dt.datetime) -> bool:
        """Put the run of a scheduled time in line; False, and nothing, when this time or a later one was.

        The first time ever is only remembered, and one that comes while a run of this job waits is that run's.
        """

    def begin(self, run_id: str, now: dt.datetime) -> JobRun | None:
        """Count another try of a run; None when there is no such run, or when it has ended."""

    def finish(
        self, run_id: str, now: dt.datetime, result: Mapping[str, Any] | None = None, error: str | None = None
    ) -> None:
        """End a run: it is done, or failed when there is an ``error``. One that has ended stays as it is."""

    def history(
        self, name: str | None = None, statuses: Sequence[JobStatus] = (), limit: int | None = None
    ) -> list[JobRun]:
        """Runs of one job or all, in these statuses or any, newest first."""

    def show(self, run_id: str) -> JobRun | None:
        """One run, or None."""

    def prune(self, before: dt.datetime, keep: int) -> int:
        """Forget runs that ended before, and all but the newest ``keep``; returns how many went.

        Those that wait or run stay, and so does the newest good run of each job.
        """


class StepRun(msgspec.Struct, frozen=True, kw_only=True):
    """One step of an execution. ``attempts`` counts tries, also those that ended with their process; ``errors`` holds
    a sentence for each that failed. ``output`` holds counts, ids and codes, nothing that an event says.
    """

    name: str
    status: JobStatus = "waiting"
    attempts: int = 0
    started_at: str | None = None
    finished_at: str | None = None
    input: dict[str, Any] | None = None
    output: dict[str, Any] | None = None
    errors: tuple[str, ...] = ()


class Execution(msgspec.Struct, frozen=True, kw_only=True):
    """One execution of a workflow. Times are RFC 3339 in UTC; ``retries`` counts how often it was taken up again after
    it had failed; ``error`` says why it has.
    """

    id: str
    workflow: str
    status: JobStatus
    requested_at: str
    finished_at: str | None = None
    retries: int = 0
    steps: tuple[StepRun, ...]
    error: str | None = None


class Executions(Protocol):
    """Executions of workflows and their history; any process may read and write it. All writes are durable."""

    def start(self, execution: Execution) -> Execution:
        """Put an execution in line, and return it; or the one of this id that there is."""

    def change(self, execution_id: str, change: Callable[[Execution], Execution | None]) -> Execution | None:
        """Replace an execution by what ``change`` makes of it, in one atomic step, and return that.

        None, and nothing is changed, where there is no such execution or ``change`` returns None.
        """

    def history(
        self, workflow: str | None = None, statuses: Sequence[JobStatus] = (), limit: int | None = None
    ) -> list[Execution]:
        """Executions of one workflow or all, in these statuses or any, newest first."""

    def show(self, execution_id: str) -> Execution | None:
        """One execution, or None."""

    def prune(self, before: dt.datetime, keep: int) -> int:
        """Forget executions that ended before, and all but the newest ``keep``; returns how many went.

        Those that wait or run stay.
        """


class AuditEntry(msgspec.Struct, frozen=True, kw_only=True):
    """Who did what to whom. Ids only: no address, no name, no secret, nothing of an event.

    ``actor`` and ``subject`` are ids (``client/…``, ``user/…``, ``write_key/…``), ``at`` is RFC 3339 in UTC.
    ``left_out`` refusals of the same subject came before this one and have no entry: they were too many.
    """

    at: str
    actor: str
    action: str
    subject: str
    outcome: str = "done"
    request_id: str | None = None
    left_out: int | UnsetType = UNSET


class AuditLog(Protocol):
    """What was done with identities and data, for ever."""

    def append(self, entry: AuditEntry) -> None:
        """Write one entry durably, behind all others; nothing that stands there is ever changed.

        Raises ``StoreError`` with what is missing from the log: whoever did it must be told.
        """


class Relation(msgspec.Struct, frozen=True):
    """A table that one statement may use: lake files by name, and rows in memory (an Arrow table) beside them.

    Files are Parquet; where ``columns`` are given (name → DuckDB's type) they hold JSON objects instead, compressed
    when their names end in ``.zst``, and columns that an object lacks are null.
    """

    files: Sequence[str]
    rows: Any | None = None
    columns: Mapping[str, str] | None = None


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """What one statement may use; it ends soon after ``cancelled`` is set."""

    rows: int = 10_000
    seconds: float = 25.0
    bytes: int | None = None
    cancelled: threading.Event | None = None


class Rows(msgspec.Struct, frozen=True, kw_only=True):
    """The answer to a statement: (name, type) of the columns, rows in order, and whether rows were left out."""

    columns: list[tuple[str, str]]
    rows: list[tuple[Any, ...]]
    truncated: bool = False


class Warehouse(Protocol):
    """Runs one read-only statement."""

    def run(self, sql: str, parameters: Sequence[Any], relations: Mapping[str, Relation], limits: Limits) -> Rows:
        """Run ``sql`` over the named relations; parameters stand for ``?``.

        A file that has gone meanwhile raises FileNotFoundError, a statement over its time ``QueryTimeout``, one that
        was cancelled ``QueryCancelled``, a wrong one or one that needs too much ``UserError``.
        """

    def forget(self) -> None:
        """Let go of all that is kept of the files that were read; what runs goes on."""


Target = Literal["webhook", "email"]


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """Something that happened, for one target outside. ``id`` is the same whenever the same thing is told.

    ``data`` names ids, counts and sentences, nothing of an event; ``made_at`` is RFC 3339 in UTC.
    """

    id: str
    kind: str
    target: Target
    made_at: str
    data: dict[str, Any]


class Channel(Protocol):
    """The way to one target outside."""

    def send(self, message: Message) -> None:
        """Return when the other side has taken the message, within half a minute or so.

        Raises ``NotDelivered`` with a sentence without any secret; the message may have arrived nevertheless.
        """
