"""What runs by itself, and when: the jobs, and what is asked of them by hand."""

import datetime as dt
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

import msgspec
import structlog
from croniter import croniter

from cloudpulse.errors import NotFound, UserError
from cloudpulse.events.times import parse, rfc3339
from cloudpulse.lake.tombstones import Tombstone
from cloudpulse.ports import JobRun, Jobs
from cloudpulse.telemetry import Labelled, sentence, told

log = structlog.get_logger(__name__)

Arguments = Mapping[str, Any]
JobFunction = Callable[[Arguments, dt.datetime], dict[str, Any] | None]
"""(arguments, now) → what was done, as JSON. It may be run again at any moment: what was done stays done."""

KEEP_DAYS = 90
KEEP_RUNS = 10_000
MAX_FAILURES = 100
"""No more failures in a row are counted."""
CUT_OFF = "The process ended while it ran."
FIRST_DAY, LAST_DAY = dt.date(1970, 1, 1), dt.date(2999, 12, 31)
"""No event lies outside, and each day that a job is asked about takes some memory."""


class NoArguments(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What most jobs take."""


class Days(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Days in UTC, both inclusive; ``dry_run`` only looks."""

    date_from: dt.date
    date_to: dt.date
    dry_run: bool = False

    def __post_init__(self) -> None:
        if self.date_to < self.date_from:
            raise ValueError("date_to must not be before date_from")
        if self.date_from < FIRST_DAY or self.date_to > LAST_DAY:
            raise ValueError(f"days lie between {FIRST_DAY} and {LAST_DAY}")


class Reconciliation(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``repair`` mends what differs; with it, or with ``full``, all of bronze and silver is read."""

    repair: bool = False
    full: bool = False


class Job(msgspec.Struct, frozen=True):
    """One job: ``cron`` is in UTC, None for one that runs only when asked for; ``what`` is a sentence, ``process`` is
    where it runs, ``arguments`` what a run of it may be given, ``asked_by`` the route that alone asks for it.
    """

    name: str
    cron: str | None
    what: str
    process: Literal["pipeline", "api"] = "pipeline"
    arguments: type[msgspec.Struct] = NoArguments
    asked_by: str | None = None


JOBS: tuple[Job, ...] = (
    Job("summarise", "5 0 * * *", "Writes the summary of yesterday, and of past days that have got events since."),
    Job(
        "compact",
        "20 * * * *",
        "Merges the files of days, and the bronze objects of hours, that have been over for an hour into few.",
    ),
    Job("retain", "50 0 * * *", "Removes events that are older than the settings keep their type."),
    Job("tier", "20 1 * * *", "Moves old bronze objects to the tier folder, where there is one."),
    Job("sweep", "50 1 * * *", "Removes files that a crash left behind and that nothing names."),
    Job("expire", "35 0 * * *", "Removes history older than 90 days or beyond 10,000 runs, and old raw copies."),
    Job("rotate", "0 * * * *", "Renews secrets that are as old as the settings allow.", process="api"),
    Job(
        "erase",
        None,
        "Removes the events of a person or a session from every place that holds events.",
        arguments=Tombstone,
        asked_by="POST /v1/erase",
    ),
    Job("vacuum", None, "Writes the journal anew, without a trace of what left it.", process="api"),
    Job("replay", None, "Rebuilds silver of some days from bronze, and tells what differed.", arguments=Days),
    Job(
        "reconcile",
        "40 * * * *",
        "Compares the live counters, silver and the ledger, up to one position, and mends them when asked to.",
        arguments=Reconciliation,
    ),
)
"""All jobs; ``wiring`` says what each of them calls."""


class JobState(msgspec.Struct, frozen=True, kw_only=True):
    """A job, when it runs next, and how it ran last. ``failures`` counts the failed runs since the last good one.

    One without a ``cron`` runs only when asked for.
    """

    name: str
    what: str
    cron: str | None
    next_run_at: str | None
    last_run: JobRun | None
    last_success_at: str | None
    failures: int


def find(name: str, jobs: Sequence[Job] = JOBS) -> Job:
    """The job of this name; raises ``NotFound``."""
    for job in jobs:
        if job.name == name:
            return job
    raise NotFound(f"There is no job {name!r}; there are {', '.join(job.name for job in jobs)}.")


def last_slot(cron: str, now: dt.datetime) -> dt.datetime:
    """The newest moment up to ``now`` at which ``cron`` is due."""
    slot: dt.datetime = croniter(cron, now + dt.timedelta(microseconds=1)).get_prev(dt.datetime)
    return slot


def next_slot(cron: str, now: dt.datetime) -> dt.datetime:
    """The first moment after ``now`` at which ``cron`` is due."""
    slot: dt.datetime = croniter(cron, now).get_next(dt.datetime)
    return slot


def put_due_in_line(runs: Jobs, now: dt.datetime, jobs: Sequence[Job] = JOBS) -> list[str]:
    """Put the pipeline's jobs in line whose time has come; returns their names. A job that has missed many of its
    times is put in line once.
    """
    due = {job.name: last_slot(job.cron, now) for job in jobs if job.process == "pipeline" and job.cron is not None}
    return [name for name, slot in due.items() if runs.schedule(name, slot, now)]


def expire(runs: Jobs, now: dt.datetime) -> dict[str, Any]:
    """The job ``expire``."""
    return {"job_runs": runs.prune(now - dt.timedelta(days=KEEP_DAYS), KEEP_RUNS)}


class JobService:
    """Lists jobs and their runs, and starts them: here those in ``own``, all others wait in line."""

    def __init__(
        self, runs: Jobs, now: Callable[[], dt.datetime], own: Mapping[str, JobFunction], jobs: Sequence[Job] = JOBS
    ) -> None:
        self._runs = runs
        self._now = now
        self._own = own
        self._jobs = jobs

    def states(self) -> list[JobState]:
        """All jobs."""
        now = self._now()
        return [self._state(job, now) for job in self._jobs]

    def gauges(self) -> dict[str, Labelled]:
        """For Prometheus: when each job was done last (seconds since 1970), and how often it has failed since."""
        states = self.states()
        ends = {state.name: parse(state.last_success_at).timestamp() for state in states if state.last_success_at}
        return {
            "job_last_success_seconds": Labelled("job", ends),
            "job_failures": Labelled("job", {state.name: float(state.failures) for state in states}),
        }

    def start(self, name: str, arguments: Arguments | None = None) -> JobRun:
        """Have a job run: here and now, or as soon as it is its turn.

        Raises ``NotFound``, or ``UserError`` for arguments that it does not take.
        """
        job = find(name, self._jobs)
        run = self._runs.request(job.name, _checked(job, arguments or {}), self._now())
        return self._run_here(run) if name in self._own else run

    def ask(self, name: str, arguments: Arguments | None = None) -> JobRun:
        """Have a job run as ``start`` does, for somebody who has named it; raises ``UserError`` too."""
        job = find(name, self._jobs)
        if job.asked_by is not None:
            raise UserError(f"The job {name} runs when {job.asked_by} asks for it.")
        return self.start(name, arguments)

    def run_waiting(self) -> None:
        """Run here what others have put in line."""
        for name in self._own:
            for run in reversed(self._runs.history(name, ("waiting",))):
                self._run_here(run)

    def seconds_until_due(self, name: str) -> float:
        """How long until the job's time comes; for one without a schedule, for ever."""
        now, cron = self._now(), find(name, self._jobs).cron
        return math.inf if cron is None else (next_slot(cron, now) - now).total_seconds()

    def history(self, name: str, limit: int) -> list[JobRun]:
        """The newest runs of a job, newest first. Raises ``NotFound``."""
        return self._runs.history(find(name, self._jobs).name, limit=limit)

    def show(self, name: str, run_id: str) -> JobRun:
        """One run of a job. Raises ``NotFound``."""
        run = self._runs.show(run_id)
        if run is None or run.name != find(name, self._jobs).name:
            raise NotFound(f"There is no run {run_id!r} of the job {name}; its history may have expired.")
        return run

    def abandon(self) -> None:
        """End what an earlier process began here and did not end."""
        for name in self._own:
            for run in self._runs.history(name, ("running",)):
                self._runs.finish(run.id, self._now(), error=CUT_OFF)

    def _state(self, job: Job, now: dt.datetime) -> JobState:
        last = self._runs.history(job.name, limit=1)
        good = self._runs.history(job.name, ("done",), limit=1)
        failed = self._runs.history(job.name, ("failed",), limit=MAX_FAILURES)
        return JobState(
            name=job.name,
            what=job.what,
            cron=job.cron,
            next_run_at=None if job.cron is None else rfc3339(next_slot(job.cron, now)),
            last_run=last[0] if last else None,
            last_success_at=good[0].finished_at if good else None,
            failures=sum(not good or run.requested_at > good[0].requested_at for run in failed),
        )

    def _run_here(self, run: JobRun) -> JobRun:
        started_at = self._now()
        self._runs.begin(run.id, started_at)
        try:
            result = self._own[run.name](run.arguments, started_at)
        except Exception as exc:
            log.error("a job failed", job=run.name, run=run.id, **told(exc))
            self._runs.finish(run.id, self._now(), error=sentence(exc))
        else:
            self._runs.finish(run.id, self._now(), result=result)
        return self.show(run.name, run.id)


def _checked(job: Job, arguments: Arguments) -> Arguments:
    """Arguments as they go into the line: all that the job takes, those that were left out too."""
    try:
        taken = msgspec.convert(arguments, job.arguments)
    except msgspec.ValidationError as exc:
        raise UserError(f"The job {job.name} does not take these arguments: {exc}.") from exc
    given: dict[str, Any] = msgspec.to_builtins(taken)
    return given
