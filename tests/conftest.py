"""What all tests share: no log may hold a secret or a personal value that any of them has sent."""

from collections.abc import Iterator

import pytest

from log_hygiene import Memory, leaks, listen


@pytest.fixture(scope="session", autouse=True)
def remembered(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Memory]:
    """What the tests have sent and were told; all logs are searched for it when they have ended."""
    memory = Memory()
    with pytest.MonkeyPatch.context() as patch:
        listen(memory, patch)
        yield memory
    found = leaks(memory, tmp_path_factory.getbasetemp())
    assert not found, "logs hold what they must not:\n" + "\n".join(found[:20])
