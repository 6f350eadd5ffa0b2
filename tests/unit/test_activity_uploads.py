"""Uploads of the workflow ``activity``: read, normalised, completed; kept, expired, and cleared of a person."""

import datetime as dt
import io
import json
import os
import random
import shutil

import pytest

from cloudpulse.errors import DiskFull, NotFound, StoreError, TooLarge, UserError
from cloudpulse.events import activity
from cloudpulse.events.activity import MAX_LINE_BYTES, Refusals, entries, format_of
from cloudpulse.events.model import Event
from cloudpulse.ops.uploads import Uploads
from cloudpulse.settings import Settings

NOW = dt.datetime(2026, 3, 9, 14, 22, tzinfo=dt.UTC)


def event(event_type="click", **fields):
    return {"event_type": event_type, "session_id": "s", "source": "web", **fields}


def read(body, kind="json", seed="seed", max_bytes=1_000_000):
    return list(entries(io.BytesIO(body), kind, seed, NOW, max_bytes))


def codes(body, kind="json"):
    return [
        (index, one.event_type if isinstance(one, Event) else (one.code, one.field)) for index, one in read(body, kind)
    ]


def lines(*events):
    return b"\n".join(json.dumps(one).encode() for one in events)


@pytest.mark.parametrize("text", ["page_view", "Page View", "pageview", "PAGE-VIEW", " page  view "])
def test_a_type_may_be_spelled_in_any_way(text):
    ((_, found),) = read(json.dumps(event(text)).encode())
    assert (found.event_type, found.event_name) == ("page_view", None)


def test_any_other_type_is_a_custom_event_of_that_name():
    found = read(json.dumps([event("signup"), event("signup", event_name="n")]).encode())
    assert [(one.event_type, one.event_name) for _, one in found] == [("custom", "signup"), ("custom", "n")]


def test_one_event_an_array_and_lines_are_read_alike():
    one = json.dumps(event(), indent=2).encode()
    many = [event(), event("error")]
    assert codes(one) == [(0, "click")]
    assert codes(json.dumps(many).encode()) == codes(lines(*many), "ndjson") == [(0, "click"), (1, "error")]
    assert codes(b"\xef\xbb\xbf" + one) == codes(b"\xef\xbb\xbf" + lines(event()), "ndjson") == [(0, "click")]


def test_what_is_invalid_is_set_aside_alone_and_keeps_its_index():
    body = lines(event(), event("click", source="fax"), {"session_id": "s"}) + b"\n\nrubbish\n5\n" + lines(event(" "))
    assert codes(body, "ndjson") == [
        (0, "click"),
        (1, ("invalid_enum", "source")),
        (2, ("missing_field", "event_type")),
        (4, ("invalid_json", None)),
        (5, ("invalid_type", None)),
        (6, ("missing_field", "event_type")),
    ]


def test_a_line_that_never_ends_costs_no_memory_and_those_behind_it_are_read():
    body = b"x" * (3 * MAX_LINE_BYTES) + b"\n" + lines(event())
    assert codes(body, "ndjson") == [(0, ("too_large", None)), (1, "click")]


def test_deep_and_large_events_are_set_aside():
    deep = b'{"event_type":"click","session_id":"s","source":"web","properties":{"a":' + b"[" * 40 + b"]" * 40 + b"}}"
    assert codes(deep) == [(0, ("too_large", "properties"))]
    assert codes(json.dumps(event(properties={"a": "x" * 20_000})).encode()) == [(0, ("too_large", "properties"))]
    assert codes(b"[" * 100_000, "ndjson") == [(0, ("too_large", None))]


@pytest.mark.parametrize("body", [b"", b"rubbish", b"5", b'"text"', b"[", b"[1", b"\xff", b"[" * 100_000])
def test_json_that_cannot_be_read_as_a_whole(body):
    with pytest.raises(UserError, match="application/x-ndjson"):
        read(body)


def test_json_has_a_bound():
    with pytest.raises(TooLarge, match="NDJSON"):
        read(json.dumps([event()] * 3).encode(), max_bytes=100)


def test_the_same_upload_gives_the_same_events():
    """Guards mechanism 4: a step that is run again must not make other ids."""
    given = event(event_id="00000000-0000-7000-8000-000000000001", timestamp="2026-03-09T12:00:00+02:00")
    body = lines(event(), event(), given)
    first, again, other = read(body, "ndjson"), read(body, "ndjson"), read(body, "ndjson", seed="other")
    assert first == again
    ids = [str(one.event_id) for _, one in first]
    assert len({*ids, *(str(one.event_id) for _, one in other)}) == 5
    assert ids[2] == given["event_id"]
    assert [one.timestamp for _, one in first] == [NOW, NOW, dt.datetime(2026, 3, 9, 10, tzinfo=dt.UTC)]


def test_refusals_are_counted_and_quote_nothing():
    refusals = Refusals()
    for index in range(activity.MAX_SHOWN + 5):
        refusals.add(index, "unknown_field", "ada@example.org")
    refusals.add(0, "too_long", "metadata.referrer")
    assert (refusals.total, len(refusals.shown)) == (activity.MAX_SHOWN + 6, activity.MAX_SHOWN)
    assert str(refusals) == f"{activity.MAX_SHOWN + 5} × unknown_field, 1 × too_long in metadata.referrer"  # noqa: RUF001
    assert refusals.shown[0].field is None


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("a.json", ("json", "")),
        ("A b.JSON", ("json", "")),
        ("a.ndjson", ("ndjson", "")),
        ("a.jsonl.gz", ("ndjson", "gzip")),
        ("a.json.zst", ("json", "zstd")),
        (".a.json", None),
        (".json", None),
        ("a.json.part", None),
        ("a.txt", None),
        ("json", None),
    ],
)
def test_a_name_tells_the_format(name, found):
    assert format_of(name) == found


@pytest.fixture
def uploads(tmp_path):
    return Uploads(Settings(data=tmp_path, min_free_bytes=0, max_body_bytes=1000))


def content(uploads, path):
    with uploads.open(path) as stream:
        return stream.read()


def test_a_raw_copy_holds_what_was_sent_by_day(uploads, tmp_path):
    kept = uploads.keep("activity-1", "ndjson", [b"a\n", b"", b"b"], NOW)
    assert (kept.path, kept.bytes) == ("ingest/yyyy=2026/mm=03/dd=09/activity-1.ndjson.zst", 3)
    assert content(uploads, kept.path) == b"a\nb"
    assert uploads.keep("activity-1", "ndjson", [b"c"], NOW).path == kept.path
    assert content(uploads, kept.path) == b"c"
    assert os.listdir((tmp_path / kept.path).parent) == ["activity-1.ndjson.zst"]


def test_a_raw_copy_that_fails_leaves_nothing(uploads, tmp_path):
    with pytest.raises(TooLarge, match="NDJSON"):
        uploads.keep("activity-1", "json", [b"x" * 600, b"x" * 600], NOW)
    with pytest.raises(ZeroDivisionError):
        uploads.keep("activity-1", "ndjson", (1 // 0 for _ in range(1)), NOW)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []
    with pytest.raises(NotFound):
        uploads.open("ingest/yyyy=2026/mm=03/dd=09/activity-1.json.zst")


def test_a_disk_that_is_too_full_takes_no_upload(tmp_path):
    uploads = Uploads(Settings(data=tmp_path, min_free_bytes=shutil.disk_usage(tmp_path).total))
    with pytest.raises(DiskFull):
        uploads.keep("activity-1", "json", [b"{}"], NOW)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_raw_copies_go_by_day(uploads, tmp_path):
    days = [NOW - dt.timedelta(days=age) for age in (40, 31, 30, 0)]
    paths = [uploads.keep(f"activity-{day:%d}", "json", [b"{}"], day).path for day in days]
    (tmp_path / "ingest/yyyy=x/mm=1/dd=1").mkdir(parents=True)
    assert uploads.expire((NOW - dt.timedelta(days=30)).date()) == 2
    assert uploads.paths() == paths[2:]
    assert uploads.expire((NOW - dt.timedelta(days=30)).date()) == 0


def test_what_is_somebodys_is_blanked_and_all_others_keep_their_index(uploads):
    """An upload that still waits must not bring an erased person back."""
    ada, bob = event(user_id="ada"), event(user_id="bob")
    bodies = {
        "ndjson": lines(ada, bob, ada) + b"\n\n" + lines(bob) + b"\n" + b"ada" * MAX_LINE_BYTES,
        "json": json.dumps([bob, ada]).encode(),
    }
    paths = {kind: uploads.keep("activity-1", kind, [body], NOW).path for kind, body in bodies.items()}
    single = uploads.keep("activity-2", "json", [json.dumps(ada).encode()], NOW).path
    broken = uploads.keep("activity-3", "json", [b'[{"user_id": "ada"'], NOW).path
    others = uploads.keep("activity-4", "json", [json.dumps(bob).encode()], NOW).path
    before = content(uploads, others)
    assert uploads.erase(lambda item: b"ada" in item, NOW) == 6
    assert all(b"ada" not in content(uploads, path) for path in uploads.paths())
    assert content(uploads, others) == before
    at = {kind: codes(content(uploads, path), kind) for kind, path in paths.items()}
    assert at == {"ndjson": [(1, "click"), (4, "click")], "json": [(0, "click"), (1, ("invalid_type", None))]}
    assert codes(content(uploads, single)) == codes(content(uploads, broken)) == [(0, ("invalid_type", None))]
    assert uploads.erase(lambda item: b"ada" in item, NOW) == 0


def test_a_blank_is_nobodys(uploads):
    """The record of the next erasure counts what that one has removed, also when it takes what nobody can read."""
    uploads.keep("activity-1", "json", [json.dumps([event(user_id="ada")]).encode()], NOW)
    assert [uploads.erase(lambda item: True, NOW) for _ in range(2)] == [1, 0]


def test_what_a_crash_has_left_goes_when_somebody_is_erased(uploads, tmp_path):
    folder = (tmp_path / uploads.keep("activity-1", "json", [b"{}"], NOW).path).parent
    for name, age in ((".old.tmp", 3600), (".new.tmp", 1)):
        (folder / name).write_bytes(b"ada")
        os.utime(folder / name, (NOW.timestamp() - age,) * 2)
    uploads.erase(lambda item: False, NOW)
    assert sorted(os.listdir(folder)) == [".new.tmp", "activity-1.json.zst"]


def test_what_is_erased_from_was_kept_when_it_was(uploads, tmp_path):
    """Two erasures follow each other: a raw copy that the first has written anew is not new for the second."""
    path = uploads.keep("activity-1", "ndjson", [lines(event(user_id="ada"), event(user_id="bob"))], NOW).path
    os.utime(tmp_path / path, (NOW.timestamp(),) * 2)
    asked_at = NOW + dt.timedelta(seconds=1)
    assert [uploads.erase(lambda item, who=who: who in item, asked_at, asked_at) for who in (b"ada", b"bob")] == [1, 1]
    assert b"bob" not in content(uploads, path)


@pytest.mark.parametrize("is_erased", [True, False])
def test_a_raw_copy_is_not_read_on_when_it_is_not_the_same_any_more(uploads, is_erased):
    """A step that reads it for an hour must not bring back who was erased meanwhile."""
    noise = [random.Random(number).randbytes(30_000).hex() for number in range(100)]
    body = lines(*(event(user_id=f"ada{text}") for text in noise))
    path = uploads.keep("activity-1", "ndjson", [body], NOW).path
    with uploads.open(path) as stream:
        assert stream.readline()
        uploads.erase(lambda item: b"ada" in item, NOW) if is_erased else uploads.expire(dt.date.max)
        with pytest.raises(StoreError, match="changed"):
            stream.read()
