"""The ingest routes over HTTP, against all processes."""

import gzip
import json
import uuid

import pytest
import zstandard

from live_server import count_of, event, eventually


@pytest.fixture
def session() -> str:
    return f"session-{uuid.uuid4()}"


def ndjson(events) -> bytes:
    return b"\n".join(json.dumps(one).encode() for one in events)


def post_lines(client, content: bytes, path="/v1/events/batch", **headers):
    headers = {"content-type": "application/x-ndjson"} | {k.replace("_", "-"): v for k, v in headers.items()}
    return client.post(path, content=content, headers=headers)


def codes(answer) -> list[tuple[int, str, str | None]]:
    return [(error["index"], error["code"], error["field"]) for error in answer.json()["errors"]]


def test_one_event(client, session):
    answer = client.post("/v1/events", json=event(session))
    assert answer.status_code == 200
    assert answer.headers["x-request-id"]
    receipt = answer.json()
    assert receipt == {
        "accepted": 1, "duplicates": 0, "rejected": 0, "errors": [], "event_ids": receipt["event_ids"],
    }  # fmt: skip
    assert uuid.UUID(receipt["event_ids"][0]).version == 7
    assert count_of(client, session_id=session) == 1


@pytest.mark.parametrize("form", ["json", "ndjson", "gzip", "zstd"])
def test_a_batch_in_every_encoding(client, session, form):
    events = [event(session, event_id=str(uuid.uuid4())) for _ in range(50)]
    if form == "json":
        answer = client.post("/v1/events/batch", json={"events": events})
    elif form == "ndjson":
        answer = post_lines(client, ndjson(events))
    elif form == "gzip":
        # Two members, as `cat a.gz b.gz` makes them.
        answer = post_lines(
            client, gzip.compress(ndjson(events[:20]) + b"\n") + gzip.compress(ndjson(events[20:])),
            content_encoding="gzip",
        )  # fmt: skip
    else:
        answer = post_lines(client, zstandard.compress(ndjson(events)), content_encoding="zstd")
    assert answer.status_code == 200
    assert answer.json()["accepted"] == 50
    assert answer.json()["event_ids"] == [one["event_id"] for one in events]
    assert count_of(client, session_id=session) == 50


def test_what_is_wrong_with_one_event_does_not_touch_the_others(client, session):
    good, late = str(uuid.uuid4()), str(uuid.uuid4())
    answer = client.post(
        "/v1/events/batch",
        json={"events": [event(session, event_id=good), event(session, "clack"), event(session, event_id=late), {}]},
    )
    assert answer.status_code == 207
    assert answer.json()["accepted"] == 2
    assert answer.json()["rejected"] == 2
    assert answer.json()["event_ids"] == [good, late]
    assert codes(answer) == [(1, "invalid_enum", "event_type"), (3, "missing_field", "event_type")]
    assert count_of(client, session_id=session) == 2


def test_a_request_without_a_valid_event(client, session):
    answer = client.post("/v1/events/batch", json={"events": [event(session, "clack")]})
    assert answer.status_code == 400
    assert answer.json()["accepted"] == 0
    assert answer.json()["event_ids"] == []


@pytest.mark.parametrize("path", ["/v1/events/batch", "/v1/collect"])
def test_a_body_that_cannot_be_read(client, path):
    answer = client.post(path, content=b'{"events": [', headers={"content-type": "application/json"})
    assert answer.status_code == 400
    assert answer.json()["code"] == "invalid_json"
    assert answer.headers["content-type"] == "application/problem+json"


def test_properties_that_nest_without_end_are_the_clients_fault(client, session):
    for depth in (33, 500, 700, 985, 990, 991, 992, 993, 994, 5000):
        deep = b'{"a":' * depth + b"1" + b"}" * depth
        content = b'{"event_type":"click","session_id":"s","source":"web","properties":%s}' % deep
        answer = client.post("/v1/events", content=content, headers={"content-type": "application/json"})
        assert (depth, answer.status_code, answer.json()["errors"][0]["code"]) == (depth, 400, "too_large")


@pytest.mark.parametrize("encoding", ["gzip", "zstd"])
def test_a_bomb_is_refused(client, encoding):
    blank = b" " * (64 << 20)
    content = gzip.compress(blank) if encoding == "gzip" else zstandard.compress(blank)
    assert len(content) < 100_000
    answer = post_lines(client, content, content_encoding=encoding)
    assert answer.status_code == 413
    assert answer.json()["code"] == "too_large"


@pytest.mark.parametrize("encoding", ["gzip", "zstd"])
def test_a_damaged_body_is_refused_as_a_whole(client, session, encoding):
    content = ndjson([event(session, user_id=str(uuid.uuid4())) for _ in range(20_000)][:9_000])
    packed = gzip.compress(content) if encoding == "gzip" else zstandard.compress(content)
    for damaged in (packed[: len(packed) // 2], packed[:-1], b"nothing of the kind"):
        assert post_lines(client, damaged, content_encoding=encoding).status_code == 400
    assert count_of(client, session_id=session) == 0


def test_too_many_events_and_too_many_bytes(client, session):
    assert post_lines(client, ndjson([event(session)] * 10_001)).status_code == 413
    assert post_lines(client, b" " * (11 << 20)).status_code == 413
    assert count_of(client, session_id=session) == 0


@pytest.mark.parametrize("path", ["/v1/events", "/v1/events/batch", "/v1/event", "/v1/collect"])
def test_a_content_type_that_is_not_read(client, path):
    answer = client.post(path, content=b"<event/>", headers={"content-type": "application/xml"})
    assert answer.status_code == 415
    assert answer.json()["code"] == "unsupported_media_type"


def test_an_encoding_that_is_not_read(client):
    assert post_lines(client, b"{}", content_encoding="br").status_code == 415


def test_a_retry_with_an_idempotency_key_doubles_nothing(client, session):
    key = {"idempotency-key": str(uuid.uuid4())}
    events = {"events": [event(session), event(session), event(session, event_id=str(uuid.uuid4()))]}
    first = client.post("/v1/events/batch", json=events, headers=key).json()
    again = client.post("/v1/events/batch", json=events, headers=key).json()
    assert (first["accepted"], first["duplicates"]) == (3, 0)
    assert (again["accepted"], again["duplicates"]) == (0, 3)
    assert first["event_ids"] == again["event_ids"]
    assert count_of(client, session_id=session) == 3


@pytest.mark.parametrize("key", ["", "k" * 129])
def test_an_idempotency_key_of_a_wrong_length(client, session, key):
    answer = client.post("/v1/events", json=event(session), headers={"idempotency-key": key})
    assert answer.status_code == 400
    assert "Idempotency-Key" in answer.json()["detail"]


def test_duplicates_and_conflicts(client, session):
    event_id = str(uuid.uuid4())
    first = event(session, event_id=event_id, properties={"b": 1, "a": 2})
    assert client.post("/v1/events", json=first).json()["accepted"] == 1
    respelt = event(session, event_id=event_id.upper(), properties={"a": 2, "b": 1}, user_id=None)
    duplicate = client.post("/v1/events", json=respelt)
    assert (duplicate.status_code, duplicate.json()["duplicates"]) == (200, 1)
    assert duplicate.json()["event_ids"] == [event_id]
    conflict = client.post("/v1/events", json=first | {"user_id": "somebody"})
    assert conflict.status_code == 400
    assert codes(conflict) == [(0, "conflict", "event_id")]
    assert conflict.json()["errors"][0]["event_id"] == event_id
    assert count_of(client, session_id=session) == 1


def test_prefer_minimal_leaves_the_ids_out(client, session):
    answer = client.post("/v1/events", json=event(session), headers={"prefer": "return=minimal"})
    assert answer.json() == {"accepted": 1, "duplicates": 0, "rejected": 0, "errors": []}


def test_the_small_form(client, session):
    meta = {"session_id": session, "page": "/"}
    answer = client.post("/v1/event", json={"source": "web", "event_type": "Page View", "meta": meta})
    assert answer.status_code == 200
    record = answer.json()
    assert record == {"pk": record["pk"], "ts": record["ts"], "source": "web", "event_type": "page_view", "meta": meta}
    assert count_of(client, session_id=session, event_type="page_view") == 1


def test_the_small_form_of_an_event_of_ones_own(client):
    answer = client.post("/v1/event", json={"source": "mobile", "event_type": "signup", "meta": {}})
    assert answer.json()["event_type"] == "custom"
    assert count_of(client, session_id=answer.json()["pk"], event_type="custom") == 1


def test_the_small_form_tells_what_is_wrong(client):
    answer = client.post("/v1/event", json={"source": "desk", "event_type": "click"})
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_enum")
    long = client.post("/v1/event", json={"source": "web", "event_type": "click", "meta": {"a": "x" * 11_000}})
    assert (long.status_code, long.json()["code"]) == (400, "too_large")


def test_collect_keeps_its_promise_without_a_receipt(client, session):
    event_id = str(uuid.uuid4())
    one = event(session, event_id=event_id)
    for _ in range(2):
        answer = post_lines(client, ndjson([one, event(session, "clack")]), "/v1/collect")
        assert (answer.status_code, answer.content) == (202, b"")
    assert count_of(client, session_id=session) == 1


def test_an_event_is_found_until_it_is_stored(client, server, session):
    event_id = client.post("/v1/events", json=event(session)).json()["event_ids"][0]
    found = client.get(f"/v1/events/{event_id}")
    assert found.status_code == 200
    assert found.json()["status"] in ("queued", "stored")
    assert found.json()["event_type"] == "click"

    def stored():
        answer = client.get(f"/v1/events/{event_id}").json()
        return answer if answer["status"] == "stored" else None

    answer = eventually(stored)
    assert answer["stored_at"] >= answer["received_at"]
    content = (
        zstandard.ZstdDecompressor().decompressobj().decompress((server.data / answer["location"]["path"]).read_bytes())
    )
    lines = [json.loads(line) for line in content.splitlines()]
    (line,) = [line for line in lines if line["event_id"] == event_id]
    assert line["session_id"] == session
    assert count_of(client, session_id=session) == 1


def test_an_event_that_nobody_sent(client):
    assert client.get(f"/v1/events/{uuid.uuid4()}").status_code == 404
    assert client.get("/v1/events/nothing").status_code in (400, 404)
