"""What a connection tells about its sender: address, browser, country. Headers of proxies count only from trusted ones."""

from typing import Any

from litestar import Request

from cloudpulse.events.enrich import truncate_ip
from cloudpulse.events.model import MAX_METADATA_CHARS, Remote
from cloudpulse.settings import Settings


def remote_of(request: Request[Any, Any, Any], settings: Settings) -> Remote:
    """The sender behind a request; the address is cut down as the settings say before anything is written."""
    address = peer = str((request.scope["client"] or ("", 0))[0])
    country = None
    if peer in settings.trusted_proxies:
        address = _forwarded(request.headers.get("x-forwarded-for", ""), settings.trusted_proxies) or peer
        country = request.headers.get(settings.country_header) if settings.country_header else None
    return Remote(
        ip_address=truncate_ip(address, settings.ip_addresses),
        user_agent=_cut(request.headers.get("user-agent")),
        country=_cut(country),
    )


def _forwarded(header: str, trusted: tuple[str, ...]) -> str | None:
    """The last address that no trusted proxy has: what stands before it, anybody may have written."""
    hops = [hop.strip() for hop in header.split(",") if hop.strip()]
    return next((hop for hop in reversed(hops) if hop not in trusted), None)


def _cut(text: str | None) -> str | None:
    return text[:MAX_METADATA_CHARS] if text else None
