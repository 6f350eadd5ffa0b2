"""What a connection tells about its sender: address, browser, country. Only trusted proxies may say otherwise."""

from functools import lru_cache
from typing import Any, Literal

from litestar import Request

from cloudpulse.api.body import RawHeaders
from cloudpulse.events.enrich import truncate_ip
from cloudpulse.events.model import MAX_METADATA_CHARS, Remote
from cloudpulse.settings import Settings

IpMode = Literal["keep", "truncate", "drop"]


def remote_of(request: Request[Any, Any, Any], headers: RawHeaders, settings: Settings) -> Remote:
    """The sender behind a request; the address is cut down as the settings say before anything is written."""
    peer = (request.scope["client"] or ("", 0))[0]
    trusted = peer in settings.trusted_proxies
    forwarded = headers.get(b"x-forwarded-for", b"") if trusted else b""
    country = headers.get(settings.country_header.lower().encode(), b"") if trusted and settings.country_header else b""
    return _remote(
        peer, forwarded, headers.get(b"user-agent", b""), country, settings.ip_addresses, settings.trusted_proxies
    )


@lru_cache(maxsize=10_000)
def _remote(
    peer: str, forwarded: bytes, user_agent: bytes, country: bytes, ip_mode: IpMode, trusted: tuple[str, ...]
) -> Remote:
    address = _last_untrusted(forwarded.decode("latin-1"), trusted) or peer
    return Remote(
        ip_address=truncate_ip(address, ip_mode),
        user_agent=_text(user_agent),
        country=_text(country),
    )


def _last_untrusted(header: str, trusted: tuple[str, ...]) -> str | None:
    """The last address that no trusted proxy has: what stands before it, anybody may have written."""
    hops = [hop.strip() for hop in header.split(",") if hop.strip()]
    return next((hop for hop in reversed(hops) if hop not in trusted), None)


def _text(value: bytes) -> str | None:
    return value.decode("utf-8", "replace")[:MAX_METADATA_CHARS] or None
