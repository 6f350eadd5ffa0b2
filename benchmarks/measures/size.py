"""What one realistic event takes on disk."""

import datetime as dt
import uuid
from collections.abc import Iterator
from itertools import islice
from random import Random

import msgspec

from benchmarks.asking import Asker
from benchmarks.progress import Progress, folder_bytes
from benchmarks.report import Figure, Goal
from benchmarks.run import Run
from benchmarks.servers import product
from cloudpulse.events.codec import encode_event
from cloudpulse.events.synthetic import history

HOURS = 6
BATCH = 1_000


def measure(run: Run) -> Iterator[Figure]:
    """Bytes of an event in silver and bronze, when all are in the lake; ids are random, as a client makes them."""
    events = run.scale(600_000, 200_000)
    with run.scratch() as folder, product(folder) as server:
        asker = Asker(server)
        made, sent = _events(events), 0
        while batch := list(islice(made, BATCH)):
            asker.send(batch)
            sent += sum(map(len, batch))
        progress = Progress(server.settings)
        progress.wait()
        files = progress.snapshots.current().files
        rows, silver, bronze = sum(f.rows for f in files), sum(f.bytes for f in files), folder_bytes(folder / "bronze")
    details = {"events": rows, "files": len(files), "sent_bytes": sent / rows}
    goals = (("silver", silver, 45.0), ("bronze", bronze, 100.0))
    for name, size, goal in goals:
        yield Figure(name=f"size: {name}", measured=size / rows, unit="bytes/event", goal=Goal(goal), details=details)


def _events(count: int) -> Iterator[bytes]:
    now = dt.datetime.now(dt.UTC)
    for event in history(Random(2), now - dt.timedelta(hours=HOURS), now, count):
        yield encode_event(msgspec.structs.replace(event, event_id=uuid.uuid4()))
