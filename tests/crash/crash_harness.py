"""A real ``cloudpulse up`` that can be killed anywhere, a load that remembers what it was promised, and the check."""

import datetime as dt
import http.client
import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import psutil
import zstandard
from pyiceberg.catalog.sql import SqlCatalog

from cloudpulse.cli.client import own_token
from cloudpulse.settings import load

FAULTS = Path(__file__).parent / "faults"
COMMAND = str(Path(sys.executable).with_name("cloudpulse"))
TYPES = ("page_view", "click", "api_call", "form_submit", "error", "custom")
PATIENCE_SECONDS = 60.0
START_SECONDS = 60.0
QUICK = {
    "lake_commit_seconds": 1,
    "lake_commit_events": 1000,
    "trim_delay_seconds": 1,
    "min_free_bytes": 0,
    "reserve_bytes": 0,
}


def until(condition: Callable[[], Any], what: str, seconds: float = PATIENCE_SECONDS) -> Any:
    """Wait for a condition, which may fail with what a restarting server does to its callers."""
    give_up_at = time.monotonic() + seconds
    while True:
        try:
            if result := condition():
                return result
        except (OSError, http.client.HTTPException, sqlite3.Error, psutil.Error):
            pass
        assert time.monotonic() < give_up_at, f"waited {seconds} s for: {what}"
        time.sleep(0.03)


class Answer(NamedTuple):
    status: int
    body: Any


class Server:
    """One data folder and the processes on it."""

    def __init__(self, data: Path, faults: Path, **settings: Any) -> None:
        self.data = data
        self.faults = faults
        self._settings = QUICK | settings
        self._process: subprocess.Popen[bytes] | None = None
        self._token = ""
        self.address: tuple[str, int] | None = None
        self.log = faults / "server.log"

    def start(self) -> None:
        """Start, and wait until it is ready."""
        self.launch()
        try:
            until(self._read_address, "server.json", START_SECONDS)
        except AssertionError as error:
            raise AssertionError(self.log.read_text()[-4000:]) from error
        self._token = own_token(load({"data": self.data}))

    def launch(self) -> None:
        """Start without waiting."""
        (self.data / "server.json").unlink(missing_ok=True)
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [COMMAND, "up", "--port", "0", "--data", str(self.data)],
                env=self.environ(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def environ(self) -> dict[str, str]:
        """The environment of the server's processes."""
        settings = {f"CLOUDPULSE_{name.upper()}": str(value) for name, value in self._settings.items()}
        return os.environ | settings | {"PYTHONPATH": str(FAULTS), "CRASH_FAULTS": str(self.faults)}

    def _read_address(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, f"`up` ended with {self._process.returncode}"
        parts = urlsplit(json.loads((self.data / "server.json").read_text())["url"])
        self.address = (str(parts.hostname), int(parts.port or 0))
        return True

    def supervisor(self) -> psutil.Process:
        """The process that was started."""
        assert self._process is not None
        return psutil.Process(self._process.pid)

    def children(self) -> list[psutil.Process]:
        """The supervised processes."""
        return self.supervisor().children()

    def child(self, role: str) -> psutil.Process:
        """The process of a role, once there is one."""

        def find() -> list[psutil.Process]:
            return [child for child in self.children() if "cloudpulse.entrypoints.serve" in child.cmdline() and
                    role in child.cmdline() and child.status() != psutil.STATUS_ZOMBIE]  # fmt: skip

        return until(find, f"a {role} process")[0]

    def kill(self, role: str) -> None:
        """kill -9 one process; the supervisor starts it again."""
        child = self.child(role)
        child.kill()
        psutil.wait_procs([child], 10)

    def kill_supervisor(self) -> list[psutil.Process]:
        """kill -9 the supervisor; returns its children."""
        children = self.children()
        self.address = None
        self.supervisor().kill()
        self._reap()
        return children

    def kill_all(self) -> None:
        """kill -9 all processes at once."""
        self.address = None
        children = self.children()
        assert self._process is not None
        os.killpg(self._process.pid, signal.SIGKILL)
        self._reap()
        psutil.wait_procs(children, 10)

    def terminate(self) -> int:
        """SIGTERM; returns the exit code."""
        assert self._process is not None
        self._process.terminate()
        return self._reap()

    def reload(self) -> None:
        """SIGHUP."""
        self.supervisor().send_signal(signal.SIGHUP)

    def _reap(self) -> int:
        assert self._process is not None
        code = self._process.wait(10)
        self.address = None
        return code

    def end(self) -> None:
        """Leave nothing running."""
        if self._process is not None and self._process.poll() is None:
            self.kill_all()

    def arm(self, point: str) -> None:
        """Let the next process that comes to this point die there."""
        (self.faults / point).touch()

    def has_fired(self, point: str) -> bool:
        """Whether a process has died at this point."""
        return not (self.faults / point).exists()

    def request(self, method: str, path: str, body: Any = None, **headers: str) -> Answer:
        """One request on a connection of its own."""
        if self.address is None:
            raise ConnectionError("the server is down")
        with closing(http.client.HTTPConnection(*self.address, timeout=20)) as connection:
            return self.exchange(connection, method, path, body, **headers)

    def exchange(
        self, connection: http.client.HTTPConnection, method: str, path: str, body: Any = None, **more: str
    ) -> Answer:
        """One request on an open connection."""
        headers = {"Authorization": f"Bearer {self._token}", "Content-Type": "application/json", **more}
        connection.request(method, path, None if body is None else json.dumps(body), headers)
        answer = connection.getresponse()
        content = answer.read()
        return Answer(answer.status, json.loads(content) if content else None)

    def get(self, path: str) -> Any:
        """The body of an answer that must be 200; repeated while the server restarts."""

        def ask() -> Any:
            status, body = self.request("GET", path)
            assert status in (200, 503), (status, body)
            return body if status == 200 else None

        return until(ask, path)

    def settle(self) -> None:
        """Wait until both layers have all that was accepted."""
        until(lambda: self.request("GET", "/readyz").status == 200, "ready")
        self.drain()

    def drain(self) -> None:
        """The same, also while new events are refused."""

        def is_settled() -> bool:
            ledger = self.request("GET", "/v1/ledger?deep=false").body
            return bool(ledger["lake_position"] == ledger["head"] == self._counted_through())

        until(is_settled, "both layers have come up to the journal")

    def _counted_through(self) -> int:
        rows = query(self.data / "counters.db", "SELECT seq FROM checkpoint")
        return int(rows[0][0]) if rows else 0

    def trimmed(self) -> int:
        """Up to where the journal is trimmed."""
        return int(query(self.data / "journal.db", "SELECT trimmed FROM journal")[0][0])

    def verify(self) -> subprocess.CompletedProcess[str]:
        """``cloudpulse verify``."""
        return subprocess.run([COMMAND, "verify", "--data", str(self.data)], capture_output=True, text=True, timeout=60)


def query(path: Path, sql: str, *parameters: Any) -> list[tuple[Any, ...]]:
    """Rows of a SQLite file."""
    with closing(sqlite3.connect(path, timeout=10)) as connection, connection:
        return connection.execute(sql, parameters).fetchall()


class Sent(NamedTuple):
    """An event, and what of it shows in counts."""

    event: dict[str, Any]
    event_type: str
    minute: str
    live: bool


class Truth:
    """What clients have tried to send, and what was answered."""

    def __init__(self) -> None:
        self.attempted: dict[str, Sent] = {}
        self.acknowledged: set[str] = set()
        self.refused: set[str] = set()
        self.refusals = 0
        self.surprises: list[Any] = []

    def note(self, event: dict[str, Any], at: dt.datetime, live: bool) -> None:
        """An event is about to be sent."""
        self.attempted[event["event_id"]] = Sent(event, event["event_type"], at.strftime("%Y-%m-%dT%H:%M"), live)


class Load:
    """Threads that send batches and singles until they are stopped, and take every interruption as clients do."""

    def __init__(self, server: Server, truth: Truth, seed: int, threads: int = 3, pause_seconds: float = 0.01) -> None:
        self._server = server
        self._truth = truth
        self._pause_seconds = pause_seconds
        self._stop = threading.Event()
        self._threads = [
            threading.Thread(target=self._run, args=(random.Random(f"{seed}-{number}"),)) for number in range(threads)
        ]

    def __enter__(self) -> "Load":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _run(self, rng: random.Random) -> None:
        connection: http.client.HTTPConnection | None = None
        while not self._stop.wait(self._pause_seconds):
            events = make_events(self._truth, rng, 1 if rng.random() < 0.4 else rng.randrange(2, 120))
            connection = self._deliver(connection, events, rng)
        if connection is not None:
            connection.close()

    def _deliver(
        self, connection: http.client.HTTPConnection | None, events: list[dict[str, Any]], rng: random.Random
    ) -> http.client.HTTPConnection | None:
        path, body = ("/v1/events", events[0]) if len(events) == 1 else ("/v1/events/batch", {"events": events})
        only_refused = True
        while not self._stop.is_set():
            try:
                connection = connection or self._connect()
                status, answer = self._server.exchange(connection, "POST", path, body)
            except (OSError, http.client.HTTPException) as error:
                self._truth.refusals += isinstance(error, ConnectionRefusedError)
                if connection is not None:
                    connection.close()
                connection = None
                only_refused = False
                if rng.random() < 0.2:
                    return None  # a client that gives up: nobody knows what became of its events
                time.sleep(0.03)
                continue
            if status != 503:
                self._take(events, status, answer)
                return connection
            self._truth.refusals += 1
            if rng.random() < 0.2:
                break
            time.sleep(0.05)
        if only_refused and connection is not None:
            self._truth.refused.update(event["event_id"] for event in events)
        return connection

    def _connect(self) -> http.client.HTTPConnection:
        if self._server.address is None:
            raise ConnectionError("the server is down")
        return http.client.HTTPConnection(*self._server.address, timeout=20)

    def _take(self, events: list[dict[str, Any]], status: int, answer: Any) -> None:
        ids = [event["event_id"] for event in events]
        if status == 200 and answer["event_ids"] == ids:
            self._truth.acknowledged.update(ids)
        else:
            self._truth.surprises.append((status, answer))


def make_events(truth: Truth, rng: random.Random, count: int) -> list[dict[str, Any]]:
    """New events; most are of this moment, some late, a few too late for the live counters."""
    now = dt.datetime.now(dt.UTC)
    events = []
    for _ in range(count):
        late = rng.random()
        age = 0.0 if late < 0.7 else rng.uniform(0, 5400) if late < 0.97 else 30 * 3600.0
        at = now - dt.timedelta(seconds=age)
        event = {
            "event_id": str(uuid.UUID(int=rng.getrandbits(128), version=4)),
            "event_type": rng.choice(TYPES),
            "session_id": f"s{rng.randrange(50)}",
            "source": "web",
            "timestamp": at.isoformat(),
            "properties": {"page": f"/{rng.randrange(20)}", "n": rng.random()},
        }
        truth.note(event, at, live=age < 86_400)
        events.append(event)
    return events


def send(server: Server, events: Iterable[dict[str, Any]]) -> Counter[str]:
    """Send events in batches of 1,000 until each has an answer; returns the sum of the receipts."""
    events = list(events)
    total = Counter[str]()
    for start in range(0, len(events), 1000):
        body = {"events": events[start : start + 1000]}

        def post(body: dict[str, Any] = body) -> Any:
            status, receipt = server.request("POST", "/v1/events/batch", body)
            assert status in (200, 503), (status, receipt)
            return receipt if status == 200 else None

        receipt = until(post, "a batch is accepted")
        total.update({name: receipt[name] for name in ("accepted", "duplicates", "rejected")})
    return total


def silver_ids(data: Path) -> list[str]:
    """All event ids in silver, read without our code."""
    catalog = SqlCatalog("cloudpulse", uri=f"sqlite:///{data}/lake/catalog.db")
    try:
        table = catalog.load_table("cloudpulse.events")
        return [str(value) for value in table.scan(selected_fields=("event_id",)).to_arrow()["event_id"].to_pylist()]
    finally:
        catalog.engine.dispose()


def bronze_ids(data: Path) -> list[str]:
    """All event ids in the listed bronze objects; there must be no other objects."""
    documents = query(data / "records.db", "SELECT document FROM records WHERE kind = 'bronze_files'")
    listed = [json.loads(document)["path"] for (document,) in documents]
    on_disk = {str(path.relative_to(data)) for path in data.glob("bronze/**/*.zst")}
    assert on_disk == set(listed)
    return [
        json.loads(line)["event_id"]
        for path in listed
        for line in zstandard.ZstdDecompressor().decompressobj().decompress((data / path).read_bytes()).splitlines()
    ]


def live_counts(data: Path) -> Counter[tuple[str, str]]:
    """(minute, type) → events, in the counters alone."""
    rows = query(data / "counters.db", "SELECT minute, event_type, sum(events) FROM counts GROUP BY 1, 2")
    return Counter({(_label(minute), event_type): events for minute, event_type, events in rows})


def _label(minute: int) -> str:
    return dt.datetime.fromtimestamp(minute * 60, dt.UTC).strftime("%Y-%m-%dT%H:%M")


def check(server: Server, truth: Truth) -> set[str]:
    """Everything that is promised, once the server has come to rest; returns the ids in silver."""
    assert truth.surprises == []
    server.settle()
    ids = silver_ids(server.data)
    stored = set(ids)
    assert len(stored) == len(ids), "an event is in silver twice"
    assert truth.acknowledged <= stored, f"{len(truth.acknowledged - stored)} acknowledged events are lost"
    assert stored <= truth.attempted.keys(), "silver holds events that nobody sent"
    assert not stored & truth.refused - truth.acknowledged, "events were kept that had been refused"
    assert sorted(bronze_ids(server.data)) == sorted(ids), "bronze and silver differ"
    _check_counts(server, [truth.attempted[event_id] for event_id in stored])
    report = server.verify()
    assert report.returncode == 0, report.stdout + report.stderr
    return stored


def _check_counts(server: Server, events: list[Sent]) -> None:
    live = Counter((sent.minute, sent.event_type) for sent in events if sent.live)
    assert live_counts(server.data) == live, "the live counters differ from the truth"
    realtime = server.get("/v1/realtime?lookback_minutes=1440")
    shown = Counter(
        {(row["minute"], name): n for row in realtime["timeline"] for name, n in row.items() if name != "minute"}
    )
    assert shown == live
    today = dt.datetime.now(dt.UTC).date()
    days = f"date_from={today - dt.timedelta(days=3)}&date_to={today + dt.timedelta(days=1)}"
    counted = server.get(f"/v1/query?query_type=event_count&{days}")["results"]
    by_type = Counter(sent.event_type for sent in events)
    assert {row["event_type"]: row["event_count"] for row in counted} == by_type


def check_resend(server: Server, truth: Truth) -> None:
    """Sending everything again adds only what was never accepted, and then each event is there once."""
    stored = check(server, truth)
    acknowledged = [truth.attempted[event_id].event for event_id in truth.acknowledged]
    assert send(server, acknowledged) == Counter(accepted=0, duplicates=len(acknowledged), rejected=0)
    everything = [sent.event for sent in truth.attempted.values()]
    missing = len(everything) - len(stored)
    assert send(server, everything) == Counter(accepted=missing, duplicates=len(stored), rejected=0)
    truth.acknowledged = set(truth.attempted)
    check(server, truth)


@contextmanager
def running(folder: Path, data: Path | None = None, **settings: Any) -> Iterator[Server]:
    """A server on a folder of its own."""
    faults = folder / "faults"
    faults.mkdir()
    server = Server(data or folder / "data", faults, **settings)
    try:
        server.start()
        yield server
    finally:
        server.end()
