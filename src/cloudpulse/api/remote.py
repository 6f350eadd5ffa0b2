"""What a connection tells about its sender: address, browser, country. Only trusted proxies may say otherwise."""

from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Any, Literal

from litestar import Request

from cloudpulse.api.body import RawHeaders
from cloudpulse.events.enrich import truncate_ip
from cloudpulse.events.model import MAX_METADATA_CHARS, Remote
from cloudpulse.settings import Settings, networks

FORWARDING_HEADERS = frozenset(
    {b"x-forwarded-for", b"x-forwarded-host", b"x-forwarded-proto", b"forwarded", b"x-real-ip", b"via"}
)
IpMode = Literal["keep", "truncate", "drop"]
MAX_HOPS = 20
"""So many proxies may stand one behind the other; an attacker may write thousands of addresses."""
MAX_REMEMBERED_BYTES = 1024
"""Longer headers are read anew each time: what an attacker writes must not fill the memory."""


def remote_of(request: Request[Any, Any, Any], headers: RawHeaders, settings: Settings) -> Remote:
    """The sender behind a request; the address is cut down as the settings say before anything is written."""
    peer = (request.scope["client"] or ("", 0))[0]
    trusted = bool(settings.trusted_proxies) and _is_trusted(peer, settings.trusted_proxies)
    forwarded = _forwarded(request) if trusted else b""
    country = headers.get(settings.country_header.lower().encode(), b"") if trusted and settings.country_header else b""
    user_agent = headers.get(b"user-agent", b"")
    is_short = len(forwarded) + len(user_agent) + len(country) <= MAX_REMEMBERED_BYTES
    read = _remote if is_short else _remote.__wrapped__
    return read(peer, forwarded, user_agent, country, settings.ip_addresses, settings.trusted_proxies)


def address_of(request: Request[Any, Any, Any], settings: Settings) -> str:
    """The whole address of the sender, for throttles only; behind trusted proxies the last that none of them has."""
    peer = (request.scope["client"] or ("", 0))[0]
    trusted = settings.trusted_proxies
    return str((trusted and _sender(peer, _forwarded(request), trusted)) or peer)


def is_loopback(client: tuple[str, int] | None) -> bool:
    """Whether the other end of the connection is on this machine."""
    parsed = _parse(client[0]) if client else None
    return parsed is not None and parsed.is_loopback


def is_unresolved(host: str) -> bool:
    """Whether a ``Host`` is an address, ``localhost`` or nothing: no name that somebody else may let point here."""
    return host.partition(":")[0].lower() in ("", "localhost") or _parse(host) is not None


@lru_cache(maxsize=10_000)
def _remote(
    peer: str, forwarded: bytes, user_agent: bytes, country: bytes, ip_mode: IpMode, trusted: tuple[str, ...]
) -> Remote:
    return Remote(
        ip_address=truncate_ip(_sender(peer, forwarded, trusted), ip_mode),
        user_agent=_text(user_agent),
        country=_text(country),
    )


def _forwarded(request: Request[Any, Any, Any]) -> bytes:
    """All ``X-Forwarded-For`` headers as one: each proxy may append to the last, or add its own."""
    return b",".join(value for name, value in request.scope["headers"] if name == b"x-forwarded-for")


def _sender(peer: str, forwarded: bytes, trusted: tuple[str, ...]) -> str | None:
    find = _find_sender if len(forwarded) <= MAX_REMEMBERED_BYTES else _find_sender.__wrapped__
    return find(peer, forwarded, trusted)


@lru_cache(maxsize=10_000)
def _find_sender(peer: str, forwarded: bytes, trusted: tuple[str, ...]) -> str | None:
    """The last address that no trusted proxy has: what stands before it, anybody may have written.

    The first one where all have it, and None where a proxy does not tell.
    """
    sender = peer
    hops = [hop for hop in forwarded.rsplit(b",", MAX_HOPS)[-MAX_HOPS:] if hop.strip()]
    while hops and _is_trusted(sender, trusted):
        parsed = _parse(hops.pop().decode("latin-1"))
        if parsed is None:
            return None
        sender = str(parsed)
    return sender


@lru_cache(maxsize=10_000)
def _is_trusted(address: str, trusted: tuple[str, ...]) -> bool:
    parsed = _parse(address)
    return parsed is not None and any(parsed in network for network in networks(trusted))


def _parse(text: str) -> IPv4Address | IPv6Address | None:
    """An address as proxies write it: with or without a port, brackets, a zone; IPv4 in IPv6 is IPv4."""
    text = text.strip()
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        parsed = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    return (parsed.ipv4_mapped or parsed) if isinstance(parsed, IPv6Address) else parsed


def _text(value: bytes) -> str | None:
    return value.decode("utf-8", "replace")[:MAX_METADATA_CHARS] or None
