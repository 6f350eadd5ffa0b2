"""Tail files: rows that the lake does not have yet."""

import pytest
from lake_samples import JOURNAL, chunk

from cloudpulse.events.model import Position
from cloudpulse.lake.tables import SILVER
from cloudpulse.lake.tail import prune, read_tail, write_tail


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "tail"


def users(tables):
    return [name for table in tables for name in table["user_id"].unique().to_pylist()]


def test_rows_come_back_in_order(folder):
    for first, last in [(4, 6), (1, 3)]:
        write_tail(folder, chunk(first, last))
    tables, through = read_tail(folder, JOURNAL, 0, 99)
    assert (users(tables), through) == (["u1", "u2", "u3", "u4", "u5", "u6"], 6)
    assert all(table.schema.equals(SILVER, check_metadata=True) for table in tables)


def test_nothing_at_or_below_the_start_nor_above_the_end(folder):
    for first, last in [(1, 3), (4, 6), (7, 9)]:
        write_tail(folder, chunk(first, last))
    tables, through = read_tail(folder, JOURNAL, 3, 8)
    assert (users(tables), through) == (["u4", "u5", "u6"], 6)


def test_a_gap_ends_the_tail(folder):
    write_tail(folder, chunk(1, 3))
    write_tail(folder, chunk(5, 6))
    assert read_tail(folder, JOURNAL, 0, 99)[1] == 3


def test_a_start_inside_a_file_finds_nothing(folder):
    write_tail(folder, chunk(1, 3))
    assert read_tail(folder, JOURNAL, 1, 99) == ([], 1)


def test_overlapping_files_of_two_runs_give_each_batch_once(folder):
    for first, last in [(1, 2), (1, 4), (3, 6), (5, 6)]:
        write_tail(folder, chunk(first, last))
    tables, through = read_tail(folder, JOURNAL, 0, 99)
    assert (sorted(users(tables)), through) == (["u1", "u2", "u3", "u4", "u5", "u6"], 6)


@pytest.mark.parametrize("damage", [lambda b: b"", lambda b: b[:-100], lambda b: b[:500] + b"\0" * 100 + b[600:]])
def test_a_damaged_file_only_shortens_the_tail(folder, damage):
    """Guards mechanism 13: the reader decodes the journal instead of answering with garbage."""
    write_tail(folder, chunk(1, 3))
    write_tail(folder, chunk(4, 6))
    [path] = folder.glob("*-00000000000000000006.arrow")
    path.write_bytes(damage(path.read_bytes()))
    tables, through = read_tail(folder, JOURNAL, 0, 99)
    assert (users(tables), through) == (["u1", "u2", "u3"], 3)


def test_no_folder_is_an_empty_tail(folder):
    prune(folder, None)
    assert read_tail(folder, JOURNAL, 7, 99) == ([], 7)


def test_what_the_lake_has_and_other_journals_go(folder):
    write_tail(folder, chunk(1, 3))
    write_tail(folder, chunk(4, 6))
    prune(folder, Position(JOURNAL, 3))
    assert read_tail(folder, JOURNAL, 3, 99)[1] == 6
    assert len(list(folder.iterdir())) == 1
    prune(folder, Position("other", 1))
    assert list(folder.iterdir()) == []


def test_rows_stay_readable_after_their_file_is_gone(folder):
    write_tail(folder, chunk(1, 3))
    tables, _ = read_tail(folder, JOURNAL, 0, 99)
    prune(folder, None)
    assert users(tables) == ["u1", "u2", "u3"]
