"""CORS: which web pages of other origins may use the API. A pure function over values.

The origins of the setting ``cors_origins`` may use all routes, and those that are named one by one also the refresh
cookie; the origins of write keys may send events. What is not allowed gets no header, and the browser refuses.
"""

from collections.abc import Collection

ANY = "*"
MAX_AGE_SECONDS = 600

Headers = list[tuple[bytes, bytes]]

_ALLOWED = b"access-control-allow-origin"
_VARY = (b"vary", b"Origin")
_CREDENTIALS = (b"access-control-allow-credentials", b"true")
_ANSWER = [
    (
        b"access-control-expose-headers",
        b"X-Request-Id, Retry-After, RateLimit-Limit, RateLimit-Remaining, RateLimit-Reset",
    )
]
PREFLIGHT = [
    (b"access-control-allow-methods", b"GET, POST, PUT, PATCH, DELETE"),
    (
        b"access-control-allow-headers",
        b"Authorization, Content-Type, Content-Encoding, Idempotency-Key, Prefer, X-Request-Id",
    ),
    (b"access-control-max-age", b"%d" % MAX_AGE_SECONDS),
]


def cors_headers(origin: bytes, settings: Collection[str], keys: Collection[str], is_preflight: bool) -> Headers:
    """The headers of an answer to a page of ``origin``, by the origins of the settings and those of write keys."""
    text = origin.decode("latin-1")
    if text in settings and text != ANY:
        allowed = [(_ALLOWED, origin), _CREDENTIALS]
    elif ANY in settings or ANY in keys:
        allowed = [(_ALLOWED, b"*")]
    elif text in keys:
        allowed = [(_ALLOWED, origin)]
    else:
        return [_VARY]
    return [*allowed, _VARY, *(PREFLIGHT if is_preflight else _ANSWER)]
