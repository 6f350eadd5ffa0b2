"""Documents in the order in which they came, in one DynamoDB table; jobs and executions are such.

``line#<name>`` / ``<number>`` holds ``id``, ``doc`` and ``version``, which is another with each write, and
``line#<name>#ids`` / ``<id>`` the ``number``.
"""

import secrets
from collections.abc import Callable, Iterator

from msgspec import Struct

from cloudpulse.engines.aws.dynamo import RIVAL_TRIES, Action, Item, Table, key, pauses
from cloudpulse.errors import StoreError


class Entry(Struct, frozen=True):
    """A document as it stood when it was read."""

    number: str
    id: str
    document: bytes
    version: str


class Line:
    """One line; any number of processes may write."""

    def __init__(self, table: Table, name: str) -> None:
        self._table = table
        self._pk = f"line#{name}"
        self._ids = f"{self._pk}#ids"

    def append(self, entry_id: str, document: bytes, *also: Action) -> bool:
        """Put a document behind all others, and do whatever else belongs to it; False, and nothing, when a condition of
        that does not hold or this id is there.
        """
        number = f"{self._table.next_number(f'{self._pk}#number'):012}"
        pointer = {**key(self._ids, entry_id), "number": {"S": number}}
        put = self._put(Entry(number, entry_id, document, secrets.token_hex(8)))
        return not self._table.write(Action("Put", {"Item": pointer}, "attribute_not_exists(pk)"), put, *also)

    def find(self, entry_id: str) -> Entry | None:
        """The document of this id, or None."""
        pointer = self._table.get(self._ids, entry_id)
        item = self._table.get(self._pk, pointer["number"]["S"]) if pointer else None
        return _entry(item) if item else None

    def change(self, entry_id: str, change: Callable[[bytes], bytes | None]) -> bytes | None:
        """Replace a document by what ``change`` makes of it, in one atomic step, and return that.

        None, and nothing is changed, where there is none or ``change`` returns None.
        """
        mine = secrets.token_hex(8)
        for _ in pauses(RIVAL_TRIES):
            entry = self.find(entry_id)
            if entry is None:
                return None
            if entry.version == mine:  # a try took effect whose answer was lost, and the SDK's next one was refused
                return entry.document
            changed = change(entry.document)
            if changed is None:
                return None
            if not self._table.write(self._put(Entry(entry.number, entry.id, changed, mine), before=entry)):
                return changed
        raise StoreError("Too many writers change the same document at once; try again.")

    def newest(self, page: int | None = None) -> Iterator[Entry]:
        """Documents, newest first, read ``page`` at a time."""
        return (_entry(item) for item in self._table.query(self._pk, newest=True, page=page or 0))

    def remove(self, entry: Entry) -> bool:
        """Forget a document; False when it has changed since it was read."""
        document = Action("Delete", {"Key": key(self._pk, entry.number)}, *_unchanged(entry))
        return not self._table.write(document, Action("Delete", {"Key": key(self._ids, entry.id)}))

    def _put(self, entry: Entry, before: Entry | None = None) -> Action:
        item = {
            **key(self._pk, entry.number),
            "id": {"S": entry.id},
            "doc": {"S": entry.document.decode()},
            "version": {"S": entry.version},
        }
        return Action("Put", {"Item": item}, *(_unchanged(before) if before else ()))


def _unchanged(entry: Entry) -> tuple[str, Item]:
    return "version = :version", {":version": {"S": entry.version}}


def _entry(item: Item) -> Entry:
    return Entry(item["sk"]["S"], item["id"]["S"], item["doc"]["S"].encode(), item["version"]["S"])
