"""Describes in the OpenAPI document which problems an operation may answer.

They follow from what the operation is: one that is guarded may refuse the caller, one with a body may find it too
large. ``opt={"problems": (504,)}`` on a handler adds what only the handler knows.
"""

from typing import Any

from cloudpulse.api.errors import MEDIA_TYPE

HEADERS: dict[str, dict[str, Any]] = {
    "X-Request-Id": {"description": "The id that was sent, or a new one.", "schema": {"type": "string"}},
    "WWW-Authenticate": {"description": "How to authenticate, and what was wrong.", "schema": {"type": "string"}},
    "Retry-After": {"description": "Seconds to wait.", "schema": {"type": "integer", "minimum": 0}},
    "RateLimit-Limit": {
        "description": "Requests a minute that a limited caller has.",
        "schema": {"type": "integer", "minimum": 1},
    },
    "RateLimit-Remaining": {
        "description": "Requests that are left to a limited caller.",
        "schema": {"type": "integer", "minimum": 0},
    },
    "RateLimit-Reset": {
        "description": "Seconds until a limited caller has all requests again.",
        "schema": {"type": "integer", "minimum": 0},
    },
}
QUOTA = ("RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset")
ALWAYS = ("X-Request-Id",)
ANYWHERE = (400, 408, 414, 431, 503)
"""What the reader of HTTP answers by itself, 503 when there are too many connections."""

_RESPONSES: dict[int, tuple[str, str, tuple[str, ...]]] = {
    400: ("BadRequest", "The request is wrong; `errors` names the parameters.", ()),
    401: ("Unauthorized", "There is no valid credential.", ("WWW-Authenticate",)),
    403: ("Forbidden", "The caller may not do this.", ()),
    404: ("NotFound", "There is no such thing.", ()),
    408: ("TooSlow", "The request took too long to arrive.", ()),
    409: ("Conflict", "The request contradicts one that was made before.", ()),
    413: ("TooLarge", "The request is too large, as sent or when inflated.", ()),
    414: ("UrlTooLong", "The URL is too long.", ()),
    415: ("UnsupportedMedia", "The content type or the content encoding is not one that is read.", ()),
    429: ("TooManyRequests", "The caller is over its rate.", (*QUOTA, "Retry-After")),
    431: ("HeadersTooLarge", "The headers are too large.", ()),
    503: ("Unavailable", "Not now; nothing of the request was kept.", ("Retry-After",)),
    504: ("Timeout", "The statement ran into its time limit.", ()),
}
"""Status → name in the document, description, headers."""

MAY_TIME_OUT = {"problems": (504,)}
"""The option of a route that runs a statement."""

_OPTIONAL = {503}
"""Statuses whose headers do not always come."""


def responses(problem: dict[str, Any]) -> dict[str, Any]:
    """``components.responses`` of the document; ``problem`` is the schema of the body."""
    return {
        name: {
            "description": description,
            "headers": _headers(ALWAYS, required=True) | _headers(headers, required=status not in _OPTIONAL),
            "content": {MEDIA_TYPE: {"schema": problem}},
        }
        for status, (name, description, headers) in _RESPONSES.items()
    }


def add(operation: dict[str, Any], extra: tuple[int, ...], problem: dict[str, Any]) -> None:
    """Write into an operation the problems that it may answer, and the headers that its other answers carry."""
    guarded = "security" in operation
    for response in operation["responses"].values():
        limited = _headers(QUOTA, required=False) if guarded else {}
        response["headers"] = response.get("headers", {}) | _headers(ALWAYS, required=True) | limited
    for status in sorted(_statuses(operation, guarded) | set(extra)):
        described = operation["responses"].get(str(status))
        if described is None:
            operation["responses"][str(status)] = {"$ref": f"#/components/responses/{_RESPONSES[status][0]}"}
        else:  # a receipt, where the request could be read
            described["content"][MEDIA_TYPE] = {"schema": problem}


def _statuses(operation: dict[str, Any], guarded: bool) -> set[int]:
    parameters = operation.get("parameters", ())
    return {
        *ANYWHERE,
        *((404,) if any(parameter["in"] == "path" for parameter in parameters) else ()),
        *((413, 415) if "requestBody" in operation else ()),
        *((401, 403, 429) if guarded else ()),
    }


def _headers(names: tuple[str, ...], required: bool) -> dict[str, Any]:
    return {name: HEADERS[name] | {"required": required} for name in names}
