"""Sign-in of people: a password is exchanged for an access token and a cookie, and the cookie for further tokens.

The cookie is the only credential that a browser sends by itself. It goes to these routes alone and only from our own
site (SameSite=Strict), and ``own_origin`` refuses what another site has made a browser send.
"""

from typing import Any
from urllib.parse import urlsplit

import msgspec
from litestar import Request, Response, post
from litestar.concurrency import sync_to_thread
from litestar.connection import ASGIConnection
from litestar.datastructures import Cookie
from litestar.handlers.base import BaseRouteHandler
from litestar.params import JSONBody

from cloudpulse import telemetry
from cloudpulse.api.audit import UNKNOWN, audit, audit_refusal
from cloudpulse.api.rate_limits import enter_sign_in
from cloudpulse.api.token import JSON, Token
from cloudpulse.auth.sessions import Session
from cloudpulse.auth.users import Account, email_key
from cloudpulse.errors import (
    Forbidden,
    InvalidCredentials,
    InvalidParameter,
    RateLimited,
    SessionReused,
    UnsupportedMedia,
)

COOKIE = "cloudpulse_refresh"
COOKIE_PATH = "/v1/auth"
MAX_BODY_BYTES = 4 * 1024


class SignInRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a person types."""

    email: str
    password: str

    def __repr__(self) -> str:
        return "SignInRequest(email=***, password=***)"


class SignOutRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which sign-ins end: that of the cookie, or ``everywhere`` all of the same person."""

    everywhere: bool = False


async def own_origin(connection: ASGIConnection[Any, Any, Any, Any], handler: BaseRouteHandler) -> None:
    """The guard of routes that a browser must not be made to call from another site; raises ``Forbidden``."""
    settings = connection.app.state.services.settings
    origin = connection.headers.get("origin")
    host = connection.headers.get("host", "")
    ours = {f"{connection.scope['scheme']}://{host}", _origin(settings.url), *settings.cors_origins}
    if origin is not None and origin not in ours:
        raise Forbidden("Pages of another origin may not sign in here. The setting cors_origins can allow it.")


@post(
    "/v1/auth/login",
    status_code=200,
    guards=[own_origin],
    request_max_body_size=MAX_BODY_BYTES,
    opt={"body": {JSON: SignInRequest}, "problems": (401, 403, 429)},
)
async def sign_in(request: Request[Any, Any, Any]) -> Response[Token]:
    """Exchange an e-mail address and a password for an access token and a refresh token, which is a cookie."""
    given = await _read(request)
    name = email_key(given.email)
    try:
        address = enter_sign_in(request, name)
        token, session = await request.app.state.hashing.run(_sign_in, request, given, address, name)
    except (InvalidCredentials, RateLimited) as exc:
        telemetry.sign_ins.labels("limited" if isinstance(exc, RateLimited) else "refused").inc()
        raise
    telemetry.sign_ins.labels("done").inc()
    return _answer(request, token, session)


@post("/v1/auth/refresh", status_code=200, guards=[own_origin], opt={"cookie": COOKIE})
async def refresh(request: Request[Any, Any, Any]) -> Response[Token]:
    """A new access token, and a new refresh token; a refresh token that is used twice ends the sign-in."""
    token, session = await sync_to_thread(_refresh, request)
    return _answer(request, token, session)


@post(
    "/v1/auth/logout",
    status_code=204,
    guards=[own_origin],
    request_max_body_size=MAX_BODY_BYTES,
    opt={"cookie": COOKIE},
)
async def sign_out(request: Request[Any, Any, Any], data: JSONBody[SignOutRequest | None] = None) -> Response[None]:
    """End the sign-in of the cookie, if there is one, or all of its person; access tokens end by themselves."""
    await sync_to_thread(_sign_out, request, bool(data and data.everywhere))
    return Response(None, cookies=[_cookie(request, "", 0)])


sign_in_routes = [sign_in, refresh, sign_out]


async def _read(request: Request[Any, Any, Any]) -> SignInRequest:
    if request.content_type[0] != JSON:
        raise UnsupportedMedia(f"Send {JSON}.")
    try:
        return msgspec.json.decode(await request.body(), type=SignInRequest)
    except msgspec.ValidationError as exc:
        raise InvalidParameter(f"{exc}.") from exc
    except msgspec.DecodeError as exc:
        raise InvalidParameter('The body is not whole or not valid JSON: send {"email": …, "password": …}.') from exc


def _sign_in(request: Request[Any, Any, Any], given: SignInRequest, address: str, name: str) -> tuple[Token, Session]:
    services = request.app.state.services
    try:
        account = services.users.authenticate(given.email, given.password)
    except InvalidCredentials:
        services.sign_ins.failed(address, name)
        known = services.users.find_by_email(given.email)
        audit_refusal(request, "sign_in", f"user/{known.user_id}" if known else UNKNOWN)
        raise
    services.sign_ins.succeeded(address, name)
    session = services.sessions.begin(account.user_id, account.password_id)
    token = _token(services, account)
    subject = f"user/{account.user_id}"
    audit(request, "sign_in", subject, actor=subject)
    return token, session


def _refresh(request: Request[Any, Any, Any]) -> tuple[Token, Session]:
    services = request.app.state.services
    try:
        session = services.sessions.renew(request.cookies.get(COOKIE, ""))
    except SessionReused as reuse:
        audit(request, "session_reuse", f"user/{reuse.user_id}", "refused", actor=UNKNOWN)
        raise
    account = services.users.find(session.user_id)
    if account is None or account.password_id != session.password_id:
        services.sessions.end(session.token)
        raise InvalidCredentials("The sign-in has ended. Sign in again.")
    return _token(services, account), session


def _sign_out(request: Request[Any, Any, Any], everywhere: bool) -> None:
    sessions = request.app.state.services.sessions
    try:
        user_id = sessions.end(request.cookies.get(COOKIE, ""))
    except InvalidCredentials:
        if everywhere:  # whose sign-ins they are is not known: none of them has ended
            raise
        return
    if everywhere:
        sessions.end_all(user_id)
    subject = f"user/{user_id}"
    audit(request, "sign_out_everywhere" if everywhere else "sign_out", subject, actor=subject)


def _token(services: Any, account: Account) -> Token:
    ttl_seconds = services.settings.token_ttl_seconds
    access_token = services.user_tokens.issue(account.user_id, account.groups, ttl_seconds)
    return Token.bearer(access_token, ttl_seconds, account.groups)


def _answer(request: Request[Any, Any, Any], token: Token, session: Session) -> Response[Token]:
    return Response(token, cookies=[_cookie(request, session.token, session.expires_in)])


def _cookie(request: Request[Any, Any, Any], value: str, max_age: int) -> Cookie:
    return Cookie(
        key=COOKIE,
        value=value,
        path=COOKIE_PATH,
        max_age=max_age,
        secure=request.app.state.services.settings.url.startswith("https://"),
        httponly=True,
        samesite="strict",
    )


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"
