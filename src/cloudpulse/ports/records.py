"""Small documents."""

from collections.abc import Iterable, Mapping
from typing import Any, Protocol


class Records(Protocol):
    """Small JSON documents under (kind, key), keys in lexical order within a kind."""

    def put(self, kind: str, documents: Mapping[str, Any]) -> None:
        """Write documents, replacing those of the same key; all or none, durable on return."""

    def get(self, kind: str, key: str) -> Any | None:
        """One document, or None."""

    def list(
        self, kind: str, start: str = "", end: str | None = None, limit: int | None = None
    ) -> list[tuple[str, Any]]:
        """(key, document) with ``start`` <= key < ``end``, in key order."""

    def delete(self, kind: str, keys: Iterable[str]) -> int:
        """Remove documents, all or none; returns how many were there."""

    def exchange(self, removed: Mapping[str, Iterable[str]], documents: Mapping[str, Mapping[str, Any]]) -> None:
        """Remove documents (kind → keys) and write others (kind → key → document), all or none, durable on return."""

    def vacuum(self) -> None:
        """Leave no byte of what was removed; takes a while, and may raise ``StoreError``."""
