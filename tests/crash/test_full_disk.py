"""A disk without room: nothing acknowledged is lost, nothing breaks, space alone heals (guards mechanism 6)."""

import subprocess
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from crash_harness import Load, Truth, check, check_resend, running, until

MIB = 1 << 20
SIZE = 64 * MIB


class InjectedDisk:
    """Writes are refused by the faults that the server processes carry; needs no rights."""

    def __init__(self, folder: Path) -> None:
        self.data = folder / "data"
        self._flag = folder / "faults" / "disk.full"

    def fill(self) -> None:
        self._flag.touch()

    def free(self) -> None:
        self._flag.unlink()


class SmallDisk:
    """A file system of its own, filled by a large file."""

    def __init__(self, folder: Path) -> None:
        self.data = folder / "disk" / "data"
        self._ballast = folder / "disk" / "ballast"

    def fill(self) -> None:
        with self._ballast.open("ab", buffering=0) as file:
            for size in (MIB, 4096):
                with suppress(OSError):
                    while file.write(b"\0" * size) == size:
                        pass

    def free(self) -> None:
        self._ballast.unlink()


Disk = InjectedDisk | SmallDisk


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[SmallDisk]:
    folder = tmp_path / "disk"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={SIZE}", "tmpfs", str(folder)]
    if subprocess.run(command, capture_output=True, check=False).returncode != 0:
        pytest.skip("mounting is not permitted here; the injected disk stands in")
    yield SmallDisk(tmp_path)
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


@pytest.fixture(params=["injected", "small"])
def disk(request: pytest.FixtureRequest, tmp_path: Path) -> Disk:
    small: SmallDisk | None = request.getfixturevalue("small_disk") if request.param == "small" else None
    return small or InjectedDisk(tmp_path)


def test_a_full_disk_loses_nothing_and_heals_with_space(disk: Disk, tmp_path: Path) -> None:
    truth = Truth()
    with running(tmp_path, disk.data) as server:
        with Load(server, truth, seed=3):
            until(lambda: server.trimmed() > 0, "the first trim")
            for victim in (None, "api", "pipeline"):
                disk.fill()
                _await_refusals(truth)
                if victim is not None:
                    server.kill(victim)
                    time.sleep(1)
                disk.free()
                _await_acknowledgements(truth)
        assert truth.refused, "no client was refused and gave up"
        check_resend(server, truth)


def test_the_reserve_lets_the_consumers_drain_a_full_disk(small_disk: SmallDisk, tmp_path: Path) -> None:
    truth = Truth()
    with running(tmp_path, small_disk.data, min_free_bytes=8 * MIB, reserve_bytes=8 * MIB) as server:
        reserve = server.data / "reserve"
        until(lambda: reserve.stat().st_size == 8 * MIB, "the reserve is held")
        with Load(server, truth, seed=4):
            _await_acknowledgements(truth)
            small_disk.fill()
            _await_refusals(truth)
        until(lambda: not reserve.exists(), "the reserve is given back")
        server.drain()
        small_disk.free()
        until(reserve.exists, "the reserve is held again")
        check(server, truth)


def _await_refusals(truth: Truth) -> None:
    before = truth.refusals
    until(lambda: truth.refusals > before + 10, "requests are refused")


def _await_acknowledgements(truth: Truth) -> None:
    before = len(truth.acknowledged)
    until(lambda: len(truth.acknowledged) > before + 500, "events are accepted")
