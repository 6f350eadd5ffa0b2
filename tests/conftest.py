"""What all tests share: no log may hold a secret or a personal value that any of them has sent."""

from collections.abc import Iterator
from typing import Any

import pytest

from cloud.faults import Faults, impatient
from cloud.server import FAULTS, running
from log_hygiene import Memory, leaks, listen

MEMORY = Memory()
"""What the tests of this process have sent and were told; where it leads others, what theirs have."""

LEAKS = pytest.StashKey[list[str]]()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """One process runs the tests of a file, which share servers; those that kill servers share none, and come first."""
    items.sort(key=lambda item: item.path.parent.name != "crash")
    for item in items:
        if item.path.parent.name != "crash":
            item.add_marker(pytest.mark.xdist_group(item.path.stem))


@pytest.fixture(scope="session", autouse=True)
def _remembered(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    MEMORY.roots.add(str(tmp_path_factory.getbasetemp()))
    with pytest.MonkeyPatch.context() as patch:
        listen(MEMORY, patch)
        yield


@pytest.fixture(scope="session")
def cloud() -> Iterator[str]:
    """The address of a cloud that all tests of this process share: each makes resources of its own."""
    with running() as url:
        yield url


@pytest.fixture
def faults(cloud: str) -> Iterator[Faults]:
    """What this test lets fail of the cloud; the SDK repeats calls without a pause meanwhile."""
    with impatient():
        yield FAULTS
    FAULTS.clear()


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """A process with a part of the tests has ended: take over what it remembers."""
    if hasattr(node, "workeroutput"):  # one that crashed, and so has failed a test, leaves none
        MEMORY.take_over(node.workeroutput["memory"])


@pytest.hookimpl(tryfirst=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Search the logs of all tests for what any of them has sent; their servers have ended."""
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput["memory"] = MEMORY.dump()
    elif found := leaks(MEMORY):
        session.config.stash[LEAKS] = found
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Show what was found."""
    if found := config.stash.get(LEAKS, []):
        terminalreporter.section("logs hold what they must not", red=True, bold=True)
        terminalreporter.write_line("\n".join(found[:20]), red=True)
