"""``cloudpulse import``: every line is sent once, whatever interrupts it, and the same file never again."""

import gzip
import json
from pathlib import Path

import pytest
import zstandard
from fake_server import FakeServer
from typer.testing import CliRunner

from cloudpulse.cli.main import app
from cloudpulse.cli.send import BATCH_EVENTS
from cloudpulse.entrypoints.data_folder import hold

SHARED = Path(__file__).resolve().parents[3] / "shared"
LINE = '1.2.3.4 - - [17/May/2015:10:05:03 +0000] "GET /{n} HTTP/1.1" 200 123 "-" "Mozilla/5.0"\n'
EVENT = '{{"event_type":"click","session_id":"s","source":"web","properties":{{"n":{n}}}}}\n'
MANY = 2 * BATCH_EVENTS + 100


@pytest.fixture
def server():
    server = FakeServer()
    yield server
    server.close()


@pytest.fixture
def data(tmp_path, server):
    folder = tmp_path / "data"
    folder.mkdir()
    (folder / "server.json").write_text(json.dumps({"url": server.url}))
    with hold(folder):
        yield folder


@pytest.fixture
def run(data):
    def run(*arguments, **options):
        return CliRunner().invoke(app, ["import", *map(str, arguments), "--data", str(data)], **options)

    return run


@pytest.fixture
def file(tmp_path):
    """Write a file."""

    def write(content: str | bytes, name: str = "events.log") -> Path:
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


def numbered(template: str, count: int) -> str:
    return "".join(template.format(n=n) for n in range(count))


@pytest.mark.skipif(not SHARED.exists(), reason="the real log is in ../shared, which is not here")
def test_a_real_log_comes_in_whole_and_once(run, server):
    sample = SHARED / "data" / "access.log"
    result = run(sample)
    assert (result.exit_code, len(server.events)) == (0, 10_000)
    assert sum(event["event_type"] == "error" for event in server.events.values()) == 220
    assert "10,000 events added" in result.stdout
    assert "0 events added, 10,000 known before" in run(sample).stdout


@pytest.mark.parametrize("template", [LINE, EVENT])
def test_compression_changes_nothing(run, server, file, template):
    content = numbered(template, 50).encode()
    frames = zstandard.compress(content[:1000]) + zstandard.compress(content[1000:])
    for result in (
        run(file(content)),
        run(file(gzip.compress(content), "b")),
        run(file(frames, "c")),
        run("-", input=content),
        run("-", input=gzip.compress(content)),
    ):
        assert result.exit_code == 0
    assert (len(server.events), server.batches) == (50, [50])


@pytest.mark.parametrize("template", [LINE, EVENT])
def test_an_interrupted_import_goes_on_where_it_was(run, server, file, template):
    path = file(numbered(template, MANY))
    server.fail_after_batches = 1
    result = run(path)
    assert (result.exit_code, result.stderr) == (1, "cloudpulse: It broke.\n")
    server.fail_after_batches = None
    result = run(path)
    assert (result.exit_code, len(server.events), sum(server.batches)) == (0, MANY, MANY)
    assert f"{MANY - BATCH_EVENTS:,} events added, {BATCH_EVENTS:,} known before" in result.stdout


@pytest.mark.parametrize("template", [LINE, EVENT])
def test_a_file_is_known_for_ever(run, server, file, template):
    """Guards mechanism 18: when the server has forgotten the ids, the memory in the data folder knows the file."""
    path = file(numbered(template, 10))
    run(path)
    server.events.clear()
    assert (run(path).exit_code, server.events) == (0, {})


@pytest.mark.parametrize("template", [LINE, EVENT])
def test_without_the_memory_the_ids_still_tell(run, server, file, data, template):
    path = file(numbered(template, 10))
    run(path)
    for memory in (data / "imports").iterdir():
        memory.unlink()
    result = run(path)
    assert (len(server.events), "0 events added, 10 known before" in result.stdout) == (10, True)


def test_another_server_has_no_memory_here(run, server, file, data):
    """The memory speaks of this folder's events, and a server elsewhere may have lost its own."""
    path = file(numbered(EVENT, 10))
    run(path)
    other = FakeServer()
    try:
        assert run(path, "--url", f"{other.url}/v1/", "--token", "t").exit_code == 0
        assert (len(other.events), set(other.tokens)) == (10, {"t"})
    finally:
        other.close()
    assert run(path, "--url", f"{server.url}/v1").exit_code == 0
    assert sum(server.batches) == 10


def test_a_changed_file_is_another_one(run, server, file):
    run(file(numbered(EVENT, 10)))
    run(file(numbered(EVENT, 11)))
    assert len(server.events) == 21


def test_ids_in_the_file_are_kept_and_others_made(run, server, file):
    own = "0190c0de-0000-7000-8000-000000000001"
    run(file(f'{{"event_id":"{own}","n":1}}\n\n{{"n":2}}\n{{"event_id":null,"n":1.50}}\n'))
    by_number = {event_id: event["n"] for event_id, event in server.events.items()}
    assert by_number[own] == 1
    assert sorted(by_number.values()) == [1, 1.5, 2]
    assert all(len(event_id) == 36 for event_id in by_number)


def test_rejected_events_are_told_with_their_line_and_the_others_kept(run, server, file):
    path = file('\ufeff{"n":1}\n\nnot JSON\n{"n":2}\n')
    result = run(path)
    assert (result.exit_code, len(server.events)) == (1, 2)
    assert result.stderr == f"{path}:3: invalid_json: This is not valid JSON.\n"
    assert "2 events added, 0 known before, 1 rejected" in result.stdout
    again = run(path)
    assert (again.exit_code, "0 events added, 2 known before, 1 rejected" in again.stdout) == (1, True)


def test_unreadable_log_lines_are_told_with_their_number(run, server, file):
    path = file(numbered(LINE, 1) + "what is this\n\n" + numbered(LINE, 1))
    result = run(path)
    assert (result.exit_code, len(server.events)) == (1, 2)
    assert result.stderr == f"{path}:2: unreadable: no address and time at the start of the line\n"


def test_the_format_can_be_forced(run, server, file):
    assert run(file(numbered(LINE, 2)), "--format", "ndjson").exit_code == 1
    assert run(file(numbered(LINE, 2)), "--format", "combined").exit_code == 0
    assert len(server.events) == 2
    assert run(file(""), "--format", "xml").exit_code == 2


def test_an_empty_file_is_no_error(run, server, file):
    assert (run(file("")).exit_code, server.batches) == (0, [])


@pytest.mark.parametrize(
    "content", [b"\x1f\x8bbroken", b"\x28\xb5\x2f\xfdbroken", gzip.compress(b"x" * 99999, mtime=0)[:50]]
)
def test_a_damaged_file_is_one_sentence(run, file, content):
    result = run(file(content))
    assert (result.exit_code, result.stderr.startswith("cloudpulse: cannot read")) == (1, True)


def test_a_missing_file_is_one_sentence(run, tmp_path):
    result = run(tmp_path / "nothing")
    assert (result.exit_code, result.stderr.count("\n")) == (1, 1)


def test_a_line_of_another_encoding_is_kept(run, server, file):
    run(file(LINE.format(n="caf\xe9").encode("latin-1")))
    assert [event["properties"]["path"] for event in server.events.values()] == ["/caf�"]
