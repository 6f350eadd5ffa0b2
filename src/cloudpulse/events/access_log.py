"""Web-server access logs in combined format become events; pure."""

import datetime as dt
import hashlib
import re
from collections.abc import Iterable, Iterator
from typing import Any
from uuid import UUID

import msgspec

from cloudpulse.events.model import MAX_METADATA_CHARS, Event, EventType, Metadata

INACTIVITY = dt.timedelta(minutes=30)
"""A visitor that is silent for longer starts a new session."""

MAX_TEXT_BYTES = 4096
"""Room for a path, and for a query string, within the 10 KB of properties."""

_HEAD = re.compile(
    r"(?P<address>\S+) \S+ (?P<user>.*?) ?"
    r"\[(?P<day>\d\d)/(?P<month>[A-Z][a-z]{2})/(?P<year>\d{4}):(?P<clock>\d\d:\d\d:\d\d) (?P<offset>[+-]\d{4})\]",
    re.ASCII,
)
_REQUEST = re.compile(r'\s*"(?P<request>(?:[^"\\]|\\.)*)"?')
_RESULT = re.compile(r"\s*(?P<status>\d{3}|-)(?:\s+(?P<bytes>\d{1,18}|-))?(?=\s|$)", re.ASCII)
_QUOTED = re.compile(r'\s*"(?P<text>(?:[^"\\]|\\.)*)"?')
_ESCAPED = re.compile(r'\\(["\\])')
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_TYPES: dict[str, EventType] = {"GET": "page_view", "HEAD": "page_view", "POST": "form_submit"}


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """What could be read of one log line; ``line`` counts from 1."""

    line: int
    address: str
    time: dt.datetime
    user: str | None = None
    method: str | None = None
    path: str | None = None
    status: int | None = None
    bytes: int | None = None
    referrer: str | None = None
    user_agent: str | None = None


def parse(line: str, number: int = 1) -> Entry | None:
    """Read one line; a damaged tail is salvaged as far as it goes. None without a readable address and time."""
    head = _HEAD.match(line)
    time = _time(head) if head else None
    if head is None or time is None:
        return None
    texts, numbers = _tail(line[head.end() :])
    method, _, target = (texts[0] or "").partition(" ")
    return Entry(
        line=number,
        address=head["address"],
        time=time,
        user=_known(head["user"]),
        method=method or None,
        path=target.rsplit(" HTTP/", 1)[0] or None,
        status=numbers[0],
        bytes=numbers[1],
        referrer=texts[1],
        user_agent=texts[2],
    )


def sessions(entries: Iterable[Entry]) -> Iterator[tuple[str, Entry]]:
    """Entries in order of time, each with its session: one address and agent, never silent for over 30 minutes."""
    open_sessions: dict[tuple[str, str | None], tuple[str, dt.datetime]] = {}
    for entry in sorted(entries, key=lambda entry: (entry.time, entry.line)):
        visitor = (entry.address, entry.user_agent)
        session_id, last_seen = open_sessions.get(visitor, ("", entry.time))
        if not session_id or entry.time - last_seen > INACTIVITY:
            session_id = _session_id(entry)
        open_sessions[visitor] = (session_id, entry.time)
        yield session_id, entry


def position_id(content_hash: str, line: int) -> UUID:
    """The id of the event in one line of a file with this content: the same in every run."""
    return UUID(bytes=hashlib.sha256(f"{content_hash}:{line}".encode()).digest()[:16], version=5)


def event(entry: Entry, session_id: str, content_hash: str) -> Event:
    """The event that an entry stands for; over-long values are cut to what an event may hold."""
    event_type = _event_type(entry)
    return Event(
        event_id=position_id(content_hash, entry.line),
        timestamp=entry.time,
        event_type=event_type,
        event_name=(entry.method or "unknown")[:128] if event_type == "custom" else None,
        session_id=session_id,
        source="web",
        user_id=entry.user[:128] if entry.user else None,
        properties=_properties(entry),
        metadata=Metadata(
            ip_address=entry.address[:MAX_METADATA_CHARS],
            user_agent=entry.user_agent[:MAX_METADATA_CHARS] if entry.user_agent else None,
            referrer=entry.referrer[:MAX_METADATA_CHARS] if entry.referrer else None,
        ),
    )


def _event_type(entry: Entry) -> EventType:
    if entry.status is not None and entry.status >= 400:
        return "error"
    return _TYPES.get(entry.method or "", "custom")


def _properties(entry: Entry) -> dict[str, Any]:
    path, _, query = (entry.path or "").partition("?")
    values = {
        "path": _fit(path),
        "query": _fit(query),
        "method": entry.method[:128] if entry.method else None,
        "status": entry.status,
        "bytes": entry.bytes,
    }
    return {name: value for name, value in values.items() if value not in (None, "")}


def _fit(text: str) -> str:
    """Cut to ``MAX_TEXT_BYTES`` as JSON, in which one character takes up to 6 bytes."""
    cut = text[:MAX_TEXT_BYTES]
    return cut if len(msgspec.json.encode(cut)) <= MAX_TEXT_BYTES + 2 else cut[: MAX_TEXT_BYTES // 6]


def _tail(text: str) -> tuple[list[str | None], list[int | None]]:
    """(request, referrer, agent) and (status, bytes); what is missing or damaged is None."""
    request = _REQUEST.match(text)
    at = request.end() if request else 0
    result = _RESULT.match(text, at)
    at = result.end() if result else at
    referrer = _QUOTED.match(text, at)
    agent = _QUOTED.match(text, referrer.end()) if referrer else None
    texts = [_known(found[1]) if found else None for found in (request, referrer, agent)]
    return texts, [_number(result[name]) if result else None for name in ("status", "bytes")]


def _known(text: str) -> str | None:
    return None if text in ("", "-") else _ESCAPED.sub(r"\1", text)


def _number(text: str | None) -> int | None:
    return None if text is None or text == "-" else int(text)


def _time(head: re.Match[str]) -> dt.datetime | None:
    if head["month"] not in _MONTHS:
        return None
    month = _MONTHS.index(head["month"]) + 1
    offset = head["offset"]
    text = f"{head['year']}-{month:02}-{head['day']}T{head['clock']}{offset[:3]}:{offset[3:]}"
    try:
        return dt.datetime.fromisoformat(text).astimezone(dt.UTC)
    except (ValueError, OverflowError):
        return None


def _session_id(first: Entry) -> str:
    key = f"{first.address}\n{first.user_agent or ''}\n{first.time.isoformat()}"
    return hashlib.sha256(key.encode()).hexdigest()[:32]
