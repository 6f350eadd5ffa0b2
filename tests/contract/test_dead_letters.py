"""What every engine's ``DeadLetters`` promises; ``forget_above`` guards mechanism 17."""

import msgspec
from differences import not_on_aws

from cloudpulse.events.model import Batch, Count, Position
from cloudpulse.ports import DeadLetter, DeadLetters, Records

J, OLDER = "a" * 32, "b" * 32

BATCH = Batch(
    seq=7,
    received_at=5,
    events=2,
    digest=(Count("shop", 100, "click", True, 2),),
    ids=b"\0" * 50,
    lines=b"\xff\0",
    redrive_of="y",
)


def letter(seq: int, consumer: str = "lake", journal: str = J, parked_at: int = 1, reason: str = "x") -> DeadLetter:
    return DeadLetter(
        consumer=consumer,
        position=Position(journal, seq),
        events=2,
        parked_at=parked_at,
        attempts=3,
        failed_at=(7, 8, 9),
        fingerprint="f",
        reason=reason,
        stack="a\nb",
        redrive_of="y",
    )


def ids(letters: list[DeadLetter]) -> list[str]:
    return [letter.id for letter in letters]


def test_a_letter_comes_back_with_its_original_bytes(dead_letters: DeadLetters) -> None:
    parked = letter(7)
    dead_letters.park(parked, BATCH)
    assert dead_letters.show(f"lake:{J}:7") == parked
    assert dead_letters.list() == [parked]
    found = dead_letters.batch(f"lake:{J}:7")
    assert found is not None
    assert (found.lines, found.ids, found.digest) == (BATCH.lines, BATCH.ids, BATCH.digest)
    assert (found.received_at, found.events) == (BATCH.received_at, BATCH.events)


@not_on_aws("dead_letters", "a batch in a queue has a key and no number, and a second try is the same message again")
def test_a_letter_keeps_the_number_of_its_batch_and_whose_try_it_is(dead_letters: DeadLetters) -> None:
    dead_letters.park(letter(7), BATCH)
    assert dead_letters.batch(f"lake:{J}:7") == BATCH


def test_a_letter_that_is_parked_again_replaces_itself(dead_letters: DeadLetters) -> None:
    dead_letters.park(letter(7, reason="first"), BATCH)
    dead_letters.park(letter(7, reason="second"), BATCH)
    assert [parked.reason for parked in dead_letters.list()] == ["second"]


def test_letters_are_listed_oldest_first_and_by_consumer(dead_letters: DeadLetters) -> None:
    dead_letters.park(letter(3, parked_at=30), BATCH)
    dead_letters.park(letter(1, parked_at=20, consumer="speed"), BATCH)
    dead_letters.park(letter(2, parked_at=10), BATCH)
    assert ids(dead_letters.list()) == [f"lake:{J}:2", f"speed:{J}:1", f"lake:{J}:3"]
    assert ids(dead_letters.list("lake")) == [f"lake:{J}:2", f"lake:{J}:3"]
    assert dead_letters.list("nobody") == []


def test_a_removed_letter_is_gone(dead_letters: DeadLetters) -> None:
    dead_letters.park(letter(1), BATCH)
    dead_letters.park(letter(2), BATCH)
    assert dead_letters.remove(f"lake:{J}:1")
    assert not dead_letters.remove(f"lake:{J}:1")
    assert dead_letters.show(f"lake:{J}:1") is None
    assert ids(dead_letters.list()) == [f"lake:{J}:2"]


def test_an_unknown_id_is_no_letter(dead_letters: DeadLetters) -> None:
    dead_letters.park(letter(1), BATCH)
    for unknown in ("", "lake", f"lake:{J}", f"lake:{J}:x", f"lake:{J}:11", f"speed:{J}:1"):
        assert dead_letters.show(unknown) is None
        assert dead_letters.batch(unknown) is None
        assert not dead_letters.remove(unknown)


def test_removed_events_are_counted_where_they_went(dead_letters: DeadLetters, ledger: Records) -> None:
    """Guards mechanism 18: once, in the step that removes them, and for each journal."""
    for seq, journal in ((1, J), (2, J), (3, OLDER), (4, J)):
        dead_letters.park(letter(seq, journal=journal), BATCH)
    assert dead_letters.remove(f"lake:{J}:1", "purged")
    assert dead_letters.remove(f"lake:{J}:2", "purged")
    assert not dead_letters.remove(f"lake:{J}:2", "purged")
    assert dead_letters.remove(f"lake:{OLDER}:3", "expired")
    assert dead_letters.remove(f"lake:{J}:4")
    assert ledger.list("ledger") == [(f"expired:{OLDER}", {"events": 2}), (f"purged:{J}", {"events": 4})]


@not_on_aws("dead_letters", "what a queue has moved to its dead letters it delivers to nobody again")
def test_letters_above_the_position_go_for_the_log_delivers_them_again(dead_letters: DeadLetters) -> None:
    """Guards mechanism 17."""
    for seq in (1, 2, 3, 10):
        dead_letters.park(letter(seq), BATCH)
    dead_letters.park(letter(3, consumer="speed"), BATCH)
    dead_letters.park(letter(3, journal=OLDER), BATCH)
    assert dead_letters.forget_above("lake", Position(J, 2)) == 2
    assert sorted(ids(dead_letters.list())) == [f"lake:{J}:1", f"lake:{J}:2", f"lake:{OLDER}:3", f"speed:{J}:3"]
    assert dead_letters.forget_above("lake", Position(J, 2)) == 0


@not_on_aws("dead_letters", "what a queue has moved to its dead letters it delivers to nobody again")
def test_a_consumer_without_a_position_gets_everything_again(dead_letters: DeadLetters) -> None:
    """Guards mechanism 17: the first batch of a log may be the one that fails."""
    dead_letters.park(letter(1), BATCH)
    dead_letters.park(letter(1, consumer="speed"), BATCH)
    assert dead_letters.forget_above("lake", None) == 1
    assert ids(dead_letters.list()) == [f"speed:{J}:1"]


def test_a_shortened_letter_keeps_the_rest_and_counts_what_went(dead_letters: DeadLetters, ledger: Records) -> None:
    dead_letters.park(letter(7), BATCH)
    rest = msgspec.structs.replace(BATCH, events=1, ids=b"\1" * 25, lines=b"rest")
    assert dead_letters.shorten(f"lake:{J}:7", rest, "erased")
    assert dead_letters.show(f"lake:{J}:7") == msgspec.structs.replace(letter(7), events=1)
    found = dead_letters.batch(f"lake:{J}:7")
    assert found is not None
    assert (found.events, found.ids, found.lines) == (1, rest.ids, rest.lines)
    assert ledger.get("ledger", f"erased:{J}") == {"events": 1}
    assert not dead_letters.shorten(f"lake:{J}:8", rest, "erased")
    assert ledger.get("ledger", f"erased:{J}") == {"events": 1}
    dead_letters.park(letter(7, "speed"), BATCH)
    assert dead_letters.shorten(f"speed:{J}:7", rest)
    assert ledger.get("ledger", f"erased:{J}") == {"events": 1}
