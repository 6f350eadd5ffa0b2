"""The ingest routes: read, parse, hand over, wait for the receipt, answer."""

import asyncio
from collections.abc import Callable
from typing import Any

import msgspec
from litestar import Request, post
from litestar.openapi.datastructures import ResponseSpec
from litestar.response.base import ASGIResponse

from cloudpulse import telemetry
from cloudpulse.api.answer import JsonAnswer
from cloudpulse.api.body import JSON, NDJSON, RawHeaders, media_type, raw_headers, read_body
from cloudpulse.api.guards import requires
from cloudpulse.api.remote import remote_of
from cloudpulse.auth.tokens import Principal
from cloudpulse.errors import CloudPulseError, UnsupportedMedia, UserError
from cloudpulse.events import times
from cloudpulse.events.explain import InvalidEvent
from cloudpulse.events.model import Event, EventType, Source
from cloudpulse.events.validate import (
    InvalidBody,
    Parsed,
    Rejection,
    SmallEvent,
    from_small,
    parse_batch,
    parse_lines,
    parse_one,
    parse_small,
)
from cloudpulse.ingest.decide import Receipt
from cloudpulse.ingest.prepare import Sender, new_id
from cloudpulse.ingest.sequencer import Deliver, Outcome

MAX_IDEMPOTENCY_KEY = 128

IngestRequest = Request[Any, Principal, Any]


class Batch(msgspec.Struct):
    """Many events."""

    events: list[Event]


class ReceiptBody(msgspec.Struct):
    """What became of the events of a request; ``event_ids`` lists accepted and duplicate ones in input order."""

    accepted: int
    duplicates: int
    rejected: int
    errors: list[Rejection]
    event_ids: list[str] | msgspec.UnsetType = msgspec.UNSET


class SmallRecord(msgspec.Struct):
    """The record that a small form became: ``pk`` is its event id, ``ts`` when it was received."""

    pk: str
    ts: str
    source: Source
    event_type: EventType
    meta: dict[str, Any]


def deliver_on(loop: asyncio.AbstractEventLoop) -> Deliver:
    """A way for the sequencer's thread to resolve the futures of a group, with one wake-up of the loop."""

    def resolve(outcomes: list[tuple[asyncio.Future[Receipt], Outcome]]) -> None:
        for future, outcome in outcomes:
            if future.cancelled():
                continue
            if isinstance(outcome, CloudPulseError):
                future.set_exception(outcome)
            else:
                future.set_result(outcome)

    def deliver(outcomes: list[tuple[asyncio.Future[Receipt], Outcome]]) -> None:
        loop.call_soon_threadsafe(resolve, outcomes)

    return deliver


def _documented(body: dict[str, Any], answer: type, *statuses: int) -> dict[str, Any]:
    return {
        "guards": [requires("events:write")],
        "opt": {"hot": True, "body": body},
        "responses": {status: ResponseSpec(answer, generate_examples=False) for status in statuses},
    }


@post("/v1/events", status_code=200, **_documented({"application/json": Event}, ReceiptBody, 200, 400))
async def post_event(request: IngestRequest) -> ASGIResponse:
    """Accept one event."""
    headers = raw_headers(request)
    required_type(headers, JSON)
    body = await _body(request, headers)
    return _answer(await _receive(request, headers, parse_one(body)), headers)


@post(
    "/v1/events/batch",
    status_code=200,
    **_documented({"application/json": Batch, "application/x-ndjson": Event}, ReceiptBody, 200, 207, 400),
)
async def post_batch(request: IngestRequest) -> ASGIResponse:
    """Accept many events: ``{"events": [...]}`` or NDJSON."""
    headers = raw_headers(request)
    return _answer(await _receive(request, headers, await _parse_many(request, headers)), headers)


@post(
    "/v1/collect",
    status_code=202,
    **_documented({"application/json": Batch, "application/x-ndjson": Event}, type(None), 202),
)
async def post_collect(request: IngestRequest) -> ASGIResponse:
    """Accept many events without a receipt; they are counted, deduplicated and rejected like any others."""
    headers = raw_headers(request)
    await _receive(request, headers, await _parse_many(request, headers))
    return ASGIResponse(status_code=202)


@post("/v1/event", status_code=200, **_documented({"application/json": SmallEvent}, SmallRecord, 200))
async def post_small(request: IngestRequest) -> ASGIResponse:
    """Accept the small form; the type may be spelled in any way, and an unknown one becomes a custom event's name."""
    headers = raw_headers(request)
    required_type(headers, JSON)
    small = parse_small(await _body(request, headers))
    try:
        event = from_small(small, new_id(_sender(request, headers), 0))
    except InvalidEvent as invalid:
        raise InvalidBody(invalid.code, invalid.message) from invalid
    receipt = await _receive(request, headers, ([(0, event)], []))
    if receipt.rejections:
        raise InvalidBody(receipt.rejections[0].code, receipt.rejections[0].message)
    record = SmallRecord(
        str(event.event_id),
        times.rfc3339(times.from_micros(receipt.received_at)),
        event.source,
        event.event_type,
        small.meta,
    )
    return JsonAnswer(msgspec.json.encode(record))


async def _parse_many(request: IngestRequest, headers: RawHeaders) -> Parsed:
    kind = required_type(headers, JSON + NDJSON)
    body = await _body(request, headers)
    parse: Callable[[bytes, int], Parsed] = parse_lines if kind in NDJSON else parse_batch
    return parse(body, request.app.state.services.settings.max_batch_events)


async def _receive(request: IngestRequest, headers: RawHeaders, parsed: Parsed) -> Receipt:
    if request.auth.is_relay:
        await asyncio.to_thread(request.app.state.services.erasures.check_relayed, parsed[0])
    future: asyncio.Future[Receipt] = asyncio.get_running_loop().create_future()
    request.app.state.services.receiver.receive(parsed, _sender(request, headers), future)
    receipt = await future
    telemetry.count_receipt(receipt.accepted, receipt.duplicates, len(receipt.rejections))
    return receipt


def _answer(receipt: Receipt, headers: RawHeaders) -> ASGIResponse:
    rejected = len(receipt.rejections)
    kept = receipt.accepted + receipt.duplicates
    body = b'{"accepted":%d,"duplicates":%d,"rejected":%d,"errors":%s' % (
        receipt.accepted,
        receipt.duplicates,
        rejected,
        msgspec.json.encode(receipt.rejections) if rejected else b"[]",
    )
    if b"return=minimal" not in headers.get(b"prefer", b""):
        # The ids are UUIDs in canonical text: nothing in them needs escaping.
        ids = b'["' + b'","'.join(receipt.event_ids) + b'"]' if kept else b"[]"
        body += b',"event_ids":' + ids
    status = 200 if not rejected else 207 if kept else 400
    return JsonAnswer(body + b"}", status)


def required_type(headers: RawHeaders, allowed: tuple[str, ...]) -> str:
    """The content type of a request; raises ``UnsupportedMedia`` unless it is allowed."""
    kind = media_type(headers)
    if kind not in allowed:
        raise UnsupportedMedia(f"Content-Type {kind} is not read here: send {' or '.join(filter(None, allowed))}.")
    return kind


async def _body(request: IngestRequest, headers: RawHeaders) -> bytes:
    return await read_body(request, headers, request.app.state.services.settings.max_body_bytes)


def idempotency_key(headers: RawHeaders) -> str | None:
    """The key of a request that may be repeated, if it has one."""
    key = headers.get(b"idempotency-key")
    if key is not None and not 0 < len(key) <= MAX_IDEMPOTENCY_KEY:
        raise UserError(f"Idempotency-Key must have 1 to {MAX_IDEMPOTENCY_KEY} characters.")
    return key.decode("latin-1") if key is not None else None


def _sender(request: IngestRequest, headers: RawHeaders) -> Sender:
    principal = request.auth
    return Sender(
        client_id=principal.client_id,
        app=principal.app,
        remote=None if principal.is_relay else remote_of(request, headers, request.app.state.services.settings),
        idempotency_key=idempotency_key(headers),
    )


ingest_routes = [post_event, post_batch, post_collect, post_small]
