"""What a call to AWS asks for, as the log of the test cloud keeps it."""

import json
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs


@dataclass(frozen=True)
class Request:
    """One call, as the log keeps it."""

    service: str
    operation: str
    body: bytes
    status: int
    answer: bytes

    def json(self) -> Any:
        """What was asked."""
        return json.loads(self.body)


def count(requests: Iterable[Request]) -> Counter[tuple[str, str]]:
    """How often each operation of each service was called."""
    return Counter((request.service, request.operation) for request in requests)


def units(requests: Iterable[Request]) -> dict[str, int]:
    """What DynamoDB charges for writes of items below 1 KiB, and for reads of items up to 4 KiB as they are now."""
    charged: Counter[str] = Counter()
    for request in requests:
        asked = request.json() if request.service == "dynamodb" else {}
        if request.operation == "BatchExecuteStatement":
            charged["write"] += len(asked["Statements"])
        elif request.operation == "PutItem":
            charged["write"] += 1
        elif request.operation == "TransactWriteItems":
            charged["write"] += 2 * len(asked["TransactItems"])
        elif request.operation == "BatchGetItem":
            charged["read"] += sum(len(one["Keys"]) for one in asked["RequestItems"].values())
    return dict(charged)


def called(environ: dict[str, Any], body: bytes) -> tuple[str, str]:
    """The service and the operation that a call is for, as the SDK names them."""
    signed = re.search(r"Credential=[^/]*/[^/]*/[^/]*/([^/]*)/", environ.get("HTTP_AUTHORIZATION", ""))
    service = signed[1] if signed else ""
    if target := environ.get("HTTP_X_AMZ_TARGET"):
        return service, target.rpartition(".")[2]
    path, query = environ.get("PATH_INFO", ""), environ.get("QUERY_STRING", "")
    if found := re.search(r"/operation/(\w+)$", path):
        return service, found[1]
    if service == "s3":
        return service, _s3_operation(environ["REQUEST_METHOD"], path, query, environ)
    action = parse_qs(body.decode("latin-1")).get("Action", [f"{environ['REQUEST_METHOD']} {path}"])
    return service, action[0]


def _s3_operation(method: str, path: str, query: str, environ: dict[str, Any]) -> str:
    has_key = bool(path.strip("/").partition("/")[2])
    parameters = parse_qs(query, keep_blank_values=True)
    if method == "PUT" and has_key:
        part = "UploadPart" if "uploadId" in parameters else "PutObject"
        return "CopyObject" if environ.get("HTTP_X_AMZ_COPY_SOURCE") else part
    if method == "POST":
        named = {"delete": "DeleteObjects", "uploads": "CreateMultipartUpload", "uploadId": "CompleteMultipartUpload"}
        return next((name for parameter, name in named.items() if parameter in parameters), "POST")
    if method == "GET" and not has_key:
        return "ListObjectsV2" if "list-type" in parameters else "GetBucket"
    kind = "Object" if has_key else "Bucket"
    return f"{method.capitalize()}{kind}"
