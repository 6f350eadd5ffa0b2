"""A DynamoDB table with the string keys ``pk`` and ``sk``: reads that see every write before them, and writes that are
done all or not at all, under conditions, in DynamoDB's own form of items.
"""

import random
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Literal

from botocore.exceptions import ClientError
from msgspec import Struct

from cloudpulse.engines.aws.clients import THROTTLED, client, code_of, translated
from cloudpulse.errors import StoreError

Item = dict[str, Any]

MAX_ACTIONS = 100
MAX_TRANSACTION_BYTES = 4_000_000
MAX_ITEM_BYTES = 400 * 1024
"""Limits of DynamoDB; that of a transaction is 4 MB, whichever they mean."""

TRIES = 6
RIVAL_TRIES = 60
"""How often a write is tried that AWS has no room for, and one that rivals are faster with."""

_FIRST_PAUSE = 0.01
_LONGEST_PAUSE = 0.25
_FAILED = frozenset({"ConditionalCheckFailed", "ConditionalCheckFailedException"})
_PASSING = THROTTLED | {"TransactionConflict", "TransactionConflictException", "TransactionInProgressException"}
_RANGES = {
    (False, False): "",
    (True, False): " AND sk >= :first",
    (False, True): " AND sk <= :last",
    (True, True): " AND sk BETWEEN :first AND :last",
}
_METHODS = {"Put": "put_item", "Update": "update_item", "Delete": "delete_item"}


class Action(Struct, frozen=True):
    """One write: ``what`` holds ``Item``, or ``Key`` and perhaps ``UpdateExpression``, ``condition`` a sentence on the
    item as it stands. Both may use ``values``.
    """

    kind: Literal["Put", "Update", "Delete"]
    what: Mapping[str, Any]
    condition: str = ""
    values: Mapping[str, Any] = {}

    def request(self, table: str) -> dict[str, Any]:
        """The parameters of a call, or a part of a transaction."""
        given = {"ConditionExpression": self.condition, "ExpressionAttributeValues": self.values}
        return {"TableName": table, **self.what, **{name: value for name, value in given.items() if value}}

    @property
    def size(self) -> int:
        """About how many bytes DynamoDB counts."""
        return size_of(self.what.get("Item", {})) + size_of(self.values)


def key(pk: str, sk: str) -> Item:
    """The key of an item."""
    return {"pk": {"S": pk}, "sk": {"S": sk}}


def size_of(item: Mapping[str, Any]) -> int:
    """About how many bytes DynamoDB counts for an item of texts, numbers and bytes."""
    return sum(
        len(name.encode()) + len(value.encode() if isinstance(value, str) else value)
        for name, typed in item.items()
        for value in typed.values()
    )


def pauses(tries: int) -> Iterator[int]:
    """Count down from ``tries`` - 1 to 0, with a pause before each but the first that grows and differs by chance."""
    for number in range(tries):
        if number:
            time.sleep(random.uniform(0, min(_LONGEST_PAUSE, _FIRST_PAUSE * 2**number)))
        yield tries - 1 - number


def transactions(actions: Iterable[Action]) -> Iterator[list[Action]]:
    """Actions in order, as many together as one transaction takes."""
    group: list[Action] = []
    size = 0
    for action in actions:
        if group and (len(group) == MAX_ACTIONS or size + action.size > MAX_TRANSACTION_BYTES):
            yield group
            group, size = [], 0
        group.append(action)
        size += action.size
    if group:
        yield group


class Table:
    """Reads and writes of one table. What AWS throttles is tried again for a second or so, then ``StoreError``."""

    def __init__(self, name: str) -> None:
        self._name = name

    def get(self, pk: str, sk: str) -> Item | None:
        """One item, or None."""
        item: Item | None = self._call("get_item", Key=key(pk, sk), ConsistentRead=True).get("Item")
        return item

    def there(self, keys: Iterable[tuple[str, str]]) -> set[tuple[str, str]]:
        """Which of these (pk, sk) are there."""
        wanted = [key(*one) for one in dict.fromkeys(keys)]
        pages = (wanted[at : at + MAX_ACTIONS] for at in range(0, len(wanted), MAX_ACTIONS))
        return {found for page in pages for found in self._there(page)}

    def query(
        self, pk: str, first: str = "", last: str = "", attributes: str = "", newest: bool = False, page: int = 0
    ) -> Iterator[Item]:
        """Items of one ``pk`` with ``first`` <= ``sk`` <= ``last``, each bound where given, read page by page."""
        values = {":pk": pk, ":first": first, ":last": last}
        yield from self._pages(
            "query",
            KeyConditionExpression=f"pk = :pk{_RANGES[bool(first), bool(last)]}",
            ExpressionAttributeValues={name: {"S": value} for name, value in values.items() if value},
            ScanIndexForward=not newest,
            **({"ProjectionExpression": attributes} if attributes else {}),
            **({"Limit": page} if page else {}),
        )

    def scan(self, prefix: str, attributes: str = "") -> Iterator[Item]:
        """Items of all ``pk`` with this prefix; DynamoDB reads the whole table for it."""
        yield from self._pages(
            "scan",
            FilterExpression="begins_with(pk, :prefix)",
            ExpressionAttributeValues={":prefix": {"S": prefix}},
            **({"ProjectionExpression": attributes} if attributes else {}),
        )

    def next_number(self, pk: str) -> int:
        """One more than the last time; some may be left out."""
        answer = self._call(
            "update_item",
            Key=key(pk, "-"),
            UpdateExpression="ADD n :one",
            ExpressionAttributeValues={":one": {"N": "1"}},
            ReturnValues="UPDATED_NEW",
        )
        return int(answer["Attributes"]["n"]["N"])

    def write(self, *actions: Action) -> list[int]:
        """Do all actions or none; returns the places of those whose condition does not hold, and then none is done."""
        with translated():
            for left in pauses(TRIES):
                try:
                    self._write(actions)
                    break
                except ClientError as exc:
                    if failed := _failed(exc):
                        return failed
                    if not left or code_of(exc) not in _PASSING:
                        raise
        return []

    def _write(self, actions: Sequence[Action]) -> None:
        if len(actions) == 1:  # costs half of what a transaction does
            getattr(client("dynamodb"), _METHODS[actions[0].kind])(**actions[0].request(self._name))
        elif actions:
            requests = [{action.kind: action.request(self._name)} for action in actions]
            client("dynamodb").transact_write_items(TransactItems=requests)

    def _there(self, page: list[Item]) -> Iterator[tuple[str, str]]:
        request: dict[str, Any] = {"Keys": page, "ConsistentRead": True, "ProjectionExpression": "pk, sk"}
        for _ in pauses(TRIES):
            answer = self._call("batch_get_item", RequestItems={self._name: request})
            yield from ((item["pk"]["S"], item["sk"]["S"]) for item in answer["Responses"].get(self._name, ()))
            if self._name not in answer["UnprocessedKeys"]:
                return
            request = answer["UnprocessedKeys"][self._name]
        raise StoreError("AWS throttles BatchGetItem; try again later.")

    def _pages(self, operation: str, **parameters: Any) -> Iterator[Item]:
        while True:
            answer = self._call(operation, **parameters, ConsistentRead=True)
            yield from answer["Items"]
            if "LastEvaluatedKey" not in answer:
                return
            parameters["ExclusiveStartKey"] = answer["LastEvaluatedKey"]

    def _call(self, operation: str, **parameters: Any) -> Any:
        table = {} if "RequestItems" in parameters else {"TableName": self._name}
        with translated():
            return getattr(client("dynamodb"), operation)(**table, **parameters)


def _failed(error: ClientError) -> list[int]:
    """The places of the actions whose condition did not hold."""
    reasons = error.response.get("CancellationReasons") or [error.response["Error"]]
    return [place for place, reason in enumerate(reasons) if reason.get("Code") in _FAILED]
