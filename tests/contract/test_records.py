"""What every engine's ``Records`` promises."""

from pathlib import Path

import pytest

from cloudpulse.ports import Records


def test_a_document_comes_back_as_it_was_put(records: Records) -> None:
    document = {"text": "grün", "list": [1, 2.5, None, True], "nested": {"a": {}}}
    records.put("summary", {"2026-03-09": document})
    assert records.get("summary", "2026-03-09") == document


def test_an_unknown_document_is_none(records: Records) -> None:
    records.put("summary", {"a": 1})
    assert records.get("summary", "b") is None
    assert records.get("ledger", "a") is None


def test_a_document_of_the_same_key_is_replaced(records: Records) -> None:
    records.put("summary", {"a": 1})
    records.put("summary", {"a": 2, "b": 3})
    assert records.list("summary") == [("a", 2), ("b", 3)]


def test_documents_that_cannot_be_written_leave_the_others_as_they_were(records: Records) -> None:
    records.put("summary", {"a": 1})
    with pytest.raises(TypeError):
        records.put("summary", {"a": 2, "b": object()})
    assert records.list("summary") == [("a", 1)]


def test_a_list_is_in_lexical_order_within_its_kind(records: Records) -> None:
    records.put("activity", {key: key for key in ("b", "a", "Z", "ä", "10", "9", "\U0001f600", "\uffee")})
    records.put("another", {"c": 1})
    keys = [key for key, _ in records.list("activity")]
    assert keys == sorted(keys) == ["10", "9", "Z", "a", "b", "ä", "\uffee", "\U0001f600"]


def test_a_list_begins_at_start_ends_before_end_and_keeps_the_limit(records: Records) -> None:
    records.put("activity", dict.fromkeys("abcde"))
    assert [key for key, _ in records.list("activity", "b", "e")] == ["b", "c", "d"]
    assert [key for key, _ in records.list("activity", start="b", limit=2)] == ["b", "c"]
    assert records.list("activity", limit=0) == []
    assert records.list("activity", start="x") == []


def test_deleting_says_how_many_were_there(records: Records) -> None:
    records.put("activity", dict.fromkeys("abc"))
    assert records.delete("activity", ["a", "c", "x"]) == 2
    assert records.delete("activity", []) == 0
    assert records.list("activity") == [("b", None)]


def test_an_exchange_removes_and_writes_in_one_step(records: Records) -> None:
    records.put("files", {"a": 1, "b": 2})
    records.put("totals", {"x": 1})
    records.exchange({"files": ["a", "unknown"]}, {"totals": {"x": 2}, "new": {"y": 3}})
    assert records.list("files") == [("b", 2)]
    assert (records.get("totals", "x"), records.get("new", "y")) == (2, 3)
    with pytest.raises(TypeError):
        records.exchange({"files": ["b"]}, {"totals": {"x": object()}})
    assert (records.get("files", "b"), records.get("totals", "x")) == (2, 2)


def test_the_same_key_of_another_kind_stays(records: Records) -> None:
    records.put("one", {"a": 1})
    records.put("two", {"a": 2})
    records.delete("one", ["a"])
    assert records.get("two", "a") == 2


def test_no_byte_is_left_of_what_was_removed(records: Records, tmp_path: Path) -> None:
    """Guards mechanism 19: not in free pages, and not in a log."""
    sizes = [5, 90_000, 700]
    records.put("one", {f"{n:04}": "ada" * sizes[n % 3] for n in range(90)})
    records.put("one", {f"{n:04}": "bob" * sizes[n % 3] for n in range(0, 90, 2)})
    records.delete("one", [f"{n:04}" for n in range(1, 90, 2)])
    records.vacuum()
    assert sum(path.read_bytes().count(b"adaada") for path in tmp_path.iterdir() if path.is_file()) == 0
    assert len(records.list("one")) == 45
