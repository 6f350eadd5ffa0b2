"""The supervisor: one on a folder, starts the dead again, ends cleanly, reads settings again (guards mechanism 21)."""

import json
import random
import subprocess
from pathlib import Path

from crash_harness import COMMAND, Load, Server, Truth, check, make_events, running, until


def told(server: Server) -> dict[str, int]:
    """The processes by role, as ``server.json`` names them."""
    pids: dict[str, int] = json.loads((server.data / "server.json").read_text())["pids"]
    return pids


def test_one_supervisor_holds_a_folder_and_starts_the_dead_again(tmp_path: Path) -> None:
    truth = Truth()
    with running(tmp_path) as server:
        command = [COMMAND, "up", "--port", "0", "--data", str(server.data)]
        second = subprocess.run(command, env=server.environ(), capture_output=True, text=True, timeout=30, check=False)
        assert second.returncode == 1
        assert (
            second.stderr == f"cloudpulse: {server.data} is in use by a running CloudPulse: stop it, or name another.\n"
        )
        for role in ("api", "pipeline"):
            pid = server.child(role).pid
            server.kill(role)
            assert server.child(role).pid != pid
            until(lambda role=role: told(server)[role] == server.child(role).pid, "server.json names the new process")
        with Load(server, truth, seed=10):
            until(lambda: len(truth.acknowledged) > 100, "events are accepted")
        check(server, truth)


def test_sigterm_under_load_drains_and_exits_with_0_in_10_seconds(tmp_path: Path) -> None:
    truth = Truth()
    with running(tmp_path) as server:
        with Load(server, truth, seed=8):
            until(lambda: len(truth.acknowledged) > 1000, "events are accepted")
            assert server.terminate() == 0
        assert not (server.data / "server.json").exists()
        assert server.verify().returncode == 0
        server.start()
        check(server, truth)


def test_sighup_reads_the_settings_again_without_a_refused_request(tmp_path: Path) -> None:
    truth = Truth()
    with running(tmp_path) as server:
        old = {role: server.child(role).pid for role in ("api", "pipeline")}
        (server.data / "settings.toml").write_text("max_batch_events = 500\n")
        with Load(server, truth, seed=9):
            server.reload()
            until(lambda: all(server.child(role).pid != pid for role, pid in old.items()), "both have new settings")
            before = len(truth.acknowledged)
            until(lambda: len(truth.acknowledged) > before + 500, "events are accepted")
        assert truth.refusals == 0
        check(server, truth)
        too_many = {"events": make_events(Truth(), random.Random(9), 501)}
        assert server.request("POST", "/v1/events/batch", too_many).status == 413
        (server.data / "settings.toml").write_text("max_batch_events = 'many'\n")
        server.reload()
        until(lambda: "kept the old settings" in server.log.read_text(), "a bad file is refused")
        assert server.get("/readyz") == {"status": "ok"}
