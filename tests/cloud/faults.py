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
    error: Error | None
    after: bool
    times: int
    skip: int
    places: frozenset[int] = frozenset()


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
        self, service: str, operation: str, places: Iterable[int] = (0,), *, after: bool = False, times: int = 1
    ) -> None:
        """Let the entries at these places fail, of SendMessageBatch and PutRecords."""
        self._add(service, operation, _Fault(None, after, times, 0, frozenset(places)))

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
        if fault.error is None:
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


_ENTRIES = {"SendMessageBatch": "Entries", "PutRecords": "Records"}


def _call_in_part(
    app: App, environ: dict[str, Any], body: bytes, fault: _Fault
) -> tuple[str, list[tuple[str, str]], bytes]:
    """Have the chosen entries answered as failed; unless ``after``, the server never sees them."""
    operation = environ["HTTP_X_AMZ_TARGET"].rpartition(".")[2]
    asked = json.loads(body)
    entries = asked[_ENTRIES[operation]]
    seen = entries if fault.after else [entry for place, entry in enumerate(entries) if place not in fault.places]
    answered: dict[str, Any] = {}
    headers = [("Content-Type", "application/x-amz-json-1.0")]
    if seen:
        passed = json.dumps(asked | {_ENTRIES[operation]: seen}).encode()
        inner = environ | {"wsgi.input": BytesIO(passed), "CONTENT_LENGTH": str(len(passed))}
        status, headers, answer = _call(app, inner)
        if not status.startswith("200"):
            return status, headers, answer
        answered = json.loads(answer)
    told = _told_sqs(entries, answered, fault) if operation == "SendMessageBatch" else _told(entries, answered, fault)
    headers = [(name, value) for name, value in headers if name.lower() != "content-length"]
    answer = json.dumps(told).encode()
    return "200 OK", [*headers, ("Content-Length", str(len(answer)))], answer


def _told_sqs(entries: list[Any], answered: dict[str, Any], fault: _Fault) -> dict[str, Any]:
    failed = [entries[place]["Id"] for place in sorted(fault.places) if place < len(entries)]
    well = [entry for entry in answered.get("Successful", []) if entry["Id"] not in failed]
    said = {"SenderFault": False, "Code": "InternalError", "Message": "try again"}
    return {"Successful": well, "Failed": [*answered.get("Failed", []), *({"Id": one, **said} for one in failed)]}


def _told(entries: list[Any], answered: dict[str, Any], fault: _Fault) -> dict[str, Any]:
    stored = iter(answered.get("Records", []))
    failed = {"ErrorCode": "ProvisionedThroughputExceededException", "ErrorMessage": "too much"}
    told = []
    for place in range(len(entries)):
        if place in fault.places:
            if fault.after:
                next(stored)
            told.append(failed)
        else:
            told.append(next(stored))
    return {**answered, "FailedRecordCount": sum("ErrorCode" in record for record in told), "Records": told}


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
    """Let the SDK of this process repeat calls without a pause."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(botocore.retries.standard.ExponentialBackoff, "delay_amount", lambda self, context: 0)
        yield
