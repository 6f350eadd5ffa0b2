"""Makes calls to the test cloud fail, before or after they took effect, and keeps a log of all of them.

It stands in front of the server, so it holds for every caller: clients of this process, and functions in others.
"""

import json
import socket
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from io import BytesIO
from threading import Lock
from typing import Any

import botocore.client
import botocore.retries.quota
import botocore.retries.standard
import pytest

from cloud.calls import Request, called

App = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


@dataclass(frozen=True)
class Error:
    """How a call fails: an error that the service answers with; without a code it answers nothing at all.

    ``reasons`` tell what was wrong with each action of a transaction.
    """

    code: str = ""
    status: int = 400
    reasons: tuple[str, ...] = ()


TIME_OUT = Error()
"""The connection ends without an answer, which tells a caller as little as a time-out, and sooner."""

DENIED = Error("AccessDenied", 403)
INTERNAL = Error("InternalFailure", 500)
EXPIRED = Error("ExpiredTokenException")
CONDITION = Error("ConditionalCheckFailedException")
THROTTLES = {
    "dynamodb": Error("ProvisionedThroughputExceededException"),
    "kinesis": Error("ProvisionedThroughputExceededException"),
    "s3": Error("SlowDown", 503),
    "sqs": Error("RequestThrottled"),
}


def throttle(service: str) -> Error:
    """How this service says that there is too much to do."""
    return THROTTLES.get(service, Error("ThrottlingException"))


@dataclass
class _Fault:
    error: Error
    after: bool
    times: int
    skip: int
    places: frozenset[int] | None = None


@dataclass
class Faults:
    """What fails, and what was asked."""

    requests: list[Request] = field(default_factory=list)
    _faults: dict[tuple[str, str], list[_Fault]] = field(default_factory=dict)
    _lock: Lock = field(default_factory=Lock)
    _recording: bool = False
    _left: int | None = None
    _unheard: bool = False

    def fail(
        self,
        service: str,
        operation: str,
        error: Error = TIME_OUT,
        *,
        after: bool = False,
        times: int = 1,
        skip: int = 0,
    ) -> None:
        """Let the next calls of an operation fail, ``after`` they took effect or before; ``skip`` calls go well first.

        The SDK repeats what may be repeated: a call of ours fails for good after three times.
        """
        self._add(service, operation, _Fault(error, after, times, skip))

    def fail_entries(
        self,
        service: str,
        operation: str,
        places: Iterable[int] = (0,),
        *,
        after: bool = False,
        times: int = 1,
        code: str = "ThrottlingError",
    ) -> None:
        """Let the entries at these places fail, of the operations in ``ENTRIES``; reads are left undone."""
        self._add(service, operation, _Fault(Error(code), after, times, 0, frozenset(places)))

    @contextmanager
    def lost_after(self, calls: int, *, unheard: bool = False) -> Iterator[None]:
        """Meanwhile refuse all calls but the first ones, as if the caller had died there.

        ``unheard``: the first that is refused takes effect all the same.
        """
        with self._lock:
            self._left, self._unheard = calls, unheard
        try:
            yield
        finally:
            with self._lock:
                self._left = None

    def clear(self) -> None:
        """Nothing fails any more."""
        with self._lock:
            self._faults.clear()

    def pending(self) -> int:
        """How many calls are still to fail."""
        with self._lock:
            return sum(fault.times for faults in self._faults.values() for fault in faults)

    @contextmanager
    def recorded(self) -> Iterator[list[Request]]:
        """The log of all calls made meanwhile."""
        self.requests, self._recording = [], True
        try:
            yield self.requests
        finally:
            self._recording = False

    def _add(self, service: str, operation: str, fault: _Fault) -> None:
        with self._lock:
            self._faults.setdefault((service, operation), []).append(fault)

    def _take(self, service: str, operation: str) -> _Fault | None:
        with self._lock:
            if self._left is not None:
                return self._lose()
            faults = self._faults.get((service, operation), [])
            if not faults:
                return None
            if faults[0].skip:
                faults[0].skip -= 1
                return None
            faults[0].times -= 1
            return faults.pop(0) if faults[0].times <= 0 else faults[0]

    def _lose(self) -> _Fault | None:
        assert self._left is not None
        if self._left > 0:
            self._left -= 1
            return None
        unheard, self._unheard = self._unheard, False
        return _Fault(DENIED, unheard, 1, 0)

    def in_front_of(self, app: App) -> App:
        """The server with this before it."""

        def serve(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
            body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0)) if _has_length(environ) else b""
            if _has_length(environ):
                environ["wsgi.input"] = BytesIO(body)
            service, operation = called(environ, body)
            fault = self._take(service, operation)
            status, headers, answer = self._answer(app, environ, body, service, fault)
            if self._recording:
                self.requests.append(Request(service, operation, body, int(status[:3]), answer))
            if fault is not None and fault.error == TIME_OUT:
                environ["werkzeug.socket"].shutdown(socket.SHUT_RDWR)
            start_response(status, headers)
            return [answer]

        return serve

    def _answer(
        self, app: App, environ: dict[str, Any], body: bytes, service: str, fault: _Fault | None
    ) -> tuple[str, list[tuple[str, str]], bytes]:
        if fault is None:
            return _call(app, environ)
        if fault.places is not None:
            return _call_in_part(app, environ, body, fault)
        if fault.after:
            _call(app, environ)
        return _refusal(service, fault.error)


def _has_length(environ: dict[str, Any]) -> bool:
    return "CONTENT_LENGTH" in environ and environ["CONTENT_LENGTH"] != ""


def _call(app: App, environ: dict[str, Any]) -> tuple[str, list[tuple[str, str]], bytes]:
    said: list[Any] = []
    chunks = app(environ, lambda status, headers, exc_info=None: said.extend((status, headers)))
    answer = b"".join(chunks)
    if hasattr(chunks, "close"):
        chunks.close()
    return said[0], said[1], answer


ENTRIES = {
    "SendMessageBatch": ("Entries", "Successful"),
    "PutRecords": ("Records", "Records"),
    "BatchExecuteStatement": ("Statements", "Responses"),
    "BatchGetItem": ("Keys", "Responses"),
}
"""Operations that take many and answer for each: where they stand in what is asked, and in the answer."""


def _call_in_part(
    app: App, environ: dict[str, Any], body: bytes, fault: _Fault
) -> tuple[str, list[tuple[str, str]], bytes]:
    """Have the chosen entries answered as failed; unless ``after``, the server never sees them."""
    operation = environ["HTTP_X_AMZ_TARGET"].rpartition(".")[2]
    asked = json.loads(body)
    name, _ = ENTRIES[operation]
    where = next(iter(asked["RequestItems"].values())) if operation == "BatchGetItem" else asked
    entries = where[name]
    places = sorted(place for place in fault.places or () if place < len(entries))
    where[name] = entries if fault.after else [entry for place, entry in enumerate(entries) if place not in places]
    answered: dict[str, Any] = {}
    headers = [("Content-Type", "application/x-amz-json-1.0")]
    if where[name]:
        passed = json.dumps(asked).encode()
        inner = environ | {"wsgi.input": BytesIO(passed), "CONTENT_LENGTH": str(len(passed))}
        status, headers, answer = _call(app, inner)
        if not status.startswith("200"):
            return status, headers, answer
        answered = json.loads(answer)
    where[name] = entries
    told = json.dumps(_told(operation, asked, entries, places, answered, fault)).encode()
    headers = [one for one in headers if one[0].lower() not in ("content-length", "x-amz-crc32")]
    return "200 OK", [*headers, ("Content-Length", str(len(told)))], told


def _told(
    operation: str, asked: Any, entries: list[Any], places: list[int], answered: dict[str, Any], fault: _Fault
) -> dict[str, Any]:
    if operation == "SendMessageBatch":
        failed = [entries[place]["Id"] for place in places]
        said = {"SenderFault": False, "Code": fault.error.code, "Message": "on purpose"}
        well = [one for one in answered.get("Successful", []) if one["Id"] not in failed]
        return {"Successful": well, "Failed": [*answered.get("Failed", []), *({"Id": one, **said} for one in failed)]}
    if operation == "BatchGetItem":
        (table, keys), *_ = asked["RequestItems"].items()
        left = {table: keys | {"Keys": [entries[place] for place in places]}}
        return {"Responses": answered.get("Responses", {table: []}), "UnprocessedKeys": left}
    _, name = ENTRIES[operation]
    said = {"ErrorCode": fault.error.code, "ErrorMessage": "on purpose"}
    refused = said if operation == "PutRecords" else {"Error": {"Code": fault.error.code, "Message": "on purpose"}}
    rest = iter(answered.get(name, []))
    told = []
    for place in range(len(entries)):
        one = next(rest) if fault.after or place not in places else None
        told.append(refused if place in places else one)
    return answered | {name: told, "FailedRecordCount": len(places)}


def _refusal(service: str, error: Error) -> tuple[str, list[tuple[str, str]], bytes]:
    if service == "s3":
        answer = f"<Error><Code>{error.code}</Code><Message>on purpose</Message></Error>".encode()
        kind = "application/xml"
    else:
        reasons = {"CancellationReasons": [{"Code": reason} for reason in error.reasons]} if error.reasons else {}
        answer = json.dumps({"__type": error.code, "message": "on purpose", **reasons}).encode()
        kind = "application/x-amz-json-1.0"
    headers = [("Content-Type", kind), ("x-amzn-ErrorType", error.code), ("Content-Length", str(len(answer)))]
    return f"{error.status} {error.code or 'Nothing'}", headers, answer


class Killed(BaseException):
    """The process that made the calls is no more."""


@contextmanager
def killed_after(calls: int) -> Iterator[list[str]]:
    """Let this process die when so many calls of the SDK have taken effect; yields the operations called.

    What runs meanwhile gets ``Killed`` from the last of them and from every further one, and must not outlive it.
    """
    made: list[str] = []
    lock = Lock()
    call = botocore.client.BaseClient._make_api_call

    def counted(self: Any, operation: str, parameters: Any) -> Any:
        with lock:
            if len(made) >= calls:
                raise Killed
            made.append(operation)
            dies = len(made) == calls
        answer = call(self, operation, parameters)
        if dies:
            raise Killed
        return answer

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(botocore.client.BaseClient, "_make_api_call", counted)
        yield made


@contextmanager
def impatient() -> Iterator[None]:
    """Let the SDK of this process repeat calls without a pause, and however many failed before."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(botocore.retries.quota.RetryQuota, "acquire", lambda self, amount: True)
        patch.setattr(botocore.retries.standard.ExponentialBackoff, "delay_amount", lambda self, context: 0)
        yield
