"""Named secrets."""

from typing import Protocol

import msgspec


class SecretVersion(msgspec.Struct, frozen=True, kw_only=True):
    """One version of a secret; seconds since 1970. ``expires_at`` is None for the current one."""

    version: str
    value: str
    created_at: int
    expires_at: int | None = None

    def __repr__(self) -> str:
        return f"SecretVersion(version={self.version!r}, value=***)"


class Secrets(Protocol):
    """Named secrets with a current and a previous version."""

    def names(self, prefix: str = "") -> list[str]:
        """Names that begin with ``prefix``, sorted."""

    def versions(self, name: str, now: int) -> list[SecretVersion]:
        """The valid versions, the current one first; empty when there is none."""

    def put(
        self, name: str, value: str, now: int, keep_previous_seconds: int = 0, end_older: bool = False
    ) -> SecretVersion:
        """Make ``value`` the current version; those before stay valid for ``keep_previous_seconds`` at most.

        With ``end_older`` this holds for the one before alone, and older ones end now.
        """

    def amend(self, name: str, value: str) -> bool:
        """Change the value of the current version and nothing else; False when there is none."""

    def remove(self, name: str) -> bool:
        """Forget all versions; False when there were none."""

    def expire(self, now: int) -> int:
        """Forget the versions of all names that have ended; returns how many there were."""
