"""Web origins (RFC 6454) as browsers write them: ``https://shop.example``, ``http://localhost:3000``."""

import ipaddress
import re
from collections.abc import Iterable

from cloudpulse.errors import InvalidParameter

ANY = "*"
MAX_ORIGINS = 100
MAX_ORIGIN_CHARS = 300
DEFAULT_PORTS = {"http": 80, "https": 443}

_ORIGIN = re.compile(
    r"(?P<scheme>[a-z][a-z0-9+.-]*)://(?:(?P<host>[a-z0-9]([a-z0-9._-]*[a-z0-9])?)|\[(?P<ipv6>[0-9a-f:.]+)\])"
    r"(?::(?P<port>[0-9]{1,5}))?"
)


def checked(origins: Iterable[str]) -> tuple[str, ...]:
    """The origins in the form that browsers send, each once; or ``*`` alone. Raises ``InvalidParameter``."""
    given = tuple(dict.fromkeys(origins))
    if given == (ANY,):
        return given
    if not 0 < len(given) <= MAX_ORIGINS:
        raise InvalidParameter(f"origins must be 1 to {MAX_ORIGINS} origins like https://shop.example, or * alone.")
    return tuple(dict.fromkeys(map(normalised, given)))


def normalised(origin: str) -> str:
    """One origin in lower case, without the scheme's own port. Raises ``InvalidParameter``."""
    parts = _ORIGIN.fullmatch(origin.lower()) if len(origin) <= MAX_ORIGIN_CHARS else None
    if parts is None or int(parts["port"] or 0) > 65535:
        raise _bad(origin)
    host = parts["host"] or f"[{_ipv6(origin, parts['ipv6'])}]"
    port = int(parts["port"]) if parts["port"] else DEFAULT_PORTS.get(parts["scheme"])
    shown = "" if port == DEFAULT_PORTS.get(parts["scheme"]) else f":{port}"
    return f"{parts['scheme']}://{host}{shown}"


def _ipv6(origin: str, text: str) -> str:
    try:
        return ipaddress.IPv6Address(text).compressed
    except ValueError as exc:
        raise _bad(origin) from exc


def _bad(origin: str) -> InvalidParameter:
    return InvalidParameter(
        f"{origin[:MAX_ORIGIN_CHARS]!r} is no origin: give scheme, host and port and nothing else, "
        "like https://shop.example or http://localhost:3000; * alone allows any."
    )
