"""A week of traffic at a clock that is passed in, with all that goes wrong in a week, against a model of plain rows.

Guards mechanisms 7, 10, 11, 12, 15, 17, 18 and 21 where they meet: commits, dead letters and jobs, each cut off by
kill -9 where it hurts.
"""

import datetime as dt
import json
import os
import random
import signal
import subprocess
import sys
import uuid
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from crash_harness import FAULTS

from cloudpulse.events.times import minute_of, rfc3339

FIRST_DAY = dt.datetime(2030, 3, 4, tzinfo=dt.UTC)
"""Files are made at the machine's time, which is earlier: whatever nothing names is old enough to be swept."""
DAY, HOUR = dt.timedelta(days=1), dt.timedelta(hours=1)
BURSTS = (2, 7, 11, 15, 19, 22)
BURST_EVENTS = 90
TYPES = ("page_view", "click", "api_call", "form_submit", "error", "custom")
MOST_FILES = 4
WINDOW_DAYS = 2
RETAIN_DAYS = {"click": 2, "error": 3} | dict.fromkeys(("page_view", "api_call", "form_submit", "custom"), 4)
SETTINGS = {
    "dedup_window_days": WINDOW_DAYS,
    "dead_letter_days": 1,
    "retain_days_by_type": ",".join(f"{kind}={days}" for kind, days in RETAIN_DAYS.items()),
    "trim_delay_seconds": 0,
    "min_free_bytes": 0,
    "reserve_bytes": 0,
}

LOG = "week.log"
POISON = "visitor-of-the-shop"
NIGHTLY = ((0, 6), (0, 21), (0, 36), (0, 51), (1, 21), (1, 51))
"""When a job is due, and a minute later. Jobs that are added run here by themselves once they have a cron."""

COMMIT_DEATHS = (
    "journal.commit.after",
    "index.write.before",
    "counters.rows.after",
    "bronze.write.after",
    "iceberg.commit.before",
    "iceberg.commit.after",
    "bronze.settle.before",
)
JOB_DEATHS = (
    "summary.write.before",
    "lake.rewrite.after",
    "job.finish.before",
    "lake.swap.before",
    "iceberg.swap.after",
    "garbage.remember.before",
    "lake.swap.after",
)
FATES = (
    ("lake", "redrive"),
    ("lake", "purge"),
    ("speed", "redrive"),
    ("rows", "redrive"),
    ("speed", None),
    ("lake", None),
    ("rows", "purge"),
)
"""Which consumer fails on a day with the poison of that day, and what becomes of the letters on the next; None: they
expire."""


class Row:
    """An event that was accepted, and where it is."""

    def __init__(self, event: dict[str, Any], app: str, received_at: dt.datetime) -> None:
        sent = dt.datetime.fromisoformat(event["timestamp"]) if "timestamp" in event else received_at
        self.event = event
        self.app = app
        self.received_at = received_at
        self.at = sent
        self.kind: str = event["event_type"]
        self.is_live = received_at - sent <= DAY
        self.in_lake = self.in_counters = True
        self.page: str | None = event.get("properties", {}).get("page")
        self.user: str | None = event.get("user_id")
        self.session: str = event["session_id"]

    @property
    def day(self) -> dt.date:
        return self.at.date()


class Model:
    """What must be there."""

    def __init__(self) -> None:
        self.rows: dict[str, Row] = {}
        self.summaries: dict[dt.date, list[Row]] = {}
        self.retired = self.purged = self.expired = 0

    def accept(self, events: Iterable[dict[str, Any]], app: str, now: dt.datetime) -> None:
        for event in events:
            self.rows.setdefault(event["event_id"], Row(event, app, now))

    def poison(self, layer: str, rows: Iterable[Row]) -> None:
        """They were set aside."""
        for row in rows:
            row.in_lake &= layer == "speed"
            row.in_counters &= layer == "lake"

    def redrive(self, rows: Iterable[Row]) -> None:
        for row in rows:
            row.in_lake = row.in_counters = True

    def retire(self, today: dt.date) -> None:
        """What has come of age goes from the lake."""
        for row in self.rows.values():
            if row.in_lake and row.day < today - dt.timedelta(days=RETAIN_DAYS[row.kind]):
                row.in_lake = False
                self.retired += 1

    def summarise(self, today: dt.date) -> None:
        """Days with new events are written again, days of which something has gone are not."""
        for day in {row.day for row in self.stored() if row.day < today}:
            rows = [row for row in self.stored() if row.day == day]
            before = Counter(row.kind for row in self.summaries.get(day, ()))
            if before <= Counter(row.kind for row in rows):
                self.summaries[day] = rows

    def stored(self) -> list[Row]:
        return [row for row in self.rows.values() if row.in_lake]

    def live(self, now: dt.datetime) -> Counter[str]:
        first = minute_of(now - DAY)
        rows = (row for row in self.rows.values() if row.is_live and row.in_counters)
        return Counter(row.kind for row in rows if minute_of(row.at) >= first)


class Pulse:
    """The process that takes the steps, and dies on the way."""

    def __init__(self, process: subprocess.Popen[str], faults: Path) -> None:
        self._process = process
        self._faults = faults
        self.now = FIRST_DAY
        self.deaths = 0

    def do(self, what: str, **arguments: Any) -> Any:
        """Take a step, again after every death."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        while True:
            self._process.stdin.write(json.dumps({"at": self.now.isoformat(), "do": what} | arguments) + "\n")
            self._process.stdin.flush()
            line = self._process.stdout.readline()
            assert line, (self._faults / LOG).read_text()[-4000:]
            answer = json.loads(line)
            if "died" not in answer:
                assert "error" not in answer, answer["error"]
                return answer["done"]
            assert answer["died"] == signal.SIGKILL
            self.deaths += 1

    def arm(self, point: str) -> None:
        (self._faults / point).touch()

    def assert_has_died_at(self, point: str) -> None:
        assert not (self._faults / point).exists(), f"nothing came to {point}"

    @contextmanager
    def poisoned(self, layer: str) -> Iterator[None]:
        """A fault of the code: this layer fails with certain events."""
        fault = self._faults / f"poison.{layer}"
        fault.touch()
        yield
        fault.unlink()


@pytest.fixture
def pulse(tmp_path: Path) -> Iterator[Pulse]:
    faults, data = tmp_path / "faults", tmp_path / "data"
    faults.mkdir()
    data.mkdir()
    settings = {f"CLOUDPULSE_{name.upper()}": str(value) for name, value in SETTINGS.items()}
    environ = os.environ | settings | {"PYTHONPATH": str(FAULTS), "CRASH_FAULTS": str(faults)}
    command = [sys.executable, str(Path(__file__).with_name("week_process.py")), str(data)]
    with (faults / LOG).open("w") as log:
        process = subprocess.Popen(
            command, env=environ, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True
        )
        yield Pulse(process, faults)
        process.communicate(timeout=30)


class Week:
    """Traffic with its truth."""

    def __init__(self, pulse: Pulse) -> None:
        self.pulse = pulse
        self.model = Model()
        self.rng = random.Random(2030)
        self.open_letters: list[tuple[str, str | None, list[Row]]] = []

    def day(self, number: int) -> None:
        """Bursts of traffic; one of them dies, another one meets a fault."""
        midnight = FIRST_DAY + number * DAY
        for burst, hour in enumerate(BURSTS):
            self.pulse.now = midnight + hour * HOUR
            if burst == 1:
                self.decide()
            if burst == 2:
                self.meet_poison(*FATES[number % len(FATES)])
            if burst == 4:
                self.pulse.arm(COMMIT_DEATHS[number % len(COMMIT_DEATHS)])
            self.send(self.events(BURST_EVENTS), self.rng.choice(("shop", "blog")))
            if burst in (3, 5):
                self.repeat()
            self.pulse.do("settle")
        self.run_jobs()
        self.pulse.assert_has_died_at(COMMIT_DEATHS[number % len(COMMIT_DEATHS)])

    def night(self, number: int) -> None:
        """The jobs after a day, one of which dies."""
        point = JOB_DEATHS[number % len(JOB_DEATHS)]
        self.pulse.arm(point)
        self.pass_night(FIRST_DAY + (number + 1) * DAY)
        self.pulse.assert_has_died_at(point)

    def pass_night(self, midnight: dt.datetime) -> None:
        for hour, minute in NIGHTLY:
            self.pulse.now = midnight + dt.timedelta(hours=hour, minutes=minute)
            self.run_jobs()

    def run_jobs(self) -> None:
        """Run the jobs that are due."""
        done = self.pulse.do("run_jobs")
        today = self.pulse.now.date()
        if "summarise" in done:
            self.model.summarise(today)
        if "retain" in done:
            self.model.retire(today)
        if "reconcile" in done:
            assert (done["reconcile"]["status"], done["reconcile"]["found"]) == ("ok", 0)

    def events(self, count: int) -> list[dict[str, Any]]:
        """Most of this moment, some late, a few days late, some without a time."""
        return [self.event(self.age()) for _ in range(count)]

    def age(self) -> dt.timedelta | None:
        late = self.rng.random()
        if late < 0.1:
            return None
        hours = 1 if late < 0.7 else 20 if late < 0.9 else 80
        return self.rng.random() * hours * HOUR

    def event(self, age: dt.timedelta | None, session: str | None = None) -> dict[str, Any]:
        rng = self.rng
        kind = rng.choice(TYPES)
        event = {
            "event_id": str(uuid.UUID(int=rng.getrandbits(128), version=4)),
            "event_type": kind,
            "session_id": session or f"s{rng.randrange(40)}",
            "source": rng.choice(("web", "api")),
            "properties": {"page": f"/{rng.randrange(8)}"} if rng.random() < 0.7 else {"n": 1},
        }
        if age is not None:
            event["timestamp"] = rfc3339(max(self.pulse.now - age, FIRST_DAY))
        if rng.random() < 0.6:
            event["user_id"] = f"u{rng.randrange(15)}"
        if kind == "custom":
            event["event_name"] = rng.choice(("signup", "order"))
        return event

    def send(self, events: list[dict[str, Any]], app: str) -> None:
        """A request; one whose answer was lost with its process is sent again, and counts once."""
        deaths = self.pulse.deaths
        receipt = self.pulse.do("send", events=events, app=app)
        assert receipt["rejected"] == 0
        assert receipt["accepted"] + receipt["duplicates"] == len(events)
        assert receipt["duplicates"] == 0 or self.pulse.deaths > deaths
        self.model.accept(events, app, self.pulse.now)

    def repeat(self) -> None:
        """Clients that send again what was accepted, some with another payload."""
        young = self.pulse.now - WINDOW_DAYS * DAY + HOUR
        known = [row for row in self.model.rows.values() if row.received_at > young and row.session != POISON]
        again = [row.event for row in self.rng.sample(known, 30)]
        changed = [again[0] | {"session_id": "another"}]
        receipt = self.pulse.do("send", events=[*again[1:], *changed], app="shop")
        assert receipt == {"accepted": 0, "duplicates": 29, "rejected": 1}

    def meet_poison(self, layer: str, fate: str | None) -> None:
        """A fault that lasts for one commit."""
        others, poison = self.events(20), [self.event(self.rng.random() * HOUR, POISON) for _ in range(5)]
        with self.pulse.poisoned(layer):
            self.send([*others, *poison], "shop")
            self.pulse.do("settle")
        # Lines that cannot be read are set aside alone; where it is not the lines, their batch is.
        rows = [self.model.rows[event["event_id"]] for event in (poison if layer == "rows" else [*poison, *others])]
        self.model.poison(layer, rows)
        self.open_letters.append((layer, fate, rows))
        assert self.pulse.do("letters")

    def decide(self) -> None:
        """What becomes of yesterday's letters: the fault is mended, or nobody cares."""
        for layer, fate, rows in self.open_letters:
            if fate is not None:
                assert self.pulse.do("decide", fate=fate)
            if fate == "redrive":
                self.model.redrive(rows)
            elif layer != "speed":
                self.model.purged += len(rows) if fate == "purge" else 0
                self.model.expired += len(rows) if fate is None else 0
        self.open_letters = []


def check_files(pulse: Pulse, _: Model) -> None:
    """Partitions of days that are over have few files."""
    files = Counter((day, kind) for _, day, kind in pulse.do("files") if day < pulse.now.date().isoformat())
    assert files
    assert max(files.values()) <= MOST_FILES


def check_ledger(pulse: Pulse, model: Model) -> None:
    report = pulse.do("verify")
    assert report["gaps"] == []
    ledger = report["ledger"]
    assert ledger["accepted"] == len(model.rows)
    assert ledger["stored"] == len(model.stored())
    moved = {name: getattr(model, name) for name in ("retired", "purged", "expired")}
    assert {name: ledger[name] for name in moved} == moved


def check_replay(pulse: Pulse, _: Model) -> None:
    """What is in silver follows from bronze."""
    days = {"date_from": str(FIRST_DAY.date()), "date_to": str(pulse.now.date())}
    found = pulse.do("run_job", name="replay", arguments=days)
    assert (found["changed"], found["rows"]["before"]) == (False, found["rows"]["after"])


def check_disk(pulse: Pulse, data: Path) -> None:
    """No file that nothing names."""
    live = {path for path, _, _ in pulse.do("files")}
    assert {str(path) for path in data.glob("lake/events/data/**/*.parquet")} == live
    assert [str(path) for path in data.rglob("*.tmp")] == []


def check_answers(pulse: Pulse, model: Model) -> None:
    """Every type of query, the live counters and the named query of counts, over all days."""
    rows = model.stored()
    days = {"date_from": str(FIRST_DAY.date()), "date_to": str(pulse.now.date())}

    def ask(kind: str, **others: Any) -> list[Any]:
        return list(pulse.do("ask", request={"query_type": kind, "limit": 10_000, **days, **others}))

    by_kind = Counter(row.kind for row in rows)
    assert {row["event_type"]: row["event_count"] for row in ask("event_count")} == by_kind
    for interval, form in (("hour", "%Y-%m-%dT%H:00:00Z"), ("day", "%Y-%m-%dT00:00:00Z")):
        counted = Counter(row.at.strftime(form) for row in rows)
        found = ask("timeseries", interval=interval)
        assert {row["bucket"]: row["event_count"] for row in found if row["event_count"]} == counted
        assert ask("uniques", interval=interval) == uniques(rows, form)
    assert ask("top_sessions") == top_sessions(rows)
    errors = sorted(((row.at, row.event["event_id"]) for row in rows if row.kind == "error"), reverse=True)
    assert [row["event_id"] for row in ask("errors")] == [event_id for _, event_id in errors]
    columns: dict[str, Callable[[Row], Any]] = {
        "page": lambda row: row.page,
        "source": lambda row: row.event["source"],
        "app": lambda row: row.app,
        "event_name": lambda row: row.event.get("event_name"),
    }
    for by, value in columns.items():
        found = {row[by]: (row["event_count"], row["sessions"], row["users"]) for row in ask("breakdown", by=by)}
        assert found == breakdown(rows, value)
    assert Counter(pulse.do("realtime", lookback_minutes=1440)["by_event_type"]) == model.live(pulse.now)
    counts = Counter((str(row.day), row.kind) for row in rows)
    found = pulse.do("named", name="daily_counts", **days)
    assert {(row["day"][:10], row["event_type"]): row["event_count"] for row in found} == counts


def check_summaries(pulse: Pulse, model: Model) -> None:
    assert sorted(model.summaries) == [FIRST_DAY.date() + number * DAY for number in range(7)]
    for day, rows in model.summaries.items():
        summary = pulse.do("summary", day=str(day))
        assert summary["by_event_type"] == Counter(row.kind for row in rows)
        assert {hour["bucket"]: hour["event_count"] for hour in summary["by_hour"] if hour["event_count"]} == Counter(
            rfc3339(row.at.replace(minute=0, second=0, microsecond=0)) for row in rows
        )
        assert (summary["sessions"], summary["users"]) == (len({row.session for row in rows}), len(users(rows)))


def uniques(rows: list[Row], form: str) -> list[dict[str, Any]]:
    groups = defaultdict(list)
    for row in rows:
        groups[row.at.strftime(form)].append(row)
    return [
        {"bucket": bucket, "sessions": len({row.session for row in group}), "users": len(users(group))}
        for bucket, group in sorted(groups.items())
    ]


def top_sessions(rows: list[Row]) -> list[dict[str, Any]]:
    groups = defaultdict(list)
    for row in rows:
        groups[row.session].append(row)
    found = [
        {
            "session_id": session,
            "event_count": len(group),
            "first_seen": rfc3339(min(row.at for row in group)),
            "last_seen": rfc3339(max(row.at for row in group)),
            "user_id": max(users(group), default=None),
        }
        for session, group in groups.items()
    ]
    return sorted(found, key=lambda row: (-row["event_count"], row["session_id"]))


def breakdown(rows: list[Row], value: Callable[[Row], Any]) -> dict[Any, tuple[int, int, int]]:
    groups = defaultdict(list)
    for row in rows:
        groups[value(row)].append(row)
    return {
        name: (len(group), len({row.session for row in group}), len(users(group))) for name, group in groups.items()
    }


def users(rows: Iterable[Row]) -> set[str]:
    return {row.user for row in rows if row.user is not None}


IN_THE_MORNING: Sequence[Callable[[Pulse, Model], None]] = (check_files, check_ledger)
AT_THE_END: Sequence[Callable[[Pulse, Model], None]] = (check_answers, check_ledger, check_summaries, check_replay)
"""What holds when the jobs of a night are done, and when a week is over. Add to these what new parts promise."""


def test_a_week(pulse: Pulse, tmp_path: Path) -> None:
    week = Week(pulse)
    for number in range(7):
        week.day(number)
        week.night(number)
        for check in IN_THE_MORNING:
            check(pulse, week.model)
    pulse.now += 7 * HOUR
    week.decide()
    week.send(week.events(BURST_EVENTS), "shop")
    check_answers(pulse, week.model)  # the newest events are in no layer yet
    pulse.do("settle")
    for check in AT_THE_END:
        check(pulse, week.model)
    assert pulse.do("letters") == []
    assert pulse.deaths == len(COMMIT_DEATHS) + len(JOB_DEATHS)
    assert min(week.model.retired, week.model.purged, week.model.expired) > 0
    week.pass_night(FIRST_DAY + 8 * DAY)
    pulse.now += 12 * HOUR
    week.run_jobs()
    check_disk(pulse, tmp_path / "data")
