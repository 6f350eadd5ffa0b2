"""An issuer where people sign in: authorization code with PKCE, a refresh token, and sign-out. It asks no questions."""

import base64
import hashlib
import json
import time
from http.server import BaseHTTPRequestHandler
from urllib.parse import parse_qsl, urlencode, urlsplit

import jwt

from oidc_server import DISCOVERY, KEYS, OidcServer

CLIENT_ID = "dashboard"
SIGNED_IN = "issuer=anna"
SHORT_SECONDS = 30
"""The page renews a token that ends within a minute before each use."""


class SignInIssuer(OidcServer):
    """Knows one person, who is signed in once she has been sent here, until she signs out.

    Its token endpoint has another origin than the issuer, as Cognito's. ``grants`` lists what tokens were given for.
    """

    def __init__(self) -> None:
        self.codes: dict[str, dict[str, str]] = {}
        self.grants: list[str] = []
        super().__init__()
        self.describe(
            issuer=self.url,
            jwks_uri=self.url + KEYS,
            authorization_endpoint=f"{self.url}/authorize",
            token_endpoint=f"{self.url.replace('127.0.0.1', 'localhost')}/token",
            end_session_endpoint=f"{self.url}/logout",
        )
        status, _, document = self.answers[DISCOVERY]
        self.answers[DISCOVERY] = (status, {"Access-Control-Allow-Origin": "*"}, document)

    def way_back(self, asked: dict[str, str], is_signed_in: bool) -> str:
        """Where the browser goes from ``/authorize``: back with a code, or with the reason why there is none."""
        if asked["client_id"] != CLIENT_ID or (asked.get("prompt") == "none" and not is_signed_in):
            said = {"error": "login_required"}
        else:
            code = f"code-{len(self.codes)}"
            self.codes[code] = asked
            said = {"code": code}
        return f"{asked['redirect_uri']}?{urlencode(said | {'state': asked['state']})}"

    def tokens(self, form: dict[str, str]) -> dict[str, object] | None:
        """The answer of ``/token``; None for a code or a refresh token that is not good (any more)."""
        if form["grant_type"] == "authorization_code":
            asked = self.codes.pop(form["code"], None)
            challenge = base64.urlsafe_b64encode(hashlib.sha256(form["code_verifier"].encode()).digest()).rstrip(b"=")
            if asked is None or asked["code_challenge"] != challenge.decode():
                return None
        elif form["refresh_token"] != f"refresh-{len(self.grants)}":
            return None
        self.grants.append(form["grant_type"])
        now = int(time.time())
        identity = {"iss": self.url, "aud": CLIENT_ID, "sub": "anna", "iat": now, "exp": now + 600}
        return {
            "access_token": self.issue(now, scope="openid events:read admin"),
            "id_token": jwt.encode(identity, self.private[self.kid], "RS256", headers={"kid": self.kid}),
            "refresh_token": f"refresh-{len(self.grants)}",
            "token_type": "Bearer",
            "expires_in": SHORT_SECONDS,
        }

    def _handler(issuer) -> type[BaseHTTPRequestHandler]:  # noqa: N805  # ``self`` is the request here
        class Handler(super()._handler()):  # type: ignore[misc]  # a class that is made
            def do_GET(self) -> None:  # noqa: N802  # the name of the base class
                url = urlsplit(self.path)
                asked = dict(parse_qsl(url.query))
                if url.path == "/authorize":
                    to = issuer.way_back(asked, SIGNED_IN in self.headers.get("Cookie", ""))
                    self._redirect(to, "" if "error=" in to else f"{SIGNED_IN}; Path=/; HttpOnly")
                elif url.path == "/logout":
                    self._redirect(asked["post_logout_redirect_uri"], f"{SIGNED_IN}; Path=/; Max-Age=0")
                else:
                    super().do_GET()

            def do_POST(self) -> None:  # noqa: N802  # the name of the base class
                form = dict(parse_qsl(self.rfile.read(int(self.headers["Content-Length"])).decode()))
                tokens = issuer.tokens(form)
                body = json.dumps(tokens or {"error": "invalid_grant"}).encode()
                self.send_response(200 if tokens else 400)
                self.send_header("Access-Control-Allow-Origin", "*")
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def _redirect(self, to: str, cookie: str) -> None:
                self.send_response(302)
                self.send_header("Location", to)
                if cookie:
                    self.send_header("Set-Cookie", cookie)
                self.send_header("Content-Length", "0")
                self.end_headers()

        return Handler
