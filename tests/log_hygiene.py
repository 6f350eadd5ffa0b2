"""Remembers the secrets and personal values that the tests send or are told, and looks for them in every log.

A value is *secret* (it opens something) or *personal* (it tells of a person). No log of a server may hold either; what
the command line says on stderr to the one who typed may repeat a personal value, never a secret.
"""

import base64
import gzip
import http.client
import json
import re
import socket
import sqlite3
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, suppress
from itertools import pairwise
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, quote, urlsplit

import httpx
import pytest
import zstandard

MIN_CHARS = 6
ITEMS = 100
"""So many members of a list are remembered: batches of 10,000 events say nothing new."""

LOGS = ("**/[!0-9]*.log", "**/audit*.ndjson", "**/LOG*")
"""What servers write for people; a number as a name is the journal of the id index."""
INPUTS = {"access.log", "events.log"}
"""Logs that tests import."""

FIRST_LOGINS = "**/first-login*"

SECRET_KEYS = frozenset(
    {"access_token", "client_secret", "key", "password", "refresh_token", "secret", "write_key", "new_password"}
)
PERSONAL_HEADERS = frozenset({"user-agent", "x-forwarded-for", "referer", "idempotency-key", "last-event-id"})
NOT_PERSONAL = frozenset(
    {
        "app",
        "audience",
        "by",
        "client_id",
        "code",
        "date_from",
        "date_to",
        "deep",
        "element",
        "event_id",
        "event_type",
        "form",
        "grant_type",
        "groups",
        "ids",
        "interval",
        "limit",
        "lookback_minutes",
        "query_type",
        "schema_version",
        "scope",
        "scopes",
        "source",
        "timestamp",
        "token_type",
        "type",
        "tz",
    }
)
"""Fields whose values are words of ours (also of synthetic events), times, or ids that a log may name."""

SOURCE = Path(__file__).parents[1] / "src"

ORDINARY = frozenset({"127.0.0.1", "events:write", "events:read"}).union(
    *(re.findall(r"\w+", path.read_text().lower()) for path in SOURCE.rglob("*.py"))
)
"""What logs hold for other reasons: an address, scopes, any one word of our source (fuzzers draw such words too)."""

ALWAYS = {"eyjhbgcioi": "the head of a token", "-----begin": "a key", "$argon2": "a password hash"}

Values = dict[str, str]

_ESCAPE = re.compile(r"\\u([0-9a-fA-F]{4})")


class Memory:
    """Values in lower case → what they are, what commands have said, and folders in which servers run."""

    def __init__(self) -> None:
        self.secret: Values = {}
        self.personal: Values = {}
        self.stderr: list[str] = []
        self.roots: set[str] = set()

    def dump(self) -> str:
        """All of it, for ``take_over`` in another process."""
        return json.dumps([self.secret, self.personal, self.stderr, sorted(self.roots)])

    def take_over(self, dumped: str) -> None:
        """Remember what another process remembers."""
        secret, personal, stderr, roots = json.loads(dumped)
        self.secret |= secret
        self.personal |= personal
        self.stderr += stderr
        self.roots |= set(roots)

    def keep(self, kept: Values, value: str, what: str) -> None:
        """Remember one value, unless it is too short to mean anything."""
        folded = value.strip().lower()
        if len(folded) >= MIN_CHARS and folded not in ORDINARY:
            kept.setdefault(folded, what)

    def walk(self, value: Any, key: str = "", sent: bool = True) -> None:
        """All strings in a decoded body; of an answer only the secrets."""
        if isinstance(value, Mapping):
            for name, member in value.items():
                self.walk(member, str(name), sent)
        elif isinstance(value, list | tuple):
            for member in value[:ITEMS]:
                self.walk(member, key, sent)
        elif isinstance(value, str):
            if key in SECRET_KEYS:
                self.keep(self.secret, value, key)
            elif sent and key not in NOT_PERSONAL:
                self.keep(self.personal, value, key)

    def headers(self, headers: Iterable[tuple[str, str]]) -> None:
        """What headers carry."""
        for name, value in headers:
            match name.lower():
                case "authorization":
                    self._authorization(value)
                case "cookie":
                    for cookie in value.split("; "):
                        self.keep(self.secret, cookie.partition("=")[2], name)
                case "set-cookie":
                    self.keep(self.secret, value.partition(";")[0].partition("=")[2], name)
                case folded if folded in PERSONAL_HEADERS:
                    self.keep(self.personal, value, name)

    def _authorization(self, value: str) -> None:
        kind, _, credentials = value.partition(" ")
        self.keep(self.secret, credentials, kind)
        if kind.lower() == "basic":
            with suppress(ValueError):
                self.keep(self.secret, base64.b64decode(credentials).decode().partition(":")[2], "password")

    def query(self, text: str) -> None:
        """What a query string or a form carries."""
        self.walk(dict(parse_qsl(text)))

    def request(self, url: str, headers: Iterable[tuple[str, str]], body: bytes) -> None:
        """One request."""
        headers = list(headers)
        self.headers(headers)
        self.query(urlsplit(url).query)
        by_name = {name.lower(): value for name, value in headers}
        text = _inflated(body, by_name.get("content-encoding", ""))
        if "form-urlencoded" in by_name.get("content-type", ""):
            self.query(text)
            return
        for document in _documents(text):
            self.walk(document)

    def answer(self, headers: Iterable[tuple[str, str]], body: bytes) -> None:
        """What the server has revealed."""
        self.headers(headers)
        for document in _documents(body.decode("utf-8", "replace")):
            self.walk(document, sent=False)

    def command(self, arguments: Any, stdout: Any, stderr: Any) -> None:
        """One run of the command line."""
        text, complaint = _text(stdout), _text(stderr)
        self.stderr.append(complaint)
        if "token" in arguments and text.count(".") == 2:
            self.keep(self.secret, text, "token")
        for line in text.splitlines():
            for document in _documents(line):
                self.walk(document, sent=False)
        for option, value in pairwise(arguments):
            if option in ("--token", "--password"):
                self.keep(self.secret, value, option)

    def folders(self, root: Path) -> None:
        """The secrets that servers keep in their folders."""
        for path in root.glob(FIRST_LOGINS):
            for line in path.read_text().splitlines():
                for document in _documents(line):
                    self.walk(document, sent=False)
        for path in root.glob("**/secrets.db"):
            with suppress(sqlite3.Error), closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
                for name, value in connection.execute("SELECT name, value FROM secret_version"):
                    self._stored(name, value)

    def _stored(self, name: str, value: str) -> None:
        kind, _, rest = name.partition("/")
        if kind == "user":
            self.keep(self.personal, rest, "e-mail")
        if not rest:
            self.keep(self.secret, value, kind)


def find_leaks(text: str, values: Values) -> list[str]:
    """Lines of a log that hold one of the values, as ``what: line``.

    All pieces of six characters that the log consists of, once each, tell quickly that a value cannot be there.
    """
    folded = _ESCAPE.sub(lambda found: chr(int(found[1], 16)), text).lower()
    pieces = {folded[at : at + MIN_CHARS] for at in range(len(folded))}
    return [
        f"{what} {value!r}: {_line_of(folded, form)}"
        for value, what in values.items()
        for form in _forms(value)
        if form[:MIN_CHARS] in pieces and form[-MIN_CHARS:] in pieces and form in folded
    ]


def _forms(value: str) -> set[str]:
    """A value as it may stand in a log: plain, in JSON, in a URL."""
    return {value, json.dumps(value, ensure_ascii=False)[1:-1], quote(value, errors="surrogatepass").lower()}


def _line_of(text: str, value: str) -> str:
    at = text.index(value)
    return text[text.rfind("\n", 0, at) + 1 : text.find("\n", at)][:500]


def _documents(text: str) -> Iterator[Any]:
    """The JSON in a body: one document, or lines of which some may be damaged."""
    try:
        yield json.loads(text)
    except (ValueError, RecursionError):
        for line in text.splitlines()[:ITEMS]:
            with suppress(ValueError, RecursionError):
                yield json.loads(line)


def _inflated(body: bytes, encoding: str) -> str:
    with suppress(OSError, EOFError, zstandard.ZstdError):
        if encoding == "gzip":
            body = gzip.decompress(body)
        elif encoding == "zstd":
            body = zstandard.ZstdDecompressor().decompressobj().decompress(body)
    return body.decode("utf-8", "replace")


def _text(output: Any) -> str:
    return output.decode("utf-8", "replace") if isinstance(output, bytes) else output or ""


def listen(memory: Memory, patch: pytest.MonkeyPatch) -> None:
    """Remember whatever goes out through httpx, http.client, plain sockets and commands."""
    _listen_to_httpx(memory, patch)
    connection_request, sendall, run = http.client.HTTPConnection.request, socket.socket.sendall, subprocess.run

    def request(self: Any, method: str, url: str, body: Any = None, headers: Any = None, **options: Any) -> None:
        memory.request(url, (headers or {}).items(), body.encode() if isinstance(body, str) else body or b"")
        connection_request(self, method, url, body, headers or {}, **options)

    def send_all(self: socket.socket, data: Any, *flags: int) -> None:
        head = bytes(data[:65536]).partition(b"\r\n\r\n")[0].decode("latin-1")
        memory.headers(tuple(line.split(": ", 1)) for line in head.split("\r\n")[1:] if ": " in line)
        sendall(self, data, *flags)

    def run_command(*arguments: Any, **options: Any) -> Any:
        done = run(*arguments, **options)
        memory.command([str(part) for part in arguments[0]], done.stdout, done.stderr)
        return done

    patch.setattr(http.client.HTTPConnection, "request", request)
    patch.setattr(socket.socket, "sendall", send_all, raising=False)
    patch.setattr(subprocess, "run", run_command)


def _listen_to_httpx(memory: Memory, patch: pytest.MonkeyPatch) -> None:
    send, send_async = httpx.Client.send, httpx.AsyncClient.send

    def heard(request: httpx.Request) -> None:
        with suppress(httpx.RequestNotRead):
            memory.request(str(request.url), request.headers.multi_items(), request.content)

    def answered(response: httpx.Response) -> None:
        memory.headers(response.request.headers.multi_items())
        is_json = "json" in response.headers.get("content-type", "") and response.is_closed
        memory.answer(response.headers.multi_items(), response.content if is_json else b"")

    def hear(self: httpx.Client, request: httpx.Request, **options: Any) -> httpx.Response:
        heard(request)
        response = send(self, request, **options)
        answered(response)
        return response

    async def hear_async(self: httpx.AsyncClient, request: httpx.Request, **options: Any) -> httpx.Response:
        heard(request)
        response = await send_async(self, request, **options)
        answered(response)
        return response

    patch.setattr(httpx.Client, "send", hear)
    patch.setattr(httpx.AsyncClient, "send", hear_async)


def leaks(memory: Memory) -> list[str]:
    """Everything that must not be where it is."""
    roots = [Path(root) for root in memory.roots]
    for root in roots:
        memory.folders(root)
    both = memory.personal | memory.secret | ALWAYS
    found = [
        f"{path}: {leak}"
        for root in roots
        for pattern in LOGS
        for path in root.glob(pattern)
        if path.name not in INPUTS
        for leak in find_leaks(path.read_text(errors="replace"), both)
    ]
    stderr = find_leaks("\n".join(memory.stderr), memory.secret | ALWAYS)
    return found + [f"stderr of a command: {leak}" for leak in stderr]
