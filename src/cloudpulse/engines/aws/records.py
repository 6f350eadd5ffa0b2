"""Small JSON documents in one DynamoDB table: ``<kind>`` / ``<key>`` holds ``doc``, the text."""

from collections.abc import Iterable, Mapping
from itertools import islice
from typing import Any

import msgspec

from cloudpulse.engines.aws.dynamo import MAX_ITEM_BYTES, RIVAL_TRIES, Action, Table, key, pauses, size_of, transactions
from cloudpulse.errors import StoreError


class DynamoRecords:
    """Port ``Records``; any number of processes may write.

    All or none holds for what one transaction takes: 100 documents of 4 MB together. More is cut, in the order given,
    what is written before what is removed; after an error some may be done, and the same call does the others.
    """

    def __init__(self, table: str) -> None:
        self._table = Table(table)

    def put(self, kind: str, documents: Mapping[str, Any]) -> None:
        """Write documents, all or none as far as one transaction goes."""
        self.exchange({}, {kind: documents})

    def get(self, kind: str, key: str) -> Any | None:
        """One document, or None."""
        item = self._table.get(kind, key)
        return msgspec.json.decode(item["doc"]["S"]) if item else None

    def list(
        self, kind: str, start: str = "", end: str | None = None, limit: int | None = None
    ) -> list[tuple[str, Any]]:
        """(key, document) with ``start`` <= key < ``end``, in key order."""
        if limit == 0 or (end is not None and end <= start):
            return []
        items = self._table.query(kind, start, end or "", page=limit or 0)
        rows = ((item["sk"]["S"], msgspec.json.decode(item["doc"]["S"])) for item in items if item["sk"]["S"] != end)
        return [*islice(rows, limit)]

    def delete(self, kind: str, keys: Iterable[str]) -> int:
        """Remove documents, all or none as far as one transaction goes; returns how many were there."""
        wanted, removed = [(kind, key) for key in keys], 0
        for _ in pauses(RIVAL_TRIES):
            there = sorted(self._table.there(wanted))
            groups = transactions(_removal(*one, "attribute_exists(pk)") for one in there)
            for group in groups:
                if self._table.write(*group):
                    break
                removed += len(group)
            else:
                return removed
        raise StoreError("Too many writers remove the same documents at once; try again.")

    def exchange(self, removed: Mapping[str, Iterable[str]], documents: Mapping[str, Mapping[str, Any]]) -> None:
        """Write documents and remove others, all or none as far as one transaction goes."""
        written = {(kind, key): document for kind, group in documents.items() for key, document in group.items()}
        gone = dict.fromkeys((kind, key) for kind, keys in removed.items() for key in keys)
        actions = [_writing(*one, document) for one, document in written.items()]
        actions += [_removal(*one) for one in gone if one not in written]
        for group in transactions(actions):
            self._table.write(*group)

    def vacuum(self) -> None:
        """Nothing: AWS keeps no page of a table that anybody could read."""


def _writing(kind: str, name: str, document: Any) -> Action:
    item = {**key(kind, name), "doc": {"S": msgspec.json.encode(document).decode()}}
    if (size := size_of(item)) > MAX_ITEM_BYTES:
        raise StoreError(f"A document of {kind} has {size:,} bytes; DynamoDB takes {MAX_ITEM_BYTES:,} at most.")
    return Action("Put", {"Item": item})


def _removal(kind: str, name: str, condition: str = "") -> Action:
    return Action("Delete", {"Key": key(kind, name)}, condition)
