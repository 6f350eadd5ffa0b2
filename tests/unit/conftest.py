"""What unit tests share: a clock that stands still, and secrets on a file of their own."""

from collections.abc import Iterator
from types import SimpleNamespace

import pytest

from cloudpulse.engines.local.secrets import SqliteSecrets


@pytest.fixture
def clock() -> SimpleNamespace:
    """A clock at ``now``, in seconds since 1970; a test moves it."""
    return SimpleNamespace(now=1_800_000_000)


@pytest.fixture
def secrets(tmp_path) -> Iterator[SqliteSecrets]:
    """The secrets of a new folder."""
    secrets = SqliteSecrets(tmp_path / "secrets.db")
    yield secrets
    secrets.close()
