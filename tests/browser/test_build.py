"""The committed build of the dashboard is that of its sources."""

import filecmp
from pathlib import Path

BUILD = Path(__file__).parents[2] / "src" / "cloudpulse" / "dashboard"
STALE = "src/cloudpulse/dashboard is not what dashboard/ builds: run `make dashboard` and commit what it has made."


def test_the_build_is_fresh(npm, tmp_path):
    """Built again elsewhere, every file is the same, byte for byte."""
    npm("build", "--outDir", str(tmp_path), "--logLevel", "error", seconds=240)
    assert files(BUILD) == files(tmp_path), STALE
    _, changed, unread = filecmp.cmpfiles(BUILD, tmp_path, files(BUILD), shallow=False)
    assert (changed, unread) == ([], []), STALE


def files(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())
