"""Rate limits of callers: a token bucket where a caller has a limit, and the throttle of tokens and sign-ins.

The caller's quota goes to ``scope["state"]["quota"]``; the frame makes headers of it.
"""

from typing import Any

from litestar import Request

from cloudpulse import telemetry
from cloudpulse.api.remote import address_of
from cloudpulse.auth.throttle import TokenBuckets
from cloudpulse.errors import Quota

_NAMES = (b"ratelimit-limit", b"ratelimit-remaining", b"ratelimit-reset")


def admit(scope: Any, client_id: str, per_minute: int, limits: TokenBuckets) -> None:
    """Count a request of an authenticated caller that has a limit; raises ``RateLimited`` when it is over it."""
    scope["state"]["quota"] = limits.take(client_id, per_minute)


def enter_sign_in(request: Request[Any, Any, Any], name: str, guessable: bool = True) -> str:
    """Let the sender try to sign in as ``name``; raises ``RateLimited``.

    Returns the sender's address, for ``services.sign_ins.failed`` and ``.succeeded``.
    """
    services = request.app.state.services
    address = address_of(request, services.settings)
    request.scope["state"]["quota"] = services.sign_ins.enter(address, name, guessable)
    return address


def quota_headers(quota: Quota) -> list[tuple[bytes, bytes]]:
    """The headers that tell a limited caller where it stands."""
    headers = [(name, b"%d" % value) for name, value in zip(_NAMES, quota, strict=False)]
    if quota.retry_after_seconds:
        headers.append((b"retry-after", b"%d" % quota.retry_after_seconds))
        telemetry.rate_limited.inc()
    return headers
