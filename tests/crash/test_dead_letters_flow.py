"""Events that a fault in the code sets aside, and their way back once it is mended (guards mechanisms 17 and 18)."""

import random
import subprocess
from pathlib import Path
from typing import Any

import pytest
from crash_harness import (
    COMMAND,
    Server,
    Truth,
    check,
    live_counts,
    make_events,
    query,
    running,
    send,
    silver_ids,
    until,
)

BATCH = 40
POISON = "visitor-of-the-shop"


class World:
    """A server whose code fails with some events."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.truth = Truth()
        self._rng = random.Random(5)

    def accept(self, poisoned: int = 0) -> list[dict[str, Any]]:
        """Have a batch accepted of which the first events are poison."""
        events = make_events(self.truth, self._rng, BATCH)
        for event in events[:poisoned]:
            event["session_id"] = POISON
        assert send(self.server, events)["accepted"] == BATCH
        self.truth.acknowledged.update(event["event_id"] for event in events)
        return events

    def break_(self, *layers: str) -> None:
        for layer in layers:
            (self.server.faults / f"poison.{layer}").touch()

    def mend(self) -> None:
        for path in self.server.faults.glob("poison.*"):
            path.unlink()

    def letters(self) -> list[dict[str, Any]]:
        return list(self.server.get("/v1/dlq")["letters"])

    def redrive(self, **wanted: Any) -> list[tuple[str, str]]:
        """(consumer, outcome) of each letter, asked for until there is an answer, as a client does."""

        def ask() -> Any:
            answer = self.server.request("POST", "/v1/dlq/redrive", wanted or {"all": True})
            assert answer.status in (200, 503), answer
            return answer if answer.status == 200 else None

        letters = until(ask, "letters are redriven").body["letters"]
        return sorted((letter["id"].partition(":")[0], letter["outcome"]) for letter in letters)

    def ledger(self) -> dict[str, int]:
        report = self.server.get("/v1/ledger?deep=true")
        assert report["gaps"] == []
        return dict(report["ledger"])

    def totals(self) -> tuple[int, int]:
        """Events in the live counters and in silver."""
        return live_counts(self.server.data).total(), len(silver_ids(self.server.data))

    def live(self, events: list[dict[str, Any]]) -> int:
        return sum(self.truth.attempted[event["event_id"]].live for event in events)

    def cli(self, *arguments: str, code: int = 0) -> str:
        command = [COMMAND, "dlq", *arguments, "--data", str(self.server.data)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout


@pytest.fixture
def world(tmp_path: Path) -> Any:
    with running(tmp_path) as server:
        yield World(server)


def test_only_the_events_that_fail_are_set_aside_and_come_back(world: World) -> None:
    world.accept()
    world.break_("rows")
    events = world.accept(poisoned=2)
    world.accept()
    world.server.settle()
    letters = world.letters()
    assert sorted((one["consumer"], one["events"], one["attempts"]) for one in letters) == [
        ("lake", 2, 3),
        ("speed", 2, 3),
    ]
    ledger = world.ledger()
    assert (ledger["dead_lettered"], ledger["stored"]) == (2, 3 * BATCH - 2)
    bad, good = (world.server.get(f"/v1/events/{events[place]['event_id']}") for place in (0, 2))
    assert (bad["status"], bad["attempts"], good["status"], good["attempts"]) == ("dead_lettered", 3, "stored", 0)
    shown = world.server.get(f"/v1/dlq/{letters[0]['id']}")
    assert [line["event"]["event_id"] for line in shown["original"]] == [event["event_id"] for event in events[:2]]
    assert "visitor" not in str(shown["letter"]) + str(shown["stack"]) + world.server.log.read_text()
    assert world.redrive(all=True, dry_run=True) == [("lake", "would_fail"), ("speed", "would_fail")]
    world.mend()
    assert world.redrive(all=True, dry_run=True) == [("lake", "would_succeed"), ("speed", "would_succeed")]
    assert len(world.letters()) == 2
    assert world.redrive() == [("lake", "redriven"), ("speed", "redriven")]
    check(world.server, world.truth)
    assert world.letters() == []
    found = world.server.get(f"/v1/events/{events[0]['event_id']}")
    assert (found["status"], found["attempts"], found["received_at"]) == ("stored", 0, bad["received_at"])
    assert (world.server.data / found["location"]["path"]).exists()
    assert send(world.server, events)["duplicates"] == BATCH
    ids = [letter["id"] for letter in letters]
    assert world.redrive(ids=ids) == [("lake", "redriven"), ("speed", "redriven")]
    check(world.server, world.truth)


@pytest.mark.parametrize("layers", [("speed",), ("lake",), ("speed", "lake")])
def test_a_letter_comes_back_to_its_own_layer_alone(world: World, layers: tuple[str, ...]) -> None:
    world.break_(*layers)
    events = world.accept(poisoned=1)
    world.accept()
    world.server.settle()
    assert sorted(letter["consumer"] for letter in world.letters()) == sorted(layers)
    live, stored = world.totals()
    assert world.ledger()["dead_lettered"] == (BATCH if "lake" in layers else 0)
    world.mend()
    world.redrive()
    world.redrive(ids=[f"{layer}:nothing:7" for layer in layers])
    world.server.settle()
    gained_live = world.live(events) if "speed" in layers else 0
    gained_stored = BATCH if "lake" in layers else 0
    assert world.totals() == (live + gained_live, stored + gained_stored)
    check(world.server, world.truth)


def test_what_fails_again_is_a_letter_again(world: World) -> None:
    world.break_("lake")
    world.accept(poisoned=1)
    world.server.settle()
    [first] = world.letters()
    world.redrive()
    [second] = until(lambda: [one for one in world.letters() if one["id"] != first["id"]], "another letter")
    assert (second["redrive_of"], second["attempts"], second["events"]) == (first["id"], 6, BATCH)
    assert world.ledger()["dead_lettered"] == BATCH
    world.mend()
    world.redrive()
    check(world.server, world.truth)


KILLS = (
    ("journal.commit.before", "counters.apply.before"),
    ("journal.commit.after", "counters.apply.after"),
    ("index.write.before", "iceberg.swap.before"),
    ("iceberg.swap.after",),
    ("letter.remove.before", "letter.remove.after"),
)


def test_a_letter_comes_back_once_whenever_a_process_dies(world: World) -> None:
    for points in KILLS:
        world.break_("rows")
        world.accept(poisoned=3)
        world.server.settle()
        letters = world.letters()
        assert len(letters) == 2
        world.mend()
        for point in points:
            world.server.arm(point)
        world.redrive(ids=[letter["id"] for letter in letters])
        until(lambda points=points: all(map(world.server.has_fired, points)), f"deaths at {points}")
        until(lambda: not query(world.server.data / "records.db", "SELECT id FROM letters"), "no letter is left")
        check(world.server, world.truth)


def test_what_is_purged_is_counted_as_such(world: World) -> None:
    world.break_("rows")
    events = world.accept(poisoned=4)
    world.server.settle()
    lake, speed = sorted(letter["id"] for letter in world.letters())
    assert "2 dead letters are purged" in world.cli("purge", "--all", "--yes")
    for _ in range(3):
        ledger = world.ledger()
        assert ledger["purged"] + ledger["dead_lettered"] == 4
    assert world.letters() == []
    assert world.server.request("DELETE", f"/v1/dlq/{lake}").status == 204
    world.mend()
    assert world.redrive(ids=[lake, speed]) == [("lake", "purged"), ("speed", "purged")]
    until(lambda: world.ledger()["purged"] == 4, "the pipeline has removed the letters")
    assert world.server.request("GET", f"/v1/events/{events[0]['event_id']}").status == 404
    assert world.server.get(f"/v1/events/{events[5]['event_id']}")["status"] == "stored"
    assert send(world.server, events)["duplicates"] == BATCH
    for event in events[:4]:
        world.truth.acknowledged.discard(event["event_id"])
    check(world.server, world.truth)
    log = (world.server.data / "audit.ndjson").read_text()
    assert log.count('"dead_letter_purged"') == 3


def test_the_command_line(world: World) -> None:
    assert "There are no dead letters." in world.cli("list")
    world.break_("speed")
    world.accept(poisoned=1)
    world.server.settle()
    [letter] = world.letters()
    assert letter["fingerprint"] in world.cli("list")
    assert '"original"' in world.cli("show", letter["id"])
    assert "1 would fail" in world.cli("redrive", "--all", "--dry-run", code=1)
    world.mend()
    assert "1 redriven" in world.cli("redrive", letter["id"])
    assert "1 unknown" in world.cli("redrive", "lake:nothing:1", code=1)
    check(world.server, world.truth)
