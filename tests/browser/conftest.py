"""What the tests of the dashboard need: Node.js with the dashboard's packages, and Chromium."""

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import pytest

DASHBOARD = Path(__file__).parents[2] / "dashboard"


def _missing(what: str) -> NoReturn:
    """Tests are skipped where something is not installed, but not in CI."""
    if os.environ.get("CI") == "true":
        pytest.fail(f"{what}, and CI must have it.")
    pytest.skip(f"{what}.")


@pytest.fixture(scope="session")
def npm() -> Callable[..., None]:
    """Runs a script of the dashboard, which must succeed."""
    program = shutil.which("npm")
    if program is None or not (DASHBOARD / "node_modules").is_dir():
        _missing("There is no Node.js, or the packages of dashboard/ are not installed (make check does that)")

    def run(script: str, *arguments: str, seconds: float, **environ: str) -> None:
        done = subprocess.run(
            [program, "run", "--silent", script, "--", *arguments],
            cwd=DASHBOARD,
            env=os.environ | environ,
            capture_output=True,
            text=True,
            check=False,
            timeout=seconds,
        )
        assert done.returncode == 0, done.stdout + done.stderr

    return run


@pytest.fixture(scope="session")
def chromium() -> str:
    """The browser."""
    found = shutil.which("chromium")
    if found is None:
        _missing("There is no Chromium on this machine (Debian: apt install chromium)")
    return found
