"""Ids, hashes, stamps and digest cells of the events of one request."""

import datetime as dt
import json
import random
import time
import uuid

import msgspec
import pytest
from event_strategies import valid_events
from hypothesis import example, given
from hypothesis import strategies as st

from cloudpulse.events import codec, times
from cloudpulse.events.codec import packed_id
from cloudpulse.events.model import Count, Remote
from cloudpulse.events.validate import parse_one
from cloudpulse.ingest.prepare import Sender, digest, new_id, prepare, uuid7

NOW = dt.datetime(2026, 3, 9, 14, 22, 31, 402000, tzinfo=dt.UTC)
ID = "01a1f8ae-942c-71d8-b8b0-809fda29c80e"
BASE = {"event_id": ID, "event_type": "click", "session_id": "s", "source": "web"}
REMOTE = Remote(ip_address="10.0.0.0", user_agent="agent", country="DE")
SENDER = Sender(client_id="client", app="shop", remote=REMOTE)


def prepared(*events, now=NOW, ip_mode="truncate", sender=SENDER):
    decoded = [(index, parse_one(json.dumps(event).encode())[0][0][1]) for index, event in enumerate(events)]
    return prepare(decoded, [], sender, now, ip_mode)


def hash_of(event, **options) -> bytes:
    (packed,) = prepared(event, **options).packed
    return packed[16:24]


def respelt(event, rng):
    """The same JSON value with its keys in another order."""
    if isinstance(event, dict):
        return {key: respelt(event[key], rng) for key in rng.sample(list(event), len(event))}
    return [respelt(part, rng) for part in event] if isinstance(event, list) else event


@given(valid_events, st.randoms(use_true_random=False))
def test_spelling_does_not_change_the_hash(event, rng: random.Random):
    """Guards mechanism 4: key order, white space, absent defaults, escapes."""
    event = {"event_id": ID} | event
    absent = dict.fromkeys(("user_id", "event_name", "properties", "timestamp", "metadata"))
    other = respelt(absent | event, rng)
    body = json.dumps(other, indent=3, ensure_ascii=rng.random() < 0.5).encode()
    first = prepared(event)
    again = prepare(parse_one(body)[0], [], SENDER, NOW + dt.timedelta(hours=1), "truncate")
    assert first.rejections == again.rejections
    assert first.packed == again.packed


def test_an_empty_object_is_as_good_as_none():
    """Guards mechanism 4: absent defaults are left out."""
    event = {"event_id": ID, "event_type": "click", "session_id": "s", "source": "web"}
    hashes = {prepared(event | more).packed[0] for more in ({}, {"properties": {}}, {"metadata": {}})}
    assert len(hashes) == 1


@given(st.datetimes(dt.datetime(1971, 1, 1), dt.datetime(2100, 1, 1)), st.integers(-14 * 60, 14 * 60))
def test_the_time_zone_does_not_change_the_hash(naive, offset_minutes):
    """Guards mechanism 4."""
    zone = dt.timezone(dt.timedelta(minutes=offset_minutes))
    moment = naive.replace(tzinfo=dt.UTC)
    spellings = [naive.isoformat(), naive.isoformat() + "Z", moment.astimezone(zone).isoformat()]
    assert len({hash_of(BASE | {"timestamp": text}) for text in spellings}) == 1


@pytest.mark.parametrize(
    "change",
    [
        {"event_type": "error"},
        {"session_id": "t"},
        {"source": "api"},
        {"user_id": "u"},
        {"event_name": "n"},
        {"timestamp": "2026-03-09T14:22:31.402001Z"},
        {"properties": {"a": 1, "b": [1, 3]}},
        {"properties": {"a": 1, "b": [2, 1]}},
        {"properties": {"a": "1", "b": [1, 2]}},
        {"metadata": {"country": "FR"}},
        {"metadata": {"country": "DE", "region": "BE"}},
    ],
)
def test_any_other_value_changes_the_hash(change):
    """Guards mechanism 4: the same id with another payload is told from a duplicate."""
    event = BASE | {
        "timestamp": "2026-03-09T14:22:31.402Z", "properties": {"a": 1, "b": [1, 2]}, "metadata": {"country": "DE"},
    }  # fmt: skip
    assert hash_of(event) != hash_of(event | change)


@pytest.mark.parametrize("ip_mode", ["keep", "truncate", "drop"])
def test_addresses_and_stamps_do_not_change_the_hash(ip_mode):
    """Guards mechanism 4: what is stored of an address depends on a setting, which may change."""
    event = BASE | {"metadata": {"ip_address": "192.0.2.77", "country": "DE"}}
    other = BASE | {"metadata": {"ip_address": "198.51.100.1", "country": "DE"}}
    sender = Sender(client_id="another", app="blog")
    expected = hash_of(BASE | {"metadata": {"country": "DE"}})
    assert hash_of(event, ip_mode=ip_mode) == expected
    assert hash_of(other, ip_mode=ip_mode, now=NOW + dt.timedelta(days=1), sender=sender) == expected


@given(valid_events, st.sampled_from(["keep", "truncate", "drop"]))
@example({**BASE, "metadata": {"ip_address": "192.0.2.77"}}, "drop")
@example({**BASE, "metadata": {"ip_address": "192.0.2.77"}}, "truncate")
@example({**BASE, "metadata": {}}, "keep")
@example({**BASE, "properties": {}}, "keep")
@example({**BASE, "timestamp": "2026-03-09T14:22:31.402+02:00"}, "keep")
def test_the_stored_line_tells_the_same_id_and_hash(event, ip_mode):
    """Guards mechanism 4: a lost index is computed again from bronze."""
    made = prepared(event, ip_mode=ip_mode)
    for line, packed in zip(made.stored, made.packed, strict=True):
        assert packed_id(line) == packed


@pytest.mark.parametrize(("ip_mode", "kept"), [("keep", "192.0.2.77"), ("truncate", "192.0.2.0"), ("drop", None)])
def test_what_is_stored_of_an_address(ip_mode, kept):
    (line,) = prepared(BASE | {"metadata": {"ip_address": "192.0.2.77"}}, ip_mode=ip_mode).stored
    assert json.loads(line)["metadata"].get("ip_address") == kept


def test_a_stored_line_is_the_event_and_its_stamp():
    (line,) = prepared(BASE | {"properties": {"b": 1, "a": {"d": 1, "c": 2}}}).stored
    stamp = {"received_at": "2026-03-09T14:22:31.402000Z", "client_id": "client", "app": "shop"}
    remote = {"ip_address": "10.0.0.0", "user_agent": "agent", "country": "DE"}
    assert json.loads(line) == stamp | {"remote": remote} | BASE | {"properties": {"b": 1, "a": {"d": 1, "c": 2}}}
    assert b'"properties":{"a":{"c":2,"d":1},"b":1}' in line
    (stored,) = codec.decode_lines(line + b"\n")
    assert (stored.event_id, stored.timestamp, stored.app) == (ID, None, "shop")


@pytest.mark.parametrize(("source", "wanted"), [("web", True), ("mobile", True), ("api", False), ("server", False)])
def test_the_connection_speaks_for_browsers_and_apps_alone(source, wanted):
    (line,) = prepared(BASE | {"source": source}).stored
    assert ("remote" in json.loads(line)) is wanted


def test_what_the_client_says_of_itself_stands_alone():
    metadata = {"ip_address": "192.0.2.77", "user_agent": "own", "country": "FR"}
    (line,) = prepared(BASE | {"metadata": metadata}).stored
    assert "remote" not in json.loads(line)


def test_what_breaks_a_rule_joins_the_rejections():
    made = prepared(BASE, BASE | {"properties": {"a": "x" * 11_000}}, BASE | {"timestamp": "1900-01-01T00:00:00Z"})
    assert made.indexes == [0]
    assert [(found.index, found.code, found.event_id) for found in made.rejections] == [
        (1, "too_large", ID),
        (2, "invalid_timestamp", ID),
    ]
    lists = (made.keys, made.packed, made.stored, made.id_texts, made.cells)
    assert {len(one) for one in lists} == {1}
    assert made.id_texts == [ID.encode()]


seconds = st.integers(-3 * 86_400, 3 * 86_400) | st.integers(-180, 180).flatmap(
    lambda near: st.sampled_from([near, near - 86_400, near + 300])
)


@given(st.datetimes(dt.datetime(2020, 1, 1), dt.datetime(2030, 1, 1), timezones=st.just(dt.UTC)), seconds, st.integers(
    -2, 2
))  # fmt: skip
@example(NOW, -86_400, 0)
@example(NOW, -86_400, -1)
@example(NOW, 300, 0)
@example(NOW, 300, 1)
def test_a_cell_is_what_the_slow_definition_says(now, seconds, micros):
    """Guards mechanism 5: minute, clamping of the future and liveness, also at the edges of 24 h and 5 min."""
    timestamp = now + dt.timedelta(seconds=seconds, microseconds=micros)
    made = prepared(BASE | {"timestamp": timestamp.isoformat()}, now=now)
    counted = times.effective(timestamp, now)
    live = now - timestamp <= dt.timedelta(hours=24)
    assert live is times.is_live(timestamp, now)
    assert counted == (now if timestamp - now > dt.timedelta(minutes=5) else timestamp)
    assert digest([("shop", made.cells)]) == (Count("shop", times.minute_of(counted), "click", live, 1),)


def test_an_event_without_a_time_counts_when_it_comes():
    (line,) = prepared(BASE).stored
    assert "timestamp" not in json.loads(line)
    assert digest([("shop", prepared(BASE).cells)]) == (Count("shop", times.minute_of(NOW), "click", True, 1),)


def test_a_digest_counts_by_app_minute_type_and_liveness():
    cells = {
        "a": [(b"2026-03-09T14:22", "click", True)] * 3 + [(b"2026-03-08T14:22", "click", False)],
        "b": [(b"2026-03-09T14:22", "click", True), (b"2026-03-09T14:22", "error", True)],
    }
    counted = digest([("a", cells["a"][:2]), ("b", cells["b"]), ("a", cells["a"][2:])])
    minute = times.minute_of(NOW)
    assert len(counted) == 4
    assert set(counted) == {
        Count("a", minute, "click", True, 3),
        Count("a", minute - 1440, "click", False, 1),
        Count("b", minute, "click", True, 1),
        Count("b", minute, "error", True, 1),
    }


def test_new_ids_are_version_7_and_rise_with_time():
    before = time.time_ns() // 1_000_000
    ids = [uuid7() for _ in range(100)]
    after = time.time_ns() // 1_000_000
    assert len(set(ids)) == 100
    assert {(found.version, found.variant) for found in ids} == {(7, uuid.RFC_4122)}
    assert all(before <= found.int >> 80 <= after for found in ids)


def test_an_idempotency_key_gives_the_same_ids_again():
    """Guards mechanism 4: ids are derived from client, key and index, and from nothing else."""

    def made(client="client", key="key", index=0, app="shop"):
        return new_id(Sender(client_id=client, app=app, idempotency_key=key), index)

    assert made() == made(app="blog")
    assert (made().version, made().variant) == (8, uuid.RFC_4122)
    others = {made(client="other"), made(key="other"), made(index=1), made(client="clientk", key="ey"), made()}
    assert len(others) == 5


def test_only_events_without_an_id_get_one():
    events = [{key: value for key, value in BASE.items() if key != "event_id"}, BASE]
    sender = msgspec.structs.replace(SENDER, idempotency_key="key")
    made = prepared(*events, sender=sender)
    assert made.keys == [new_id(sender, 0).bytes, uuid.UUID(ID).bytes]
    assert prepared(*events, sender=sender).keys == made.keys
    assert prepared(*events).keys[0] != prepared(*events).keys[0]


@given(st.datetimes(dt.datetime(1970, 1, 1), dt.datetime(2200, 1, 1), timezones=st.just(dt.UTC)))
def test_times_round_trip(moment):
    assert times.from_micros(times.micros(moment)) == moment
    assert times.minute_of(moment) == times.micros(moment) // 60_000_000
    assert abs(times.parse(times.rfc3339(moment)) - moment) < dt.timedelta(milliseconds=1)
    assert times.rfc3339(moment).endswith("Z")
