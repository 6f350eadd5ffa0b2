"""A batch that cannot be processed is set aside, and everything behind it flows (guards mechanism 17)."""

import random
from pathlib import Path

from crash_harness import Server, Truth, check, make_events, query, running, send, until

CONSUMERS = ("lake", "speed")


def test_a_damaged_batch_is_parked_once_for_each_consumer_also_across_crashes(tmp_path: Path) -> None:
    rng = random.Random(11)
    truth = Truth()
    with running(tmp_path) as server:
        pipeline = server.child("pipeline")
        _accept(server, truth, rng)
        server.settle()
        pipeline.suspend()
        _accept(server, truth, rng)
        poisoned = make_events(Truth(), rng, 40)
        send(server, poisoned)
        _damage_newest(server.data)
        _accept(server, truth, rng)
        for _ in CONSUMERS:
            # Dies with the letter kept and the position below it: the letter is forgotten and written again.
            server.arm("letter.park.after")
            pipeline.kill()
            until(lambda: server.has_fired("letter.park.after"), "a death behind a letter")
            pipeline = server.child("pipeline")
        server.arm("letter.park.before")
        until(lambda: server.has_fired("letter.park.before"), "a death before a letter")
        server.settle()
        letters = server.get("/v1/dlq")["letters"]
        assert sorted((letter["consumer"], letter["attempts"]) for letter in letters) == [
            (name, 3) for name in CONSUMERS
        ]
        ledger = server.get("/v1/ledger?deep=true")
        assert ledger["gaps"] == []
        assert ledger["ledger"]["dead_lettered"] == len(poisoned)
        found = server.get(f"/v1/events/{poisoned[0]['event_id']}")
        assert found["status"] == "dead_lettered"
        assert found["attempts"] == 3
        check(server, truth)
        assert send(server, poisoned)["duplicates"] == len(poisoned)
        check(server, truth)


def _accept(server: Server, truth: Truth, rng: random.Random) -> None:
    events = make_events(truth, rng, 200)
    assert send(server, events)["accepted"] == len(events)
    truth.acknowledged.update(event["event_id"] for event in events)


def _damage_newest(data: Path) -> None:
    query(data / "journal.db", "UPDATE batches SET lines = x'00' WHERE seq = (SELECT max(seq) FROM batches)")
