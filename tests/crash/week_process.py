"""All parts of CloudPulse in one process, at the time that it is told; forked anew whenever it was killed.

``python week_process.py DATA`` reads steps from its input, one JSON object a line (see ``Pulse.step``), and answers
each with a line: what it did, or ``{"died": signal}``, and then the step may be taken again.
"""

import datetime as dt
import importlib
import json
import os
import pkgutil
import queue
import sys
import threading
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from cloudpulse import telemetry, wiring
from cloudpulse.entrypoints import consume, watch
from cloudpulse.entrypoints.chunks import ChunkSource
from cloudpulse.entrypoints.consume import Loop
from cloudpulse.entrypoints.consumers import LakeConsumer, SpeedConsumer
from cloudpulse.entrypoints.letters import Letters
from cloudpulse.events import validate
from cloudpulse.events.model import LAKE, SPEED
from cloudpulse.ingest.prepare import Sender
from cloudpulse.ops import jobs as job_list
from cloudpulse.serving.request import QueryRequest
from cloudpulse.serving.summaries import find_summary
from cloudpulse.settings import Settings, load

PATIENCE_SECONDS = 20.0
POLL_SECONDS = 0.003
AT_ONCE = {"PACE_SECONDS": 0.01, "RETRY_SECONDS": (0.0, 0.0), "WAIT_SECONDS": (0.0, 0.01, 0.1), "REAP_SECONDS": 0.02}
PACKAGES = ("batch", "engines/local", "ingest", "lake", "ops", "serving", "speed")
OF_DBOS = ("dbos_runtime", "runner")


class Clock:
    """The present moment, as it was said."""

    now = dt.datetime(2030, 1, 1, tzinfo=dt.UTC)

    def __call__(self) -> dt.datetime:
        return self.now


clock = Clock()
wiring.utc_now = clock  # before anybody takes it from there

from cloudpulse.wiring import erasing, jobs  # noqa: E402


class Pulse:
    """Both processes of a data folder, with the threads that they have."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._receipts: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._ingest = wiring.ingest(settings, self._deliver, fatal=lambda: None)
        self._ingest.sequencer.start()
        self._serving = wiring.serving(settings)
        self._positions = {
            SPEED: self._serving.counters.position,
            LAKE: lambda: self._serving.snapshots.current().position,
        }
        serving, sequencer = self._serving, self._ingest.sequencer
        erasures = erasing.erasure_service(settings, serving, jobs.local_jobs(settings), sequencer)
        self._letters = wiring.dead_letter_service(settings, serving, sequencer, self._positions, erasures.check)
        self._watch = watch.Watch(
            settings,
            self._ingest.gate,
            self._serving.reader,
            self._ingest.index,
            self._positions,
            self._ingest.sequencer.nudge,
            self._letters.counts,
        )
        self._parts = wiring.pipeline(settings)
        self._runs = jobs.local_jobs(settings)
        self._functions = jobs.job_functions(settings, self._parts, self._runs) | {
            # What DBOS keeps for itself is not here.
            "expire": lambda _, now: job_list.expire(self._runs, now)
        }
        self._follow()

    def _follow(self) -> None:
        parts, folder = self._parts, self._settings.data / wiring.TAIL_FOLDER
        source = ChunkSource(parts.reader, parts.reader.state().journal, clock)
        keep = dt.timedelta(days=self._settings.dead_letter_days)
        letters = Letters(parts.letters, parts.records, parts.reader, keep, clock)
        self._lake = LakeConsumer(parts.writer, parts.reader, letters, source, folder, clock)
        self._speed = SpeedConsumer(parts.processor, parts.reader, letters, folder, clock)
        for layer in (self._speed, self._lake):
            Loop(layer, source, letters, clock).start()

    def _deliver(self, outcomes: list[tuple[Any, Any]]) -> None:
        for _, outcome in outcomes:
            self._receipts.put(outcome)

    def step(self, at: str, do: str, **arguments: Any) -> Any:
        """Take one step at a time."""
        clock.now = dt.datetime.fromisoformat(at)
        return getattr(self, do)(**arguments)

    def send(self, events: list[Any], app: str) -> dict[str, int]:
        """One request; its receipt."""
        parsed = validate.parse_batch(msgspec.json.encode({"events": events}), len(events))
        self._ingest.receiver.receive(parsed, Sender(client_id="client", app=app), "request")
        receipt = self._receipts.get(timeout=PATIENCE_SECONDS)
        if isinstance(receipt, Exception):
            raise receipt
        rejected = len(receipt.rejections)
        return {"accepted": receipt.accepted, "duplicates": receipt.duplicates, "rejected": rejected}

    def settle(self) -> None:
        """Wait until both layers hold what was accepted, then let the journal be trimmed."""
        head = self._parts.reader.state().head
        self._parts.writer.hurry(head)
        _until(lambda: self._lake.stored() == head == self._speed.position())
        self._watch.look()

    def run_jobs(self) -> dict[str, Any]:
        """Run what is due, and what was cut off."""
        job_list.put_due_in_line(self._runs, clock())
        done = {}
        for run in reversed(self._runs.history(statuses=("waiting", "running"))):
            self._runs.begin(run.id, clock())
            done[run.name] = self._functions[run.name](run.arguments, clock())
            self._runs.finish(run.id, clock(), result=done[run.name])
        return done

    def run_job(self, name: str, arguments: dict[str, Any]) -> Any:
        """Run a job that somebody asked for."""
        self._runs.request(name, arguments, clock())
        return self.run_jobs()[name]

    def decide(self, fate: str) -> list[str]:
        """Redrive or purge all dead letters; their ids."""
        waiting = list(self._letters.ids())
        for letter_id in waiting:
            getattr(self._letters, fate)(letter_id)
        return waiting

    def letters(self) -> list[str]:
        """The dead letters that there are, decided on or not."""
        return [letter.id for letter in self._serving.letters.list()]

    def ask(self, request: dict[str, Any]) -> list[Any]:
        """The rows that answer a question."""
        answer = self._serving.query.run(msgspec.convert(request, QueryRequest))
        return list(msgspec.to_builtins(answer.results))

    def named(self, name: str, date_from: str, date_to: str) -> list[Any]:
        """The rows that answer a named query."""
        days = (dt.date.fromisoformat(date_from), dt.date.fromisoformat(date_to))
        answer = self._serving.sql.run_named(name, *days)
        return list(msgspec.json.decode(msgspec.json.encode(answer.results)))

    def realtime(self, lookback_minutes: int) -> Any:
        """What the live counters say."""
        return msgspec.to_builtins(self._serving.realtime.snapshot(lookback_minutes))

    def summary(self, day: str) -> Any:
        """The summary of a day."""
        return msgspec.to_builtins(find_summary(self._settings.data, dt.date.fromisoformat(day)))

    def verify(self) -> Any:
        """The ledger, checked in depth."""
        return msgspec.to_builtins(self._serving.ledger.report(deep=True))

    def files(self) -> list[tuple[str, str, str]]:
        """(path, day, type) of each silver file."""
        return [(file.path, str(file.day), file.event_type) for file in self._serving.snapshots.current().files]


def _until(condition: Callable[[], bool]) -> None:
    give_up_at = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        if time.monotonic() > give_up_at:
            raise TimeoutError
        time.sleep(POLL_SECONDS)


def live(settings: Settings) -> None:
    """Take steps until there are no more."""
    pulse = None
    for line in iter(sys.stdin.buffer.readline, b""):
        try:
            step = json.loads(line)
            clock.now = dt.datetime.fromisoformat(step["at"])
            pulse = pulse or Pulse(settings)
            answer = {"done": pulse.step(**step)}
        except Exception:
            answer = {"error": traceback.format_exc()}
        print(json.dumps(answer), flush=True)


def _import_all() -> None:
    """What is imported before a fork need not be after each."""
    import cloudpulse

    for package in PACKAGES:
        for found in pkgutil.walk_packages(
            [str(Path(cloudpulse.__file__).parent / package)], f"cloudpulse.{package}.".replace("/", ".")
        ):
            if not found.name.endswith(OF_DBOS):
                importlib.import_module(found.name)


def main() -> None:
    """Fork a process that takes the steps; when it was killed, another one."""
    settings = load({"data": Path(sys.argv[1])})
    telemetry.configure(settings.log_level)
    for name, value in AT_ONCE.items():
        setattr(consume, name, value)
    _import_all()
    assert threading.active_count() == 1, "a fork takes one thread with it"
    while True:
        process = os.fork()
        if process == 0:
            live(settings)
            os._exit(0)
        _, status = os.waitpid(process, 0)
        if not os.WIFSIGNALED(status):
            return
        print(json.dumps({"died": os.WTERMSIG(status)}), flush=True)


if __name__ == "__main__":
    main()
