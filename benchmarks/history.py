"""A lake of many days, made once through CloudPulse's own lake code and kept for later runs."""

import datetime as dt
import shutil
from collections.abc import Iterator
from pathlib import Path
from random import Random

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from rich.progress import track

from benchmarks.ids import uuid_texts
from cloudpulse.events import codec, synthetic
from cloudpulse.events.model import Position, Stamp
from cloudpulse.lake.commit import Lake
from cloudpulse.lake.tables import SILVER, to_arrow
from cloudpulse.settings import load

JOURNAL = "benchmark"
DAY = dt.timedelta(days=1)
OPEN_COMMITS = 24
"""The newest day is still open: its rows came in so many commits."""


class Made(msgspec.Struct, frozen=True):
    """What a finished folder holds."""

    events: int
    first_day: dt.date
    last_day: dt.date


def lake_of(folder: Path, events: int, days: int) -> Made:
    """The data folder with so many events over so many days up to today, made unless it is there."""
    marker = folder / "made.json"
    if marker.exists():
        _clear(folder, keep=(marker.name, "lake"))
        return msgspec.json.decode(marker.read_bytes(), type=Made)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    today = dt.datetime.now(dt.UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    made = Made(events // days * days, (today - (days - 1) * DAY).date(), today.date())
    lake = Lake(load({"data": folder}, {}))
    position = None
    for number, rows in enumerate(
        track(_commits(today, made.events // days, days), "making the lake", total=days - 1 + OPEN_COMMITS), 1
    ):
        following = Position(JOURNAL, number)
        if not lake.append(rows, position, following):
            raise RuntimeError(f"{folder} is written to by another process")
        position = following
    marker.write_bytes(msgspec.json.encode(made))
    return made


def _clear(folder: Path, keep: tuple[str, ...]) -> None:
    """Remove what earlier servers left: a new one begins its own journal above the lake."""
    for path in folder.iterdir():
        if path.is_dir() and path.name not in keep:
            shutil.rmtree(path)
        elif path.name not in keep:
            path.unlink()


def _commits(today: dt.datetime, per_day: int, days: int) -> Iterator[pa.Table]:
    pattern = _one_day(today, per_day)
    for back in range(days - 1, 0, -1):
        yield _moved(pattern, back)
    newest = _moved(pattern, 0)
    step = -(-per_day // OPEN_COMMITS)
    for start in range(0, per_day, step):
        yield newest.slice(start, step)


def _one_day(today: dt.datetime, events: int) -> pa.Table:
    """The silver rows of one synthetic day, in order of time."""
    stamp = codec.stamp_prefix(Stamp(received_at=today + DAY, client_id="benchmarks", app="default"))
    # The id is replaced for each day; here it only has to be one.
    lines = [
        stamp + b'"event_id":"",' + codec.encode_event(event)[1:]
        for event in synthetic.history(Random(1), today, today + DAY, events)
    ]
    rows = to_arrow(b"\n".join(lines), today + DAY)
    # A last step may fall on midnight, which would be one more partition.
    last = pa.scalar(today + DAY - dt.timedelta(milliseconds=1), SILVER.field("timestamp").type)
    timestamp = pc.if_else(pc.greater(rows["timestamp"], last), last, rows["timestamp"])
    return rows.set_column(rows.schema.get_field_index("timestamp"), SILVER.field("timestamp"), timestamp)


def _moved(pattern: pa.Table, days_back: int) -> pa.Table:
    """The pattern some days earlier, with sessions and ids of its own; received and processed a second later."""
    back = pa.scalar(days_back * DAY, pa.duration("us"))
    timestamp = pc.subtract(pattern["timestamp"], back)
    later = pc.add(timestamp, pa.scalar(dt.timedelta(seconds=1), pa.duration("us")))
    columns = {name: pattern[name] for name in SILVER.names}
    columns |= {
        "event_id": uuid_texts(np.random.default_rng(), pattern.num_rows),
        "timestamp": timestamp,
        "received_at": later,
        "processed_at": later,
        "session_id": pc.utf8_replace_slice(pattern["session_id"], 2, 4, f"{days_back:02x}"),
    }
    return pa.table(columns, schema=SILVER)
