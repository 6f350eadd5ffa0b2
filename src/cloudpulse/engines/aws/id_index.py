"""Claims on event ids in a DynamoDB table: one small item an id, written once, on the condition that there is none.

A PartiQL ``INSERT`` is such a write, and a call carries 25 of them that succeed or fail each on its own: one write unit
an id. A transaction would cost two, and single puts a round trip each (docs/decisions/0014).
"""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, TypeVar

from cloudpulse.engines.aws.clients import client, code_of, translated
from cloudpulse.errors import StoreError
from cloudpulse.events import codec
from cloudpulse.ports import Claim

INSERTS_PER_CALL = 25
READS_PER_CALL = 100
WRITES_PER_TRANSACTION = 100
"""Limits of the service."""

CALLS_AT_ONCE = 8
ROUNDS = 3
"""So often the rest of a call is asked again that the service did not get to."""

_DAY_SECONDS = 86_400
_COLUMNS = ("pk", "sk", "owner", "hash", "type", "received", "expires")

Item = dict[str, dict[str, Any]]
Given = TypeVar("Given")
Found = TypeVar("Found")


class DynamoIdIndex:
    """Port ``Claims``."""

    def __init__(self, table: str, window_seconds: int) -> None:
        self._table = table
        self._window_seconds = window_seconds
        columns = ", ".join(f"'{column}': ?" for column in _COLUMNS)
        self._insert = f'INSERT INTO "{table}" VALUE {{{columns}}}'

    def lookup(self, ids: Sequence[bytes], now_seconds: int) -> list[Claim | None]:
        """The claims on ids, in order; expired ones are None."""
        found = self._read(ids)
        claims = [found.get(one) for one in ids]
        return [None if claim is None or self.is_expired(claim, now_seconds) else claim for claim in claims]

    def claim(self, owner: str, entries: Sequence[bytes], now_seconds: int) -> list[Claim | None]:
        """Insert what is not there; read what is."""
        held: dict[bytes, Claim] = {}
        waiting = list(entries)
        for _ in range(ROUNDS):
            insert = partial(self._insert_some, owner, now_seconds)
            outcomes = [outcome for some in _at_once(insert, waiting, INSERTS_PER_CALL) for outcome in some]
            known = [entry[:16] for entry, outcome in zip(waiting, outcomes, strict=True) if outcome == "DuplicateItem"]
            held |= self._read(known)
            # What was there may be gone when it is read: its time was over.
            waiting = [
                entry for entry, outcome in zip(waiting, outcomes, strict=True) if outcome and entry[:16] not in held
            ]
            if not waiting:
                return [held.get(entry[:16]) for entry in entries]
        raise StoreError(f"DynamoDB did not get to {len(waiting)} of {len(entries)} ids; try again.")

    def take_over(self, owner: str, held: Sequence[tuple[bytes, str]], now_seconds: int) -> bool:
        """Change owners, a hundred in one transaction, on the condition that nobody else did."""
        return all(_at_once(partial(self._take_some, owner, now_seconds), held, WRITES_PER_TRANSACTION))

    def is_expired(self, claim: Claim, now_seconds: int) -> bool:
        """Decided on every read: the table drops an item hours or days after its time."""
        return claim.received_at < now_seconds - self._window_seconds

    def _insert_some(self, owner: str, now_seconds: int, entries: Sequence[bytes]) -> list[str]:
        """For each entry an empty text, or why it was not inserted."""
        items = [self._item(owner, entry, now_seconds) for entry in entries]
        statements = [{"Statement": self._insert, "Parameters": [item[name] for name in _COLUMNS]} for item in items]
        with translated():
            answer = client("dynamodb").batch_execute_statement(Statements=statements)
        return [response.get("Error", {}).get("Code", "") for response in answer["Responses"]]

    def _take_some(self, owner: str, now_seconds: int, held: Sequence[tuple[bytes, str]]) -> bool:
        from botocore.exceptions import ClientError

        # A transaction that is sent again, for its answer was lost, finds the new owner.
        puts = [
            {
                "TableName": self._table,
                "Item": self._item(owner, entry, now_seconds),
                "ConditionExpression": "#owner IN (:before, :after)",
                "ExpressionAttributeNames": {"#owner": "owner"},
                "ExpressionAttributeValues": {":before": {"S": before}, ":after": {"S": owner}},
            }
            for entry, before in held
        ]
        with translated():
            try:
                client("dynamodb").transact_write_items(TransactItems=[{"Put": put} for put in puts])
            except ClientError as exc:
                reasons = {reason.get("Code") for reason in exc.response.get("CancellationReasons", [])}
                if code_of(exc) == "TransactionCanceledException" and reasons <= {"None", "ConditionalCheckFailed"}:
                    return False
                raise
        return True

    def _read(self, ids: Sequence[bytes]) -> dict[bytes, Claim]:
        found: dict[bytes, Claim] = {}
        for some in _at_once(self._read_some, list(dict.fromkeys(ids)), READS_PER_CALL):
            found |= some
        return found

    def _read_some(self, ids: Sequence[bytes]) -> dict[bytes, Claim]:
        found: dict[bytes, Claim] = {}
        asked = {self._table: {"Keys": [_key(one) for one in ids], "ConsistentRead": True}}
        for _ in range(ROUNDS):
            with translated():
                answer = client("dynamodb").batch_get_item(RequestItems=asked)
            for item in answer["Responses"].get(self._table, []):
                found[bytes.fromhex(item["pk"]["S"].removeprefix("id#"))] = _claim(item)
            asked = answer.get("UnprocessedKeys")
            if not asked:
                return found
        raise StoreError("DynamoDB did not get to all ids; try again.")

    def _item(self, owner: str, entry: bytes, now_seconds: int) -> Item:
        return {
            **_key(entry[:16]),
            "owner": {"S": owner},
            "hash": {"B": entry[16:24]},
            "type": {"S": codec.type_of(entry[24])},
            "received": {"N": str(now_seconds)},
            "expires": {"N": str(now_seconds + self._window_seconds + _DAY_SECONDS)},
        }


def _key(one: bytes) -> Item:
    return {"pk": {"S": f"id#{one.hex()}"}, "sk": {"S": "-"}}


def _claim(item: Item) -> Claim:
    return Claim(
        owner=item["owner"]["S"],
        received_at=int(item["received"]["N"]),
        payload_hash=item["hash"]["B"],
        event_type=item["type"]["S"],
    )


def _at_once(call: Callable[[Sequence[Given]], Found], given: Sequence[Given], per_call: int) -> Iterator[Found]:
    """The answers to what is given, cut into calls, in order."""
    cut = [given[start : start + per_call] for start in range(0, len(given), per_call)]
    if len(cut) < 2:
        yield from map(call, cut)
        return
    with ThreadPoolExecutor(min(CALLS_AT_ONCE, len(cut))) as threads:
        yield from threads.map(call, cut)
