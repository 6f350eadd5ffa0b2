"""A lake of many days, silver and bronze, made once through CloudPulse's own lake code and kept for later runs."""

import datetime as dt
import shutil
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from random import Random

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from rich.progress import track

from benchmarks.ids import uuid_texts
from cloudpulse import wiring
from cloudpulse.batch.writer import LakeWriter
from cloudpulse.engines.local.records import SqliteRecords
from cloudpulse.events import codec, synthetic
from cloudpulse.events.model import Batch, Stamp
from cloudpulse.lake.chunk import Chunk
from cloudpulse.lake.commit import Lake
from cloudpulse.lake.sift import digest
from cloudpulse.lake.tables import SILVER, to_arrow
from cloudpulse.settings import load

JOURNAL = "benchmark"
DAY = dt.timedelta(days=1)
OPEN_COMMITS = 24
"""The newest day is still open: its rows came in so many commits."""
KEPT = ("made.json", "lake", "bronze", "records.db", "records.db-wal", "records.db-shm")

CLIENT, APP = "benchmarks", "default"
_HOUR_MICROS = 3_600_000_000
_RFC3339 = "%Y-%m-%dT%H:%M:%SZ"


class Made(msgspec.Struct, frozen=True):
    """What a finished folder holds."""

    events: int
    first_day: dt.date
    last_day: dt.date


class Day(msgspec.Struct, frozen=True):
    """Silver rows in order of time, and the end of the line that each of them was made of."""

    rows: pa.Table
    ends: pa.Array


def lake_of(folder: Path, events: int, days: int) -> Made:
    """The data folder with so many events over so many days up to today, made unless it is there."""
    marker = folder / "made.json"
    if marker.exists():
        _clear(folder)
        return msgspec.json.decode(marker.read_bytes(), type=Made)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    today = dt.datetime.now(dt.UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    made = Made(events // days * days, (today - (days - 1) * DAY).date(), today.date())
    settings, records = load({"data": folder}, {}), SqliteRecords(folder / wiring.RECORDS_FILE)
    writer = LakeWriter(settings, Lake(settings), records)
    for chunk in track(_chunks(today, made.events // days, days), "making the lake", total=days - 1 + OPEN_COMMITS):
        writer.add(chunk)
        writer.commit(chunk.processed_at)
    records.close()
    marker.write_bytes(msgspec.json.encode(made))
    return made


def _clear(folder: Path) -> None:
    """Remove what earlier servers left: a new one begins its own journal above the lake."""
    for path in folder.iterdir():
        if path.name in KEPT:
            continue
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()


def _chunks(today: dt.datetime, per_day: int, days: int) -> Iterator[Chunk]:
    """A chunk for each commit."""
    pattern = _one_day(today, per_day)
    seq = 1
    for back in range(days - 1, -1, -1):
        day = _moved(pattern, back)
        step = -(-per_day // (1 if back else OPEN_COMMITS))
        for start in range(0, per_day, step):
            batches = list(_batches(Day(day.rows.slice(start, step), day.ends.slice(start, step)), seq))
            yield Chunk(
                journal=JOURNAL,
                first=seq,
                last=batches[-1].seq,
                events=sum(batch.events for batch in batches),
                batches=tuple(batches),
                table=day.rows.slice(start, step),
                processed_at=today + DAY - back * DAY,
            )
            seq = batches[-1].seq + 1


def _one_day(today: dt.datetime, events: int) -> Day:
    """One synthetic day."""
    stamp = codec.stamp_prefix(Stamp(received_at=today + DAY, client_id=CLIENT, app=APP))
    lines = [codec.encode_event(event) for event in synthetic.history(Random(1), today, today + DAY, events)]
    # The id is replaced for each day; here it only has to be one.
    rows = to_arrow(b"\n".join(stamp + b'"event_id":"",' + line[1:] for line in lines), today + DAY)
    # A last step may fall on midnight, which would be one more partition.
    last = pa.scalar(today + DAY - dt.timedelta(milliseconds=1), SILVER.field("timestamp").type)
    timestamp = pc.if_else(pc.greater(rows["timestamp"], last), last, rows["timestamp"])
    rows = rows.set_column(rows.schema.get_field_index("timestamp"), SILVER.field("timestamp"), timestamp)
    return Day(rows, pa.array([line[line.index(b'"event_type"') :].decode() for line in lines]))


def _moved(pattern: Day, days_back: int) -> Day:
    """The pattern some days earlier, with sessions and ids of its own; received and processed a second later."""
    rows = pattern.rows
    back = pa.scalar(days_back * DAY, pa.duration("us"))
    timestamp = pc.subtract(rows["timestamp"], back)
    later = pc.add(timestamp, pa.scalar(dt.timedelta(seconds=1), pa.duration("us")))
    mark = f"{days_back:02x}"
    columns = {name: rows[name] for name in SILVER.names}
    columns |= {
        "event_id": uuid_texts(np.random.default_rng(), rows.num_rows),
        "timestamp": timestamp,
        "received_at": later,
        "processed_at": later,
        "session_id": pc.utf8_replace_slice(rows["session_id"], 2, 4, mark),
    }
    ends = pc.replace_substring_regex(pattern.ends, '("session_id":"..)..', rf"\1{mark}")
    return Day(pa.table(columns, schema=SILVER), ends)


def _batches(day: Day, seq: int) -> Iterator[Batch]:
    """A batch for each hour in which rows were received; ids are in no journal's index, so it names none."""
    hours = pc.divide(day.rows["received_at"].cast(pa.int64()), _HOUR_MICROS).to_numpy()
    starts = [0, *(np.flatnonzero(np.diff(hours)) + 1), len(hours)]
    lines = _lines(day)
    for number, (start, end) in enumerate(pairwise(starts)):
        rows = day.rows.slice(start, end - start)
        yield Batch(
            seq=seq + number,
            received_at=pc.max(rows["received_at"]).cast(pa.int64()).as_py(),
            events=rows.num_rows,
            digest=digest(rows),
            ids=b"",
            lines=codec.pack_lines(lines.slice(start, end - start).cast(pa.binary()).to_pylist()),
        )


def _lines(day: Day) -> pa.Array:
    """The lines that the rows are made of, as an api process writes them."""
    rows = day.rows.combine_chunks()
    received_at, timestamp = (pc.strftime(rows[name].chunk(0), _RFC3339) for name in ("received_at", "timestamp"))
    return pc.binary_join_element_wise(
        '{"received_at":"', received_at, f'","client_id":"{CLIENT}","app":"{APP}","event_id":"',
        rows["event_id"].chunk(0), '","timestamp":"', timestamp, '",', day.ends, "",
    )  # fmt: skip
