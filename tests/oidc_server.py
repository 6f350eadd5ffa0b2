"""A real OpenID Connect issuer over HTTP on loopback, which can misbehave."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.algorithms import RSAAlgorithm

from cloudpulse.auth.tokens import Principal
from cloudpulse.auth.verify import KeysWanted, Verifier

AUDIENCE = "pulse"
DISCOVERY = "/.well-known/openid-configuration"
KEYS = "/keys"


class OidcServer:
    """Signs with the key named ``kid``; ``answers`` holds (status, headers, body) by path; ``seen`` what was asked for.

    While ``open`` is not set, nobody gets an answer.
    """

    def __init__(self) -> None:
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self.seen: list[str] = []
        self.open = threading.Event()
        self.open.set()
        self.private: dict[str, rsa.RSAPrivateKey] = {}
        self.kid = ""
        self.answers: dict[str, tuple[int, dict[str, str], bytes]] = {}
        self.describe(issuer=self.url, jwks_uri=self.url + KEYS)
        self.rotate("k1")
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()

    def describe(self, **document: Any) -> None:
        """Change the discovery document."""
        self.answers[DISCOVERY] = (200, {}, json.dumps(document).encode())

    def publish(self, *jwks: dict[str, Any]) -> None:
        """Change the keys."""
        self.answers[KEYS] = (200, {}, json.dumps({"keys": jwks}).encode())

    def rotate(self, kid: str) -> None:
        """Sign with a new key, and publish no other."""
        self.kid = kid
        self.private[kid] = rsa.generate_private_key(65537, 2048)
        self.publish(self.jwk(kid))

    def jwk(self, kid: str, /, **changes: Any) -> dict[str, Any]:
        """A public key as the issuer publishes it."""
        public = RSAAlgorithm.to_jwk(self.private[kid].public_key(), as_dict=True)
        return {**public, "kid": kid, "use": "sig", "alg": "RS256", **changes}

    def issue(self, now: int, kid: str | None = None, **changes: Any) -> str:
        """An access token; None leaves a claim out."""
        claims = {"iss": self.url, "aud": AUDIENCE, "sub": "anna", "scope": "openid events:read", "iat": now}
        claims |= {"exp": now + 600, **changes}
        kid = kid or self.kid
        present = {name: value for name, value in claims.items() if value is not None}
        return jwt.encode(present, self.private.get(kid, self.private[self.kid]), "RS256", headers={"kid": kid})

    def close(self) -> None:
        """Answer who still waits, and end."""
        self.open.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def _handler(server) -> type[BaseHTTPRequestHandler]:  # noqa: N805  # ``self`` is the request here
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                server.seen.append(self.path)
                server.open.wait(30)
                status, headers, body = server.answers.get(self.path, (404, {}, b""))
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: Any) -> None:
                pass

            def handle_one_request(self) -> None:
                try:
                    super().handle_one_request()
                except OSError:  # who did not wait for the answer
                    self.close_connection = True

        return Handler


def verify(verifier: Verifier, token: str) -> Principal:
    """Verify as the server does: wait for keys once."""
    try:
        return verifier.verify(token)
    except KeysWanted as wanted:
        wanted.arrival.result(30)
        return verifier.verify(token)
