"""Stores that can be derived come back from those that cannot (guards mechanisms 2 and 3)."""

import shutil
from pathlib import Path

from crash_harness import Load, Server, Truth, check_resend, running, until


def test_a_lost_id_index_comes_back_from_bronze_and_journal(tmp_path: Path) -> None:
    truth = Truth()
    with running(tmp_path) as server:
        with Load(server, truth, seed=5):
            _await_trim(server)
        server.settle()
        assert server.terminate() == 0
        shutil.rmtree(server.data / "ids")
        server.start()
        check_resend(server, truth)


def test_ids_that_only_memory_held_come_back_from_the_journal(tmp_path: Path) -> None:
    truth = Truth()
    with running(tmp_path) as server:
        with Load(server, truth, seed=1):
            _await_trim(server)
            server.kill_all()
        for path in (server.data / "ids").glob("*.log"):
            path.unlink()
        server.start()
        with Load(server, truth, seed=2):
            _await_trim(server)
            server.kill_all()
        shutil.rmtree(server.data / "ids")
        server.start()
        check_resend(server, truth)


def test_another_journal_starts_a_new_epoch_and_nothing_is_skipped(tmp_path: Path) -> None:
    truth = Truth()
    with running(tmp_path) as server:
        with Load(server, truth, seed=6):
            _await_trim(server)
        server.settle()
        assert server.terminate() == 0
        for path in server.data.glob("journal.db*"):
            path.unlink()
        server.start()
        with Load(server, truth, seed=7):
            _await_trim(server)
        check_resend(server, truth)


def _await_trim(server: Server) -> None:
    before = server.trimmed()
    until(lambda: server.trimmed() > before, "the journal is trimmed")
