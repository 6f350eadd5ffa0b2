"""What became of batches, beside the claims on ids in one DynamoDB table."""

from collections.abc import Iterable, Mapping
from typing import Any, cast

from cloudpulse.engines.aws.clients import client, code_of, translated
from cloudpulse.engines.aws.id_index import READS_PER_CALL, ROUNDS, Item
from cloudpulse.errors import StoreError
from cloudpulse.ports import BatchState, BatchStatus

KEEP_SECONDS = 28 * 86_400
"""Twice as long as a message may wait in its queue."""

_PREFIX = "batch#"
_UNKNOWN = "attribute_not_exists(pk) OR #expires < :now"


class DynamoBatchStates:
    """Port ``BatchStates``."""

    def __init__(self, table: str) -> None:
        self._table = table

    def get(self, keys: Iterable[str], now_seconds: int) -> dict[str, BatchStatus]:
        """Read as of now, a hundred in a call; what is past its time is unknown, though the table may still hold it."""
        wanted = list(dict.fromkeys(keys))
        cut = [wanted[start : start + READS_PER_CALL] for start in range(0, len(wanted), READS_PER_CALL)]
        found = [item for some in cut for item in self._read(some)]
        return {item["pk"]["S"].removeprefix(_PREFIX): _status(item) for item in found if _counts(item, now_seconds)}

    def queue(self, key: str, now_seconds: int) -> bool:
        """Put ``queued`` where nothing is."""
        return self._put(key, "queued", now_seconds, _UNKNOWN) != "aborted"

    def abort(self, key: str, now_seconds: int) -> bool:
        """Put ``aborted`` where nothing is."""
        return self._put(key, "aborted", now_seconds, _UNKNOWN) in (None, "aborted")

    def apply(self, key: str, now_seconds: int) -> BatchState | None:
        """Put ``applying`` where nothing is, or ``queued``."""
        return self._put(key, "applying", now_seconds, f"{_UNKNOWN} OR #state = :queued")

    def store(self, locations: Mapping[str, str], now_seconds: int) -> None:
        """Put ``stored``."""
        for key, location in locations.items():
            self._put(key, "stored", now_seconds, "", location)

    def _put(
        self, key: str, state: BatchState, now_seconds: int, condition: str, location: str = ""
    ) -> BatchState | None:
        """Put a state on a condition; returns the one before, or the one that spoke against it."""
        from botocore.exceptions import ClientError

        asked: dict[str, Any] = {"TableName": self._table, "Item": _item(key, state, now_seconds, location)}
        if condition:
            values = {":now": {"N": str(now_seconds)}, ":queued": {"S": "queued"}}
            names = {"#expires": "expires", "#state": "state"}
            asked |= {
                "ConditionExpression": condition,
                "ExpressionAttributeNames": {name: names[name] for name in names if name in condition},
                "ExpressionAttributeValues": {name: values[name] for name in values if name in condition},
                "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
            }
        with translated():
            try:
                before = client("dynamodb").put_item(**asked, ReturnValues="ALL_OLD").get("Attributes")
            except ClientError as exc:
                if code_of(exc) != "ConditionalCheckFailedException":
                    raise
                before = cast(dict[str, Any], exc.response)["Item"]
        return _status(before).state if before and _counts(before, now_seconds) else None

    def _read(self, keys: list[str]) -> list[Item]:
        found: list[Item] = []
        asked = {self._table: {"Keys": [_key(key) for key in keys], "ConsistentRead": True}}
        for _ in range(ROUNDS):
            with translated():
                answer = client("dynamodb").batch_get_item(RequestItems=asked)
            found += answer["Responses"].get(self._table, [])
            asked = answer.get("UnprocessedKeys")
            if not asked:
                return found
        raise StoreError("DynamoDB did not get to all batches; try again.")


def _key(key: str) -> Item:
    return {"pk": {"S": _PREFIX + key}, "sk": {"S": "-"}}


def _item(key: str, state: BatchState, now_seconds: int, location: str) -> Item:
    item = {
        **_key(key),
        "state": {"S": state},
        "at": {"N": str(now_seconds)},
        "expires": {"N": str(now_seconds + KEEP_SECONDS)},
    }
    return {**item, "location": {"S": location}} if location else item


def _counts(item: Item, now_seconds: int) -> bool:
    return int(item["expires"]["N"]) >= now_seconds


def _status(item: Item) -> BatchStatus:
    state = cast(BatchState, item["state"]["S"])
    return BatchStatus(state, int(item["at"]["N"]), item.get("location", {}).get("S", ""))
