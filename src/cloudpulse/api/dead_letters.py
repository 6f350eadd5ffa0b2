"""Dead letters: list, show, have them tried again, purge."""

from collections.abc import Iterator, Sequence
from typing import Annotated, Any, Literal

import msgspec
from litestar import Request, delete, get, post
from litestar.params import JSONBody, PathParameter, QueryParameter

from cloudpulse.api.audit import audit
from cloudpulse.api.guards import ADMIN
from cloudpulse.errors import UserError
from cloudpulse.ops.dead_letters import DeadLetterService, LetterDetail, LetterList, Redriven

PREFIX = "dead_letter/"
MAX_IDS = 1000
MAX_ID_CHARS = 128

Consumer = Literal["speed", "lake"]
Id = Annotated[str, msgspec.Meta(max_length=MAX_ID_CHARS)]
LetterId = Annotated[str, PathParameter(max_length=MAX_ID_CHARS, description="The id of a dead letter.")]


class RedriveRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which letters: those of ``ids``, or ``all``, or all of one ``fingerprint``; ``dry_run`` only tries them out."""

    ids: Annotated[tuple[Id, ...], msgspec.Meta(max_length=MAX_IDS)] = ()
    all: bool = False
    fingerprint: Id | None = None
    dry_run: bool = False


class RedriveAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """What became of each letter, or would become."""

    dry_run: bool
    letters: list[Redriven]


@get("/v1/dlq", guards=ADMIN, sync_to_thread=True, summary="Dead letters")
def list_dead_letters(
    request: Request[Any, Any, Any],
    consumer: Annotated[Consumer | None, QueryParameter(description="Only what this layer could not process.")] = None,
    fingerprint: Annotated[
        str | None, QueryParameter(max_length=MAX_ID_CHARS, description="Only what failed in this way.")
    ] = None,
    limit: Annotated[int, QueryParameter(ge=1, le=1000, description="Letters at most.")] = 100,
) -> LetterList:
    """What could not be processed: groups that failed in the same way, and the oldest letters."""
    return _service(request).list(consumer, fingerprint, limit)


@get("/v1/dlq/{letter_id:str}", guards=ADMIN, sync_to_thread=True)
def show_dead_letter(request: Request[Any, Any, Any], letter_id: LetterId) -> LetterDetail:
    """One dead letter: why it failed and where, and its events as they were accepted, up to a bound."""
    return _service(request).show(letter_id)


@post("/v1/dlq/redrive", guards=ADMIN, status_code=200, sync_to_thread=True)
def redrive_dead_letters(request: Request[Any, Any, Any], data: JSONBody[RedriveRequest]) -> RedriveAnswer:
    """Have letters tried again, each once, under the ids that their events have; or see whether that would succeed."""
    service = _service(request)
    if data.dry_run:
        letters = [service.try_out(letter_id) for letter_id in _wanted(service, data)]
    else:
        letters = list(_redrive(request, service, _wanted(service, data)))
    return RedriveAnswer(dry_run=data.dry_run, letters=letters)


@delete("/v1/dlq/{letter_id:str}", guards=ADMIN, sync_to_thread=True)
def purge_dead_letter(request: Request[Any, Any, Any], letter_id: LetterId) -> None:
    """Give the events of a letter up for good; the ledger counts them as purged."""
    _service(request).purge(letter_id)
    audit(request, "dead_letter_purged", PREFIX + letter_id)


def _service(request: Request[Any, Any, Any]) -> DeadLetterService:
    service: DeadLetterService = request.app.state.services.dead_letters
    return service


def _wanted(service: DeadLetterService, data: RedriveRequest) -> Sequence[str]:
    every = data.all or data.fingerprint is not None
    if every == bool(data.ids):
        raise UserError('Say which letters: "ids", or "all", or a "fingerprint".')
    return service.ids(fingerprint=data.fingerprint) if every else list(dict.fromkeys(data.ids))


def _redrive(
    request: Request[Any, Any, Any], service: DeadLetterService, letter_ids: Sequence[str]
) -> Iterator[Redriven]:
    for letter_id in letter_ids:
        redriven = service.redrive(letter_id)
        if redriven.is_new:
            audit(request, "dead_letter_redriven", PREFIX + letter_id)
        yield redriven


dead_letter_routes = [list_dead_letters, show_dead_letter, redrive_dead_letters, purge_dead_letter]
