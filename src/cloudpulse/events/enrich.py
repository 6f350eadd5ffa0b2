"""What an event tells between the lines: browser and device, page and duration, the network of an address; pure."""

import ipaddress
import math
import re
from functools import lru_cache
from typing import Any, Literal, NamedTuple
from urllib.parse import urlsplit

import msgspec
import ua_parser

from cloudpulse.events.model import EVENT_TYPES, EventType

MAX_PAGE_CHARS = 512
MAX_USER_AGENT_CHARS = 1024

# "Cubot" is a maker of phones.
_BOT = re.compile(
    r"(?<!cu)bot(?![a-z])|crawl|spider|slurp|headless|phantomjs|lighthouse|pingdom|facebookexternalhit"
    r"|\b(curl|wget|httpie|python|aiohttp|httpx|scrapy|go-http-client|node-fetch|postmanruntime|java/"
    r"|libwww-perl|apache-httpclient)",
    re.IGNORECASE,
)
_TABLET = re.compile(r"ipad|tablet(?! pc)|kindle|silk/|playbook", re.IGNORECASE)
_TELEVISION = re.compile(r"\btv\b|smart-?tv|googletv|appletv|bravia|\baft[a-z]", re.IGNORECASE)
_MOBILE = re.compile(r"mobi|iphone|ipod|phone", re.IGNORECASE)
_DESKTOPS = re.compile(
    r"Windows|Mac OS|Linux|Ubuntu|Debian|Fedora|Red Hat|SUSE|Mint|Chrome OS|BSD|Solaris", re.IGNORECASE
)


class Agent(NamedTuple):
    """What a user agent says; ``device`` is desktop, mobile, tablet, bot or other."""

    browser: str | None
    os: str | None
    device: str | None
    bot: bool


_NOBODY = Agent(None, None, None, False)


def user_agent(text: str | None) -> Agent:
    """Browser, system and kind of device behind a User-Agent header."""
    return _parse(text[:MAX_USER_AGENT_CHARS]) if text else _NOBODY


@lru_cache(maxsize=20_000)
def _parse(text: str) -> Agent:
    parsed = ua_parser.parse(text)
    browser = parsed.user_agent.family if parsed.user_agent else None
    os = parsed.os.family if parsed.os else None
    if _is_bot(text, parsed.device):
        return Agent(browser, os, "bot", True)
    return Agent(browser, os, _device(text, os), False)


def _is_bot(text: str, device: ua_parser.Device | None) -> bool:
    if _BOT.search(text):
        return True
    return device is not None and device.family == "Spider" and "cubot" not in text.lower()


def _device(text: str, os: str | None) -> str:
    if _TELEVISION.search(text):
        return "other"
    if _TABLET.search(text):
        return "tablet"
    if _MOBILE.search(text) or os == "iOS":
        return "mobile"
    if os == "Android":
        # Browsers on phones say "Mobile", those on tablets do not; apps ("Dalvik/…") say neither.
        return "tablet" if text.startswith("Mozilla/") else "mobile"
    return "desktop" if os and _DESKTOPS.match(os) else "other"


class PageFields(msgspec.Struct, gc=False):
    """The properties that become columns, of whatever type the client gave them."""

    page: Any = None
    path: Any = None
    url: Any = None
    duration: Any = None
    duration_ms: Any = None


_NO_FIELDS = PageFields()
_decode_fields = msgspec.json.Decoder(PageFields).decode


def decode_page_fields(raw: bytes | msgspec.Raw) -> PageFields:
    """The fields in the JSON text of an event's properties; empty when it is no object."""
    try:
        return _decode_fields(raw)
    except (ValueError, RecursionError):  # msgspec's own errors are ValueErrors
        return _NO_FIELDS


def page(fields: PageFields) -> str | None:
    """The page an event speaks of: ``page``, else ``path``, else the path part of ``url``."""
    for value in (fields.page, fields.path):
        if value and isinstance(value, str):
            return value[:MAX_PAGE_CHARS]
    if fields.url and isinstance(fields.url, str):
        return _path_of(fields.url)
    return None


def _path_of(url: str) -> str | None:
    try:
        parts = urlsplit(url)
    except ValueError:
        return None
    if parts.path:
        return parts.path[:MAX_PAGE_CHARS]
    return "/" if parts.netloc else None


def duration_ms(fields: PageFields) -> float | None:
    """``duration_ms``, else ``duration``, when it is a finite number; in milliseconds."""
    for value in (fields.duration_ms, fields.duration):
        if isinstance(value, int | float) and not isinstance(value, bool):
            return _finite(value)
    return None


def _finite(value: int | float) -> float | None:
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None


def truncate_ip(text: str | None, mode: Literal["keep", "truncate", "drop"]) -> str | None:
    """An address as the setting wants it: whole, cut to its network (IPv4 /24, IPv6 /48), or None.

    What is no address becomes None in every mode. An IPv4 address inside an IPv6 one is an IPv4 address.
    """
    if mode == "drop" or not text:
        return None
    try:
        address = ipaddress.ip_address(text.strip())
    except ValueError:
        return None
    if isinstance(address, ipaddress.IPv6Address):
        address = address.ipv4_mapped or ipaddress.IPv6Address(int(address))  # without a zone like %eth0
    if mode == "keep":
        return str(address)
    bits = address.max_prefixlen - (24 if address.version == 4 else 48)
    return str(type(address)(int(address) >> bits << bits))


_SEPARATORS = re.compile(r"[\s_-]+")
_TYPES: dict[str, EventType] = {name.replace("_", ""): name for name in EVENT_TYPES}  # type: ignore[misc]  # get_args loses the literal


def normalise_type(text: str) -> tuple[EventType, str | None]:
    """(event type, event name) of a type in any spelling: ``Page View`` → ``page_view``.

    A type that is none of ours is a custom event of that name.
    """
    known = _TYPES.get(_SEPARATORS.sub("", text).lower())
    return (known, None) if known else ("custom", text)
