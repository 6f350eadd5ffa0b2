"""Backups of a system under load, and what is restored from them (mechanism 21)."""

import json
import random
import signal
import subprocess
import time

import pytest
from crash_harness import COMMAND, Load, Server, Truth, bronze_ids, make_events, query, send, silver_ids, until


def cloudpulse(*arguments, timeout=120):
    return subprocess.run([COMMAND, *map(str, arguments)], capture_output=True, text=True, timeout=timeout)


@pytest.fixture
def start(tmp_path):
    """Start servers on folders of their own; all end with the test."""
    servers = []

    def start(name, **settings):
        (tmp_path / f"{name}.faults").mkdir(exist_ok=True)
        servers.append(Server(tmp_path / name, tmp_path / f"{name}.faults", **settings))
        (tmp_path / name).mkdir(exist_ok=True)
        servers[-1].start()
        return servers[-1]

    yield start
    for server in servers:
        server.end()


def test_a_backup_under_load_holds_all_that_was_acknowledged_before(start, tmp_path):
    """Mechanism 21: whatever moves meanwhile, restored folders are whole; ids are known for the window."""
    server, truth = start("data", trim_delay_seconds=0), Truth()
    with Load(server, truth, seed=4):
        for number in range(3):
            until(lambda n=number: len(truth.acknowledged) > 1500 * (n + 1), "more events")
            before = set(truth.acknowledged)
            done = cloudpulse("backup", tmp_path / "backup", "--data", server.data)
            assert (done.returncode, done.stderr) == (0, "")
            restored = tmp_path / f"restored-{number}"
            done = cloudpulse("restore", tmp_path / "backup", "--data", restored)
            assert (done.returncode, done.stderr) == (0, "")
            copy = Server(restored, server.faults)
            assert "accounted for" in copy.verify().stdout
            assert cloudpulse("verify", "--deep", "--data", restored).returncode == 0
            assert before
    again = start("restored-2")
    again.settle()
    assert again.verify().returncode == 0
    ids = silver_ids(again.data)
    assert len(ids) == len(set(ids))
    assert sorted(bronze_ids(again.data)) == sorted(ids)
    assert before <= set(ids) <= set(truth.attempted)
    repeated = send(again, [truth.attempted[one].event for one in sorted(before)[:3000]])
    assert repeated == {"accepted": 0, "duplicates": min(3000, len(before)), "rejected": 0}
    assert send(again, make_events(truth, random.Random(9), 50))["accepted"] == 50
    again.settle()
    assert again.verify().returncode == 0
    assert truth.surprises == []


def test_a_second_backup_shares_what_has_not_changed_and_one_that_is_killed_leaves_the_first(start, tmp_path):
    """Mechanism 21: the manifest comes last."""
    server, truth, rng = start("data"), Truth(), random.Random(3)
    send(server, make_events(truth, rng, 3000))
    server.settle()
    backup = tmp_path / "backup"
    assert cloudpulse("backup", backup, "--data", server.data).returncode == 0
    first = (backup / "manifest.json").read_bytes()
    assert backup.stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o077 for path in backup.rglob("*") if path.is_file()} == {0}
    for _ in range(6):
        send(server, make_events(truth, rng, 1500))
        process = subprocess.Popen([COMMAND, "backup", backup, "--data", server.data], stdout=subprocess.DEVNULL)
        until(lambda p=process: list(backup.glob(".stores-*")) or p.poll() is not None, "the backup has begun")
        time.sleep(rng.random() * 0.5)
        process.send_signal(signal.SIGKILL)
        process.wait()
    manifest = json.loads((backup / "manifest.json").read_bytes())
    assert cloudpulse("restore", backup, "--data", tmp_path / "one").returncode == 0
    assert cloudpulse("verify", "--deep", "--data", tmp_path / "one").returncode == 0
    server.settle()
    assert cloudpulse("backup", backup, "--data", server.data).returncode == 0
    second = json.loads((backup / "manifest.json").read_bytes())
    parquet = {f["path"] for f in json.loads(first)["files"] if f["path"].endswith(".parquet")}
    assert parquet & {f["path"] for f in second["files"]}
    assert {path.name for path in (backup / "objects").rglob("*") if path.is_file()} == {
        f["sha256"] for f in second["files"]
    }
    assert manifest["source"] == str(server.data.resolve())
    assert not list(backup.glob(".*"))
    shared = [path for path in server.data.glob("bronze/**/*.zst") if path.stat().st_nlink == 2]
    assert shared
    known = json.loads((server.data / "copies.json").read_bytes())
    assert known == {str(backup): {"kind": "backup", "at": second["taken_at"]}}
    assert query(server.data / "journal.db", "PRAGMA integrity_check") == [("ok",)]
