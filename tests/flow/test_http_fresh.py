"""Answers hold what was accepted a moment ago, and late events fall where they belong."""

import datetime as dt
import threading
import uuid
from collections import Counter

import pytest

from live_server import count_of, event, eventually, today


@pytest.fixture
def session() -> str:
    return f"session-{uuid.uuid4()}"


def realtime(client, minutes: int = 5) -> Counter:
    answer = client.get("/v1/realtime", params={"lookback_minutes": minutes})
    assert answer.status_code == 200, answer.text
    return Counter(answer.json()["by_event_type"])


def rfc3339(moment: dt.datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")


def test_an_answer_holds_what_was_accepted_before_it_was_asked(client, session):
    """Guards mechanisms 12 and 13: the tail is in every answer, whether or not a consumer has seen it."""
    for sent in range(1, 21):
        before = realtime(client)["form_submit"]
        assert client.post("/v1/events", json=event(session, "form_submit")).json()["accepted"] == 1
        assert count_of(client, session_id=session) == sent
        assert realtime(client)["form_submit"] >= before + 1


@pytest.mark.parametrize(("ahead", "live"), [
    (-dt.timedelta(hours=23), True),
    (-dt.timedelta(hours=25), False),
    (dt.timedelta(minutes=4), True),
    (dt.timedelta(minutes=6), True),
])  # fmt: skip
def test_late_and_early_events(client, session, ahead, live):
    """An event over 24 h old moves the lake and never the live counters; one over 5 min ahead counts when it came."""
    before = realtime(client, 1440)["api_call"]
    moment = dt.datetime.now(dt.UTC) + ahead
    client.post("/v1/events", json=event(session, "api_call", timestamp=rfc3339(moment)))
    assert realtime(client, 1440)["api_call"] - before == (1 if live else 0)
    assert count_of(client, session_id=session) == 1
    answer = client.get(
        "/v1/query",
        params={
            "query_type": "top_sessions", "session_id": session, "date_from": today(-2), "date_to": today(1),
        },
    )  # fmt: skip
    seen = dt.datetime.fromisoformat(answer.json()["results"][0]["first_seen"])
    if ahead > dt.timedelta(minutes=5):
        assert abs(seen - dt.datetime.now(dt.UTC)) < dt.timedelta(minutes=2), "it counts when it came"
    else:
        assert abs(seen - moment) < dt.timedelta(seconds=1)


def test_a_reader_never_sees_an_event_vanish(client, server, session):
    """Guards mechanism 12: lake and tail are one consistent view, across commits and trimming alike."""
    batches, size = 250, 20
    sent = acknowledged = 0
    done = threading.Event()
    failures: list[str] = []

    def read():
        highest = 0
        with server.client("events:read") as reader:
            while not done.is_set() and not failures:
                least = acknowledged
                counted = count_of(reader, app="default", session_id=session)
                most = sent
                if not max(least, highest) <= counted <= most:
                    failures.append(f"{counted} counted; {least} acknowledged, {highest} counted before, {most} sent")
                highest = counted

    readers = [threading.Thread(target=read) for _ in range(2)]
    for reader in readers:
        reader.start()
    for _ in range(batches):
        sent += size
        assert client.post("/v1/events/batch", json={"events": [event(session)] * size}).status_code == 200
        acknowledged += size
    done.set()
    for reader in readers:
        reader.join()
    assert not failures
    assert count_of(client, session_id=session) == batches * size


def test_the_count_of_all_events_never_goes_down(start_server):
    """Guards mechanism 12, where digests and manifests answer alone, over many lake commits and trims."""
    server = start_server(lake_commit_seconds=1, lake_commit_events=200, trim_delay_seconds=0)
    sent = acknowledged = 0
    done = threading.Event()
    failures: list[str] = []

    def read():
        highest = 0
        with server.client("events:read") as reader:
            while not done.is_set() and not failures:
                least = acknowledged
                counted = count_of(reader)
                most = sent
                if not max(least, highest) <= counted <= most:
                    failures.append(f"{counted} counted; {least} acknowledged, {highest} counted before, {most} sent")
                highest = counted

    reader = threading.Thread(target=read)
    reader.start()
    with server.client() as client:
        for _ in range(300):
            sent += 20
            assert client.post("/v1/events/batch", json={"events": [event("s")] * 20}).status_code == 200
            acknowledged += 20
        done.set()
        reader.join()
        assert not failures
        assert count_of(client) == sent
        eventually(lambda: client.get("/v1/realtime").json()["total_events"] == sent)
    server.cli("verify", "--deep")
