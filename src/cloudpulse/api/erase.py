"""Erasure of one person or one session: begin it, and see how it ended."""

import asyncio
from functools import partial
from typing import Annotated, Any

import msgspec
from litestar import Request, get, post
from litestar.concurrency import sync_to_thread
from litestar.params import JSONBody, PathParameter

from cloudpulse.api.audit import audit
from cloudpulse.api.guards import ADMIN
from cloudpulse.errors import UserError
from cloudpulse.events.model import SessionId
from cloudpulse.ops.erasures import Erasure

PREFIX = "subject/"

ErasureId = Annotated[str, PathParameter(max_length=64, description="The id of an erasure.")]


class EraseRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Whose events go: those of a ``user_id``, or of a ``session_id``."""

    user_id: SessionId | None = None
    session_id: SessionId | None = None


@post("/v1/erase", guards=ADMIN, status_code=202)
async def request_erasure(request: Request[Any, Any, Any], data: JSONBody[EraseRequest]) -> Erasure:
    """Erase all events of one person or one session that were received so far, from every place that holds events.

    Its `id` tells later what was removed; `subject` is a keyed hash, which is all that is kept.
    """
    kind, value = _subject(data)
    before: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
    until = request.app.state.services.receiver.draw_line(before)
    await before
    return await sync_to_thread(partial(_begin, request, kind, value, until))


@get("/v1/erase/{erasure_id:str}", guards=ADMIN, sync_to_thread=True)
def show_erasure(request: Request[Any, Any, Any], erasure_id: ErasureId) -> Erasure:
    """One erasure: whether it is done, and then the signed record of what was removed."""
    erasure: Erasure = request.app.state.services.erasures.show(erasure_id)
    return erasure


def _subject(data: EraseRequest) -> tuple[str, str]:
    if data.user_id is not None and data.session_id is None:
        return "user", data.user_id
    if data.session_id is not None and data.user_id is None:
        return "session", data.session_id
    raise UserError('Say whose events: either "user_id" or "session_id".')


def _begin(request: Request[Any, Any, Any], kind: str, value: str, until: int) -> Erasure:
    erasure: Erasure = request.app.state.services.erasures.request(kind, value, until)
    audit(request, "erasure_requested", PREFIX + erasure.subject)
    return erasure


erase_routes = [request_erasure, show_erasure]
