"""A model of what moto's DynamoDB lacks: calls that are one step each, transactions known by a token, and PartiQL
inserts that replace nothing.
"""

import re
from threading import RLock
from typing import Any
from uuid import uuid4

import boto3
from moto.core.exceptions import JsonRESTError
from moto.core.responses import ActionResult
from moto.dynamodb.models import DynamoDBBackend
from moto.dynamodb.responses import DynamoHandler

_INSERT = re.compile(r'INSERT INTO "([^"]+)" VALUE \{(.*)\}')
_COLUMN = re.compile(r"'(\w+)': \?")

_step = RLock()
_call_action = DynamoHandler.call_action
_transact_write_items = DynamoHandler.transact_write_items
_transacted: set[str] = set()


def call_action(self: DynamoHandler) -> Any:
    """Moto reads and writes in several steps, with those of other threads between them."""
    with _step:
        return _call_action(self)


def transact_write_items(self: DynamoHandler) -> Any:
    """Moto would do the same transaction twice."""
    token = self.body["ClientRequestToken"]
    if token in _transacted:
        return ActionResult({})
    answer = _transact_write_items(self)
    _transacted.add(token)
    return answer


def batch_execute_statement(self: DynamoDBBackend, statements: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Inserts of whole items by parameters; moto's own replaces the item that is there, and copies the table."""
    if not 1 <= len(statements) <= 25:
        raise JsonRESTError("ValidationException", "Member must have length less than or equal to 25")
    return [_inserted(self, statement["Statement"], statement["Parameters"]) for statement in statements]


def _inserted(backend: DynamoDBBackend, statement: str, parameters: list[Any]) -> dict[str, Any]:
    found = _INSERT.fullmatch(statement)
    if found is None:
        raise JsonRESTError("ValidationException", "the model knows INSERT with parameters alone")
    table = backend.get_table(found[1])
    item = dict(zip(_COLUMN.findall(found[2]), parameters, strict=True))
    keys = {name: item[name] for name in table.table_key_attrs}
    if backend.get_item(found[1], keys) is not None:
        error = {"Code": "DuplicateItem", "Message": "Duplicate primary key exists in table"}
        return {"TableName": found[1], "Error": error}
    backend.put_item(found[1], item, overwrite=True)
    return {"TableName": found[1]}


def install() -> None:
    """Put the model into moto."""
    DynamoHandler.call_action = call_action
    DynamoHandler.transact_write_items = transact_write_items
    DynamoDBBackend.batch_execute_statement = batch_execute_statement


def new_table() -> str:
    """The name of a new table with the string keys ``pk`` and ``sk``."""
    name = f"table-{uuid4().hex}"
    boto3.client("dynamodb").create_table(
        TableName=name,
        BillingMode="PAY_PER_REQUEST",
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
        AttributeDefinitions=[{"AttributeName": key, "AttributeType": "S"} for key in ("pk", "sk")],
    )
    return name
