"""Discovery: who issues people's tokens here, and the public keys that verify them."""

from typing import Any

import msgspec
from litestar import Request, Response, get

from cloudpulse.auth.tokens import SCOPES
from cloudpulse.auth.user_tokens import Jwk

CACHEABLE = {"Cache-Control": "public, max-age=300"}


class Jwks(msgspec.Struct, frozen=True, kw_only=True):
    """The public keys of tokens that are valid now, and of signed records (RFC 7517)."""

    keys: tuple[Jwk, ...]


class Discovery(msgspec.Struct, frozen=True, kw_only=True):
    """What OpenID Connect Discovery and RFC 8414 ask for. Nobody is sent here to sign in, hence ``none``."""

    issuer: str
    jwks_uri: str
    token_endpoint: str
    response_types_supported: tuple[str, ...] = ("none",)
    subject_types_supported: tuple[str, ...] = ("public",)
    id_token_signing_alg_values_supported: tuple[str, ...] = ("RS256",)
    grant_types_supported: tuple[str, ...] = ("client_credentials",)
    token_endpoint_auth_methods_supported: tuple[str, ...] = ("client_secret_basic", "client_secret_post")
    scopes_supported: tuple[str, ...] = SCOPES


@get("/.well-known/jwks.json", sync_to_thread=True)
def show_keys(request: Request[Any, Any, Any]) -> Response[Jwks]:
    """The public keys of people's tokens, and of records such as those of erasures."""
    services = request.app.state.services
    return Response(Jwks(keys=(*services.user_tokens.jwks(), *services.record_signer.jwks())), headers=CACHEABLE)


@get("/.well-known/openid-configuration", sync_to_thread=False)
def show_discovery(request: Request[Any, Any, Any]) -> Response[Discovery]:
    """Where the keys and the tokens are."""
    url = request.app.state.services.settings.url
    document = Discovery(issuer=url, jwks_uri=f"{url}/.well-known/jwks.json", token_endpoint=f"{url}/v1/token")
    return Response(document, headers=CACHEABLE)


well_known_routes = [show_keys, show_discovery]
