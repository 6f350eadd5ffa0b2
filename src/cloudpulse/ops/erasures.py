"""Erasures as the api process knows them: it notes in the log where one begins; the pipeline does it (mechanism 19).

What is to be erased is here for a moment only: from here on a keyed hash stands for it.
"""

import datetime as dt
import secrets as random
import uuid
from collections.abc import Callable, Iterable
from typing import Any, Protocol

import msgspec
import zstandard

from cloudpulse.errors import NotFound, Overloaded, ServiceError
from cloudpulse.events import codec, times
from cloudpulse.events.model import Batch, Event
from cloudpulse.lake import erasure_state
from cloudpulse.lake.erasure_state import ErasureState
from cloudpulse.lake.tombstones import Subject, Tombstone, Tombstones, keyed_hash
from cloudpulse.ops.jobs import Arguments
from cloudpulse.ports import JobRun, Jobs, JobStatus, LogReader, Records, Secrets

JOB = "erase"
_BEING_ERASED = "Some of these events are just being erased; try again when that is done."
RETRY = dt.timedelta(hours=1)
PREFIX = "erase:"
"""Begins the ``redrive_of`` of the record that an erasure has in the log; no consumer takes it in."""


class _Who(msgspec.Struct):
    """What may tell whom something is about that was sent as an event."""

    user_id: Any = None
    session_id: Any = None


_decode_who = msgspec.json.Decoder(_Who).decode


class Journal(Protocol):
    """The log, for erasures."""

    def append_once(self, batch: Batch) -> int:
        """Append the record of an erasure; its number."""


class Erasure(msgspec.Struct, frozen=True, kw_only=True):
    """What became of an erasure; ``subject`` is a keyed hash. When it is done, ``record`` tells what was removed, and
    ``signature`` is that record as a JWS, signed with a key of ``/.well-known/jwks.json``.
    """

    id: str
    status: JobStatus
    kind: Subject
    subject: str
    received_before: str
    error: str | None
    record: dict[str, Any] | None
    signature: str | None


class ErasureService:
    """Begins erasures and shows them; ``prepare`` makes the key that signs records, ``start(name, arguments)`` puts a
    job in line.
    """

    def __init__(
        self,
        secrets: Secrets,
        prepare: Callable[[], None],
        journal: Journal,
        reader: LogReader,
        runs: Jobs,
        records: Records,
        start: Callable[[str, Arguments], JobRun],
        now: Callable[[], dt.datetime],
    ) -> None:
        self._secrets = secrets
        self._prepare = prepare
        self._journal = journal
        self._reader = reader
        self._runs = runs
        self._records = records
        self._start = start
        self._now = now
        self._active: dict[str, Tombstone] = {stone.id: stone for stone, _ in self._requested()}

    def request(self, kind: Subject, value: str, until: int) -> Erasure:
        """Begin to erase what was received before ``until``, all of which must be in the log.

        Raises ``Overloaded`` or ``StoreError``: then nothing is erased.
        """
        self._prepare()
        erasure_id = uuid.uuid4().hex
        stone = Tombstone(
            id=erasure_id,
            kind=kind,
            subject=keyed_hash(self._key(), kind, value),
            journal=self._reader.state().journal,
            seq=0,
            until=until,
        )
        # First of all: what is appended after the record must have passed the check.
        self._active[erasure_id] = stone
        try:
            seq = self._journal.append_once(_record(stone))
            run = self._start(JOB, msgspec.to_builtins(msgspec.structs.replace(stone, seq=seq)))
        except ServiceError:
            del self._active[erasure_id]
            raise
        return _shown(stone, None, run)

    def show(self, erasure_id: str) -> Erasure:
        """One erasure; raises ``NotFound``."""
        done = erasure_state.find(self._records, erasure_id)
        for stone, run in self._requested():
            if stone.id == erasure_id:
                return _shown(stone, done, run)
        if done is None:
            raise NotFound(f"There is no erasure {erasure_id}.")
        return _shown(done.tombstone, done, None)

    def check(self, batch: Batch) -> None:
        """Raise ``Overloaded`` for events that are just being erased: they must not be appended again."""
        stones = self._stones()
        if stones and any(place is not None for place in stones.of_lines(_lines(batch))):
            raise Overloaded(_BEING_ERASED)

    def check_relayed(self, events: Iterable[tuple[int, Event]]) -> None:
        """The same for events that were sent earlier, and are passed on now."""
        stones = self._stones()
        if stones and any(stones.are_about(event.user_id, event.session_id) for _, event in events):
            raise Overloaded(_BEING_ERASED)

    def _stones(self) -> Tombstones | None:
        """The tombstones of erasures that are not done."""
        for erasure_id in list(self._active):
            known = erasure_state.find(self._records, erasure_id)
            if known is not None and known.record is not None:
                self._active.pop(erasure_id, None)
        return Tombstones(self._key(), self._active.values()) if self._active else None

    def _requested(self) -> list[tuple[Tombstone, JobRun]]:
        """Erasures whose runs are known, newest first."""
        return [(msgspec.convert(run.arguments, Tombstone), run) for run in self._runs.history(JOB)]

    def _key(self) -> bytes:
        now = int(self._now().timestamp())
        known = erasure_state.known_key(self._secrets, now)
        if known is None:
            known = random.token_bytes(32)
            self._secrets.put(erasure_state.KEY_SECRET, known.hex(), now)
        return known


def is_about(stones: Tombstones, item: bytes) -> bool:
    """Whether what was sent as an event is about one of those who are erased; what nobody can read may be."""
    try:
        who = _decode_who(item)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return True
    return stones.are_about(*(value if isinstance(value, str) else None for value in (who.user_id, who.session_id)))


def put_ripe_in_line(runs: Jobs, records: Records, now: dt.datetime) -> None:
    """Put erasures in line that can be ended now, and an hour after a failure those that have failed."""
    found = erasure_state.open_erasures(records)
    if not found:
        return
    newest = {run.arguments["id"]: run for run in reversed(runs.history(JOB))}
    for erasure in found:
        run = newest.get(erasure.id)
        if run is None or run.status in ("waiting", "running"):
            continue
        due = erasure.due if run.status == "done" else times.parse(run.finished_at or run.requested_at) + RETRY
        if due is not None and due <= now:
            runs.request(JOB, run.arguments, now)


def _record(stone: Tombstone) -> Batch:
    """A batch without events: it stands for a moment in the order of the log, and brings its time along."""
    return Batch(
        received_at=stone.until,
        events=0,
        digest=(),
        ids=b"",
        lines=codec.pack_lines([]),
        redrive_of=PREFIX + stone.id,
    )


def _lines(batch: Batch) -> list[bytes]:
    try:
        return codec.decompress(batch.lines).split(b"\n")[:-1]
    except zstandard.ZstdError:
        return []  # nobody can read it, so nobody can store it either


def _shown(stone: Tombstone, known: ErasureState | None, run: JobRun | None) -> Erasure:
    record = known.record if known else None
    status: JobStatus = run.status if run else "failed"
    if known and status in ("waiting", "done"):
        status = "running"  # another run has begun it, or its own waits until old files may go
    return Erasure(
        id=stone.id,
        status="done" if record else status,
        kind=stone.kind,
        subject=stone.subject,
        received_before=times.rfc3339(times.from_micros(stone.until)),
        error=run.error if run and not record else None,
        record=record,
        signature=known.signature if known else None,
    )
