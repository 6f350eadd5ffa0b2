"""Real receivers of messages for the tests: a web server and a mail server, which do what they are told."""

import base64
import hashlib
import hmac
import json
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple


class Post(NamedTuple):
    """One request that came."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def message(self) -> Any:
        return json.loads(self.body)


def is_signed(secret: str, post: Post) -> bool:
    """What a receiver checks (Standard Webhooks)."""
    text = f"{post.headers['webhook-id']}.{post.headers['webhook-timestamp']}.".encode() + post.body
    expected = base64.b64encode(hmac.new(secret.encode(), text, hashlib.sha256).digest()).decode()
    return hmac.compare_digest(f"v1,{expected}", post.headers["webhook-signature"])


class Hook:
    """Remembers what was posted. ``answers`` are the next statuses, of one ``kind`` of message if it is given; 200 when
    there are no more, 0 answers never.
    """

    def __init__(self) -> None:
        self.posts: list[Post] = []
        self.taken: list[Any] = []
        self.answers: list[int] = []
        self.kind = ""
        self.headers: dict[str, str] = {}
        self.url = ""
        self.ended = threading.Event()

    def handle(self, post: Post) -> int:
        self.posts.append(post)
        is_meant = self.answers and self.kind in ("", post.message["type"])
        status = self.answers.pop(0) if is_meant else 200
        if status == 200:
            self.taken.append(post.message)
        return status


@contextmanager
def hook() -> Iterator[Hook]:
    """A web server on this machine."""
    found = Hook()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            status = found.handle(Post(self.path, {name.lower(): value for name, value in self.headers.items()}, body))
            if status == 0:
                found.ended.wait(30)
                return
            self.send_response(status)
            for name, value in {"Content-Length": "0", **found.headers}.items():
                self.send_header(name, value)
            self.end_headers()

        do_GET = do_POST  # noqa: N815 - the library's name

        def log_message(self, *_: Any) -> None:
            """Quietly."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    found.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield found
    finally:
        found.ended.set()
        server.shutdown()
        thread.join()
        server.server_close()


class Mails:
    """Remembers mails. ``refuses`` are commands (``RCPT``, ``AUTH``, …) that it answers with 550."""

    def __init__(self) -> None:
        self.mails: list[tuple[str, list[str], str]] = []
        self.logins: list[str] = []
        self.refuses: set[str] = set()
        self.address = ""


@contextmanager
def mail_server() -> Iterator[Mails]:
    """An SMTP server on this machine, without TLS."""
    found = Mails()

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            sender, recipients = "", []
            self.say("220 here")
            while line := self.rfile.readline().decode().strip():
                command, _, rest = line.partition(" ")
                if command.upper() in found.refuses:
                    self.say("550 no")
                    continue
                match command.upper():
                    case "EHLO":
                        self.say("250-here\r\n250 AUTH PLAIN")
                    case "AUTH":
                        found.logins.append(rest)
                        self.say("235 ok")
                    case "MAIL":
                        sender = rest
                        self.say("250 ok")
                    case "RCPT":
                        recipients.append(rest)
                        self.say("250 ok")
                    case "DATA":
                        self.say("354 go on")
                        text = "".join(iter(lambda: self.rfile.readline().decode(), ".\r\n"))
                        found.mails.append((sender, recipients, text))
                        self.say("250 ok")
                    case "QUIT":
                        self.say("221 bye")
                        return
                    case _:
                        self.say("250 ok")

        def say(self, text: str) -> None:
            self.wfile.write(f"{text}\r\n".encode())

    server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    found.address = f"127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield found
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
