"""Tokens for clients (OAuth 2.0 client credentials), and what a client must know to ask for one."""

from typing import Any

import msgspec
from litestar import Request, Response, get, post
from litestar.concurrency import sync_to_thread

from cloudpulse.errors import InvalidParameter, UnsupportedMedia

FORM = "application/x-www-form-urlencoded"
JSON = "application/json"
GRANT_TYPE = "client_credentials"
MAX_BODY_BYTES = 16 * 1024


class TokenRequest(msgspec.Struct, frozen=True, kw_only=True):
    """Client credentials; other members are ignored, as OAuth demands."""

    client_id: str
    client_secret: str
    grant_type: str = GRANT_TYPE
    audience: str | None = None

    def __repr__(self) -> str:
        return f"TokenRequest(client_id={self.client_id!r}, client_secret=***)"


class Token(msgspec.Struct, frozen=True, kw_only=True):
    """An access token; ``scope`` lists its scopes, separated by blanks."""

    access_token: str
    token_type: str
    expires_in: int
    scope: str


class PublicConfig(msgspec.Struct, frozen=True, kw_only=True):
    """What everybody may know of this installation; ``oidc_issuer`` is where people may sign in elsewhere."""

    issuer: str
    oidc_issuer: str | None
    audience: str
    sign_in: tuple[str, ...]
    features: tuple[str, ...]


@post(
    "/v1/token",
    status_code=200,
    request_max_body_size=MAX_BODY_BYTES,
    opt={"body": {FORM: TokenRequest, JSON: TokenRequest}},
)
async def issue_token(request: Request[Any, Any, Any]) -> Response[Token]:
    """Exchange a client id and its secret for a bearer token."""
    asked = await _read(request)
    services = request.app.state.services
    if asked.grant_type != GRANT_TYPE:
        raise InvalidParameter(f"grant_type must be {GRANT_TYPE}.")
    if asked.audience not in (None, services.settings.audience):
        raise InvalidParameter(f"audience must be {services.settings.audience}.")
    token = await sync_to_thread(_issue, services, asked)
    return Response(token, headers={"Cache-Control": "no-store"})


@get("/v1/config", sync_to_thread=False)
def show_config(request: Request[Any, Any, Any]) -> PublicConfig:
    """What a client must know before it signs in."""
    settings = request.app.state.services.settings
    return PublicConfig(
        issuer=settings.url,
        oidc_issuer=settings.oidc_issuer or None,
        audience=settings.audience,
        sign_in=(GRANT_TYPE, "password", *(("oidc",) if settings.oidc_issuer else ())),
        features=("events", "query", "realtime"),
    )


token_routes = [issue_token, show_config]


async def _read(request: Request[Any, Any, Any]) -> TokenRequest:
    kind = request.content_type[0]
    try:
        if kind == FORM:
            fields = (await request.form()).dict()
            return msgspec.convert({name: given[0] for name, given in fields.items() if len(given) == 1}, TokenRequest)
        if kind == JSON:
            return msgspec.json.decode(await request.body(), type=TokenRequest)
    except msgspec.MsgspecError as exc:
        raise InvalidParameter(f"{exc}.") from exc
    raise UnsupportedMedia(f"Send {FORM} or {JSON}.")


def _issue(services: Any, asked: TokenRequest) -> Token:
    client = services.clients.authenticate(asked.client_id, asked.client_secret)
    ttl_seconds = services.settings.token_ttl_seconds
    return Token(
        access_token=services.tokens.issue(client.client_id, client.scopes, client.app, ttl_seconds),
        token_type="Bearer",
        expires_in=ttl_seconds,
        scope=" ".join(client.scopes),
    )
