"""What is exported is what was sent: all of it, once, in every format."""

import csv
import datetime as dt
import io
import json
import random
import subprocess
import sys
from collections import Counter
from pathlib import Path

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from query_world import NOW, World, random_event
from typer.testing import CliRunner

from cloudpulse.cli.main import app
from cloudpulse.events.model import Metadata
from cloudpulse.lake.tables import SILVER
from cloudpulse.serving import export as export_module
from cloudpulse.serving.events import ListedEvent
from cloudpulse.serving.export import Exporter
from cloudpulse.serving.formats import CsvRows
from cloudpulse.serving.tail import TailReader
from cloudpulse.wiring import keeping

HOSTILE = (
    "", "=1+1", "+1", "-1", "@SUM(A1)", "\tx", "\rx", "\nx", "'quoted", "''", '"', '""', 'a"b', "a,b", "a;b", "a\r\nb",
    " =1", "ü€😀", "\u0000", "\u2028", "NULL", "\\N", "null", "\uff1d1", "\ufeff", "\\", "é",
)  # fmt: skip
DAY = dt.timedelta(days=1)


@pytest.fixture
def world(tmp_path):
    """Three days of events with hostile texts, half of them in the lake."""
    (tmp_path / "data").mkdir()
    world = World(tmp_path / "data")
    rng = random.Random(11)
    for number in range(6):
        events = [random_event(rng, NOW - 3 * DAY, NOW) for _ in range(120)]
        for place, event in enumerate(events):
            text = HOSTILE[place % len(HOSTILE)]
            properties = msgspec.Raw(json.dumps({"page": text, "n": 2**80, "deep": [{"x": text}]}).encode())
            events[place] = msgspec.structs.replace(
                event, session_id=text or "s", user_id=text, metadata=Metadata(country=text), properties=properties
            )
        world.accept(events)
        if number == 2:
            world.to_lake(3)
    yield world
    world.close()


@pytest.fixture
def export(world, tmp_path):
    """Export to a file; returns its content and the number of events that was said."""

    def export(kind, first=NOW - 3 * DAY, last=NOW, event_type=None):
        with (tmp_path / "out").open("w+b") as file:
            events = keeping.exporter(world.settings).write(first.date(), last.date(), event_type, kind, file)
        return (tmp_path / "out").read_bytes(), events

    return export


def ids(rows):
    return sorted(row["event_id"] for row in rows)


def test_parquet_has_the_silver_columns(world, export):
    content, events = export("parquet")
    table = pq.read_table(io.BytesIO(content))
    assert events == len(world.truth) == 720
    assert table.schema.equals(SILVER.remove_metadata(), check_metadata=False)
    rows = {row["event_id"]: row for row in table.to_pylist()}
    # The rows of the tail are made on the way out.
    assert {name: row | {"processed_at": None} for name, row in rows.items()} == {
        row["event_id"]: row | {"processed_at": None} for row in world.truth
    }


def test_ndjson_has_the_objects_that_the_api_answers(world, export):
    content, events = export("ndjson")
    lines = content.split(b"\n")[:-1]
    assert (events, len(lines)) == (720, 720)
    assert ids(map(json.loads, lines)) == ids(world.truth)
    by_id = {row["event_id"]: row for row in world.truth}
    for line in lines:
        row = json.loads(line)
        assert tuple(row) == ListedEvent.__struct_fields__
        sent = by_id[row["event_id"]]
        assert (row["session_id"], row["user_id"]) == (sent["session_id"], sent["user_id"])
        assert row["metadata"].get("country") == sent["country"]
        assert row["properties"] == json.loads(sent["properties"])
        assert dt.datetime.fromisoformat(row["timestamp"]) == sent["timestamp"]


def test_csv_is_read_back_by_any_reader_and_holds_no_formula(world, export):
    content, events = export("csv")
    with io.StringIO(content.decode(), newline="") as file:
        header, *rows = csv.reader(file, strict=True)
    assert (events, header) == (720, SILVER.names)
    by_id = {row["event_id"]: row for row in world.truth}
    assert len({row[0] for row in rows}) == 720
    for values in rows:
        row = dict(zip(header, values, strict=True))
        sent = by_id[row["event_id"]]
        for name, value in row.items():
            assert not value.startswith(("=", "+", "-", "@", "\t", "\r", "\n")), (name, value)
            if isinstance(sent[name], str):
                assert value.removeprefix("'") == sent[name]
            elif sent[name] is None:
                assert value == ""
        assert dt.datetime.fromisoformat(row["timestamp"]) == sent["timestamp"]
        assert row["bot"] == str(sent["bot"]).lower()


@given(st.lists(st.one_of(st.none(), st.text()), min_size=1, max_size=5))
def test_every_text_survives_csv_and_null_is_told_from_nothing(values):
    file = io.BytesIO()
    writer = CsvRows(file)
    base = {"event_id": "i", "event_type": "click", "timestamp": NOW, "received_at": NOW, "processed_at": NOW}
    base |= {"app": "a", "client_id": "c", "source": "web", "session_id": "s", "bot": False, "clamped": False}
    writer.write(pa.Table.from_pylist([{**base, "user_id": value} for value in values], schema=SILVER))
    text = file.getvalue().decode()
    with io.StringIO(text, newline="") as lines:
        _, *rows = csv.reader(lines, strict=True)
    place = SILVER.names.index("user_id")
    assert [row[place].removeprefix("'") for row in rows] == [value or "" for value in values]
    assert text.count(',"s",,') == values.count(None)


def test_days_are_inclusive_and_a_type_alone(world, export):
    yesterday = (NOW - DAY).date()
    wanted = [row for row in world.truth if row["timestamp"].date() == yesterday and row["event_type"] == "click"]
    content, events = export("ndjson", NOW - DAY, NOW - DAY, "click")
    assert wanted
    assert (events, ids(map(json.loads, content.splitlines()))) == (len(wanted), ids(wanted))
    assert export("csv", NOW + 9 * DAY, NOW + 9 * DAY) == (",".join(SILVER.names).encode() + b"\r\n", 0)
    assert pq.read_table(io.BytesIO(export("parquet", NOW + 9 * DAY, NOW + 9 * DAY)[0])).num_rows == 0


def test_what_is_rewritten_meanwhile_is_read_again_and_nothing_twice(world, tmp_path, monkeypatch):
    """Guards mechanism 12: a compaction or a trim in the middle of an export."""
    tail = TailReader(world.settings.data / "tail", world.snapshots, world.reader, lambda: NOW)
    tries = []
    read = export_module._read

    def vanish(path: Path):
        if not tries:
            tries.append(path)
            yield from read(path)
            raise FileNotFoundError(path)
        yield from read(path)

    monkeypatch.setattr(export_module, "_read", vanish)
    stream = tail.stream

    def move(view):
        yield from stream(view)
        if len(tries) == 1 and world.lake.position().seq == 3:
            world.to_lake(6)
            world.log.trim(6)

    monkeypatch.setattr(tail, "stream", move)
    with (tmp_path / "out").open("w+b") as file:
        file.write(b"what a longer try has left\n" * 100_000)
        events = Exporter(tail).write((NOW - 3 * DAY).date(), NOW.date(), None, "ndjson", file)
    found = Counter(json.loads(line)["event_id"] for line in (tmp_path / "out").read_bytes().splitlines())
    assert (events, len(tries), set(found.values())) == (720, 1, {1})
    assert sorted(found) == ids(world.truth)


@pytest.fixture
def run(world):
    """Run ``export`` on the folder."""
    (world.settings.data / "secrets.db").touch()
    days = ["--from", str((NOW - 3 * DAY).date()), "--to", str(NOW.date())]
    return lambda *arguments: CliRunner().invoke(
        app, ["export", *days, *map(str, arguments), "--data", str(world.settings.data)]
    )


def test_the_command_replaces_nothing_unasked_and_tells_who_erases(run, world, tmp_path):
    out = tmp_path / "out.csv"
    assert run("--format", "csv", out).output == f"720 events are in {out}.\n"
    before = out.read_bytes()
    again = run("--format", "ndjson", out)
    assert (again.exit_code, "--force" in again.stderr, out.read_bytes()) == (1, True, before)
    assert run("--format", "ndjson", "--force", out).exit_code == 0
    assert out.read_bytes().startswith(b"{")
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == ["out.csv"]
    copies = json.loads((world.settings.data / "copies.json").read_bytes())
    assert {path: copy["kind"] for path, copy in copies.items()} == {str(out): "export"}


def test_the_standard_output_gets_the_events_and_nothing_else(run):
    assert len(run("--format", "ndjson", "-").stdout_bytes.splitlines()) == 720
    assert run("--format", "parquet", "-").exit_code == 2
    assert run("--format", "xml", "x").exit_code == 2


@pytest.mark.parametrize("folder", ["none", "file"])
def test_a_folder_that_cannot_be_written_is_a_sentence(run, tmp_path, folder):
    (tmp_path / "file").write_text("x")
    done = run("--format", "csv", tmp_path / folder / "out.csv")
    assert (done.exit_code, "cannot be written" in done.stderr) == (1, True)


MEASURE = """
import sys, datetime as dt
from pathlib import Path
from cloudpulse.wiring import keeping
from cloudpulse.settings import Settings
exporter = keeping.exporter(Settings(data=Path(sys.argv[1])))
with open(sys.argv[2], "w+b") as file:
    print(exporter.write(dt.date(2026, 3, 1), dt.date(2026, 4, 30), None, sys.argv[3], file))
print(next(line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM")))
"""


@pytest.fixture(scope="module")
def folders(tmp_path_factory) -> dict[int, Path]:
    """Data folders by how many events they hold; those of the large one are 140 MB."""
    return {copies * 800: _filled(tmp_path_factory.mktemp("folder"), copies) for copies in (1, 60)}


def _filled(folder: Path, copies: int) -> Path:
    world = World(folder)
    rng = random.Random(2)
    properties = msgspec.Raw(json.dumps({"text": "x" * 3000, "n": 1}).encode())
    for _ in range(copies):
        events = [random_event(rng, NOW - 3 * DAY, NOW) for _ in range(800)]
        world.accept([msgspec.structs.replace(event, properties=properties) for event in events])
        world.to_lake(world.reader.state().head)
        world.log.trim(world.reader.state().head - 1)
    world.close()
    return folder


@pytest.mark.parametrize("kind", ["parquet", "ndjson", "csv"])
def test_memory_is_bounded_whatever_the_range(folders, tmp_path, kind):
    used = []
    for held, folder in folders.items():
        arguments = [sys.executable, "-c", MEASURE, str(folder), str(tmp_path / "out"), kind]
        done = subprocess.run(arguments, capture_output=True, text=True, check=True, timeout=120)
        events, kilobytes = map(int, done.stdout.split())
        assert events == held
        used.append(kilobytes)
    assert used[1] - used[0] < 90_000
