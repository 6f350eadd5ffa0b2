"""Tokens for clients (OAuth 2.0 client credentials), and what a client must know to ask for one."""

import base64
from collections.abc import Iterable
from contextlib import suppress
from typing import Any
from urllib.parse import parse_qsl, unquote_plus

import msgspec
from litestar import Request, get, post
from litestar.concurrency import sync_to_thread

from cloudpulse.api.audit import UNKNOWN, audit, audit_refusal
from cloudpulse.api.rate_limits import enter_sign_in
from cloudpulse.auth.clients import PREFIX
from cloudpulse.errors import InvalidClient, InvalidScope, InvalidTokenRequest, UnsupportedGrantType, UnsupportedMedia

FORM = "application/x-www-form-urlencoded"
JSON = "application/json"
GRANT_TYPE = "client_credentials"
MAX_BODY_BYTES = 16 * 1024


class TokenRequest(msgspec.Struct, frozen=True, kw_only=True):
    """Client credentials, unless they come by HTTP Basic; other members are ignored, as OAuth demands.

    ``scope`` asks for some of the client's scopes, separated by one blank; without it the token has them all.
    """

    client_id: str | None = None
    client_secret: str | None = None
    grant_type: str = GRANT_TYPE
    audience: str | None = None
    scope: str = ""

    def __repr__(self) -> str:
        return f"TokenRequest(client_id={self.client_id!r}, client_secret=***)"


class Token(msgspec.Struct, frozen=True, kw_only=True):
    """An access token; ``scope`` lists its scopes, separated by blanks."""

    access_token: str
    token_type: str
    expires_in: int
    scope: str

    @classmethod
    def bearer(cls, access_token: str, ttl_seconds: int, scopes: Iterable[str]) -> "Token":
        """A new bearer token."""
        return cls(access_token=access_token, token_type="Bearer", expires_in=ttl_seconds, scope=" ".join(scopes))


class PublicConfig(msgspec.Struct, frozen=True, kw_only=True):
    """What everybody may know of this installation.

    ``oidc_issuer`` is where people may sign in elsewhere, and ``oidc_client_id`` what the dashboard is called there.
    """

    issuer: str
    oidc_issuer: str | None
    oidc_client_id: str | None
    audience: str
    sign_in: tuple[str, ...]
    features: tuple[str, ...]


@post(
    "/v1/token",
    status_code=200,
    request_max_body_size=MAX_BODY_BYTES,
    opt={"body": {FORM: TokenRequest, JSON: TokenRequest}, "problems": (401, 429)},
)
async def issue_token(request: Request[Any, Any, Any]) -> Token:
    """Exchange a client id and its secret, in the body or by HTTP Basic, for a bearer token."""
    asked = await _read(request)
    audience = request.app.state.services.settings.audience
    if asked.grant_type != GRANT_TYPE:
        raise UnsupportedGrantType(f"grant_type must be {GRANT_TYPE}.")
    if asked.audience not in (None, audience):
        raise InvalidTokenRequest(f"audience must be {audience}.")
    client_id, client_secret = _credentials(request, asked)
    return await sync_to_thread(_issue, request, client_id, client_secret, asked.scope)


@get("/v1/config", sync_to_thread=False)
def show_config(request: Request[Any, Any, Any]) -> PublicConfig:
    """What a client must know before it signs in."""
    settings = request.app.state.services.settings
    return PublicConfig(
        issuer=settings.url,
        oidc_issuer=settings.oidc_issuer or None,
        oidc_client_id=settings.oidc_client_id or None,
        audience=settings.audience,
        sign_in=(GRANT_TYPE, "password", *(("oidc",) if settings.oidc_issuer else ())),
        features=("events", "query", "realtime"),
    )


token_routes = [issue_token, show_config]


async def _read(request: Request[Any, Any, Any]) -> TokenRequest:
    kind = request.content_type[0]
    try:
        if kind == FORM:
            return msgspec.convert(_fields(await request.body()), TokenRequest)
        if kind == JSON:
            return msgspec.json.decode(await request.body(), type=TokenRequest)
    except msgspec.ValidationError as exc:
        raise InvalidTokenRequest(f"{exc}.") from exc
    except (msgspec.DecodeError, UnicodeDecodeError) as exc:
        raise InvalidTokenRequest(f"The body is not whole or not valid {kind}.") from exc
    if not await request.body() and "authorization" in request.headers:
        return TokenRequest()
    raise UnsupportedMedia(f"Send {FORM} or {JSON}.")


def _fields(form: bytes) -> dict[str, str]:
    """What a form says, each parameter once; one without a value counts as left out (RFC 6749, 3.2)."""
    pairs = parse_qsl(form.decode())
    if len(pairs) > len(dict(pairs)):
        raise InvalidTokenRequest("Send each parameter once.")
    return dict(pairs)


def _credentials(request: Request[Any, Any, Any], asked: TokenRequest) -> tuple[str, str]:
    """Id and secret from one place (RFC 6749, 2.3.1); raises ``InvalidTokenRequest`` for none and for two."""
    given = request.headers.getall("authorization", [])
    if not given:
        if asked.client_id is None or asked.client_secret is None:
            raise InvalidTokenRequest("Send client_id and client_secret in the body or by HTTP Basic.")
        return asked.client_id, asked.client_secret
    client_id, client_secret = _basic(given)
    if asked.client_secret is not None or asked.client_id not in (None, client_id):
        raise InvalidTokenRequest("Send the client's credentials in the body or by HTTP Basic, not both.")
    return client_id, client_secret


def _basic(given: list[str]) -> tuple[str, str]:
    kind, _, encoded = given[0].partition(" ")
    if len(given) == 1 and kind.lower() == "basic":
        with suppress(ValueError):
            client_id, colon, client_secret = base64.b64decode(encoded.strip(), validate=True).decode().partition(":")
            if colon:
                return unquote_plus(client_id), unquote_plus(client_secret)
    raise InvalidTokenRequest("The header Authorization must be 'Basic <base64 of client_id:client_secret>' here.")


def _issue(request: Request[Any, Any, Any], client_id: str, client_secret: str, scope: str) -> Token:
    services = request.app.state.services
    subject = PREFIX + client_id
    # A secret of 256 random bits cannot be guessed: failures at other addresses need not slow this one down.
    address = enter_sign_in(request, subject, guessable=False)
    try:
        client = services.clients.authenticate(client_id, client_secret)
    except InvalidClient:
        services.sign_ins.failed(address, subject, guessable=False)
        known = services.clients.is_known(client_id)
        audit_refusal(request, "token_issued", subject if known else UNKNOWN)
        raise
    services.sign_ins.succeeded(address, subject)
    scopes = _granted(client.scopes, scope)
    audit(request, "token_issued", subject, actor=subject)
    ttl_seconds = services.settings.token_ttl_seconds
    access_token = services.tokens.issue(
        client_id, scopes, client.app, ttl_seconds, requests_per_minute=client.requests_per_minute
    )
    return Token.bearer(access_token, ttl_seconds, scopes)


def _granted(scopes: tuple[str, ...], asked: str) -> tuple[str, ...]:
    """Those of a client's scopes that it asks for, all when it names none; raises ``InvalidScope``."""
    wanted = asked.split(" ") if asked else scopes
    if not set(wanted) <= set(scopes):
        raise InvalidScope(f"scope must be some of the client's scopes, separated by one blank: {' '.join(scopes)}.")
    return tuple(scope for scope in scopes if scope in wanted)
