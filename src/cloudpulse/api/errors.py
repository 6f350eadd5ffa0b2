"""Every error as problem details (RFC 9457), rendered here and nowhere else."""

import re
from http import HTTPStatus
from typing import Any

import msgspec
import structlog
from litestar import Request, Response
from litestar.exceptions import HTTPException, ValidationException

from cloudpulse.errors import (
    CloudPulseError,
    InvalidClient,
    InvalidParameter,
    InvalidScope,
    InvalidTokenRequest,
    NotReady,
    Overloaded,
    RateLimited,
    ServiceError,
    Unauthorized,
    UnsupportedGrantType,
    UserError,
)
from cloudpulse.telemetry import told

MEDIA_TYPE = "application/problem+json"

_CODES = {
    400: "bad_request",
    401: "unauthorized",
    403: "forbidden",
    404: "not_found",
    405: "method_not_allowed",
    413: "too_large",
    415: "unsupported_media_type",
}
OAUTH_CODES = frozenset(
    error.code for error in (InvalidTokenRequest, InvalidClient, InvalidScope, UnsupportedGrantType)
)
_MISSING = re.compile(r"Missing required \w+ parameter '(.+?)' for path")
_log = structlog.get_logger()


class FieldError(msgspec.Struct, frozen=True, kw_only=True):
    """What is wrong with one parameter or field."""

    field: str
    message: str


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """Problem details: ``code`` is for programs, ``detail`` is a sentence for people.

    Where a token is asked for, ``error`` is the code once more: OAuth's libraries look for it there.
    """

    type: str
    title: str
    status: int
    detail: str
    code: str
    errors: tuple[FieldError, ...] = ()
    error: str | msgspec.UnsetType = msgspec.UNSET


def render(request: Request[Any, Any, Any], exc: Exception) -> Response[bytes]:
    """The answer to a request that ended in ``exc``; what nobody expected is logged, and told to no client."""
    if isinstance(exc, CloudPulseError):
        if isinstance(exc, ServiceError) and not isinstance(exc, Overloaded | NotReady):
            _log.warning("service error", code=exc.code, detail=exc.detail, request_id=_id(request))
        if isinstance(exc, RateLimited):
            request.scope["state"]["quota"] = exc.quota  # the frame makes headers of it
        return _response(exc.status, exc.code, exc.title, exc.detail, headers=_headers(exc))
    if isinstance(exc, ValidationException):
        errors = _field_errors(exc)
        detail = "; ".join(f"{error.field}: {error.message}" for error in errors) or exc.detail
        return _response(400, InvalidParameter.code, InvalidParameter.title, detail, errors)
    if isinstance(exc, HTTPException):
        title = HTTPStatus(exc.status_code).phrase
        code = _CODES.get(exc.status_code, "internal_error" if exc.status_code >= 500 else "bad_request")
        return _response(exc.status_code, code, title, _sentence(request, exc), headers=exc.headers)
    if isinstance(exc, RecursionError):  # nothing of ours goes as deep as a request body may
        return _response(400, UserError.code, UserError.title, "The body nests too deeply.")
    if isinstance(exc, UnicodeDecodeError):  # msgspec's own: nothing of ours decodes but what was sent
        return _response(400, UserError.code, UserError.title, "The body is not valid UTF-8.")
    _log.error("request failed", request_id=_id(request), **told(exc))
    detail = f"Something went wrong on our side. The request id is {_id(request)}."
    return _response(500, CloudPulseError.code, CloudPulseError.title, detail)


def problem(status: int, code: str, title: str, detail: str, errors: tuple[FieldError, ...] = ()) -> bytes:
    """Problem details as JSON."""
    return msgspec.json.encode(
        Problem(
            type=f"urn:cloudpulse:problem:{code}",
            title=title,
            status=status,
            detail=detail,
            code=code,
            errors=errors,
            error=code if code in OAUTH_CODES else msgspec.UNSET,
        )
    )


def _id(request: Request[Any, Any, Any]) -> str:
    return str(request.scope["state"]["request_id"])


def _response(
    status: int,
    code: str,
    title: str,
    detail: str,
    errors: tuple[FieldError, ...] = (),
    headers: dict[str, str] | None = None,
) -> Response[bytes]:
    body = problem(status, code, title, detail, errors)
    return Response(body, status_code=status, media_type=MEDIA_TYPE, headers=headers)


def _headers(exc: CloudPulseError) -> dict[str, str] | None:
    if isinstance(exc, Unauthorized):
        scheme = "Basic" if isinstance(exc, InvalidClient) else "Bearer"
        return {"WWW-Authenticate": f'{scheme} realm="cloudpulse", error="{exc.code}"'}
    if isinstance(exc, Overloaded):
        return {"Retry-After": str(exc.retry_after_seconds)}
    return None


def _sentence(request: Request[Any, Any, Any], exc: HTTPException) -> str:
    if exc.status_code == 404:
        return f"There is nothing at {request.scope['path']}."
    if exc.status_code == 405:
        return f"{request.method} is not served here; use {(exc.headers or {}).get('allow')}."
    return exc.detail


def _field_errors(exc: ValidationException) -> tuple[FieldError, ...]:
    if missing := _MISSING.match(exc.detail):
        return (FieldError(field=missing[1], message="is required"),)
    entries = [entry for entry in exc.extra or () if isinstance(entry, dict)]
    return tuple(FieldError(field=_field(entry), message=str(entry["message"])) for entry in entries)


def _field(entry: dict[str, Any]) -> str:
    """Litestar calls the body as a whole after the argument that takes it."""
    name = str(entry.get("key", ""))
    return "body" if name == "data" else name
