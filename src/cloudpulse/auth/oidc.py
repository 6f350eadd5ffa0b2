"""Tokens of another OpenID Connect issuer (Cognito, Keycloak, …): RS256 only, with keys that are fetched from it."""

import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from threading import Lock, Thread
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

import jwt
import msgspec
import structlog
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from cloudpulse.auth.credentials import DEFAULT_APP
from cloudpulse.auth.tokens import SCOPES, Principal, Seconds
from cloudpulse.errors import ServiceError, Unauthorized
from cloudpulse.settings import ORIGIN, is_secure
from cloudpulse.telemetry import told

MAX_AGE_SECONDS = 3600
PAUSE_SECONDS = 60
MAX_ANSWER_BYTES = 256 * 1024
TIMEOUT_SECONDS = 3.0
KEY_BITS = range(2048, 8193)
PRINCIPAL_PREFIX = "oidc/"
"""No subject of another issuer can be taken for a client or a user of ours."""

Fetch = Callable[[str], bytes]

log = structlog.get_logger(__name__)


class _Discovery(msgspec.Struct):
    issuer: str
    jwks_uri: str
    token_endpoint: str = ""


class _Jwk(msgspec.Struct):
    """Of RFC 7517 what makes a key one for RS256 signatures; ``d`` would be a private key."""

    kid: str
    n: str
    e: str
    kty: Literal["RSA"]
    use: Literal["sig"] = "sig"
    alg: Literal["RS256"] = "RS256"
    key_ops: tuple[str, ...] = ("verify",)
    d: None = None


class _Jwks(msgspec.Struct):
    keys: list[msgspec.Raw]


class _Claims(msgspec.Struct, frozen=True, kw_only=True):
    sub: Annotated[str, msgspec.Meta(pattern=r"\A[\x20-\x7e]{1,255}\Z")]
    exp: Seconds
    scope: str = ""
    groups: list[str] = msgspec.field(default_factory=list, name="cognito:groups")


class OidcIssuer:
    """The issuer at the URL ``name``; its keys are fetched by a thread of their own, at most one at a time.

    A fetch begins with the first token, when a token names an unknown key, but not within ``PAUSE_SECONDS`` after the
    last one, and when the keys are older than ``MAX_AGE_SECONDS``. When it fails the old keys stay.
    """

    algorithm = "RS256"
    leeway_seconds = 60

    def __init__(self, name: str, audience: str, fetch: Fetch | None = None) -> None:
        self.name = name
        self._audience = audience
        self._fetch = fetch or fetch_small
        self._keys: Mapping[str, RSAPublicKey] = {}
        self._token_endpoint = ""
        self._fetched_at: float | None = None
        self._tried_at: float | None = None
        self._flight: Future[None] | None = None
        self._lock = Lock()

    def keys(self, now: float) -> Mapping[str, RSAPublicKey]:
        """The keys of the last fetch, by kid; begins the next one when they are old."""
        if self._fetched_at is not None and self._is_old(now):
            self._begin(now)
        return self._keys

    def awaited(self, kid: str, now: float) -> Future[None] | None:
        """The fetch that may bring the key, or that must say whether it still counts; None when none will."""
        return self._begin(now) if kid not in self._keys or self._is_old(now) else None

    def web_origins(self) -> tuple[str, ...]:
        """Where a page must speak with to sign somebody in: the issuer, and its token endpoint once that is known."""
        origins = (origin_of(url) for url in (self.name, self._token_endpoint))
        return tuple(dict.fromkeys(origin for origin in origins if origin))

    def refresh(self, now: float) -> Future[None] | None:
        """The fetch after which ``web_origins`` are as new as they can be; None when there is none."""
        return self._begin(now) if self._is_old(now) else None

    def audience(self, claims: Mapping[str, Any]) -> str | None:
        """What ``aud`` must contain; access tokens of Cognito have none, and name the app client instead."""
        if claims.get("token_use", "access") != "access" or claims.get("typ", "Bearer") == "ID" or "at_hash" in claims:
            raise Unauthorized("The token is not an access token.")
        if "aud" in claims:
            return self._audience
        if claims.get("client_id") != self._audience or "token_use" not in claims:
            raise Unauthorized("The token is for somebody else.")
        return None

    def principal(self, claims: Mapping[str, Any]) -> Principal:
        """Whom verified claims speak of; scopes are ours, also with ``<audience>/`` before them, and so are groups."""
        read = msgspec.convert(claims, _Claims)
        granted = {scope.removeprefix(f"{self._audience}/") for scope in read.scope.split()} | {*read.groups}
        return Principal(
            client_id=PRINCIPAL_PREFIX + read.sub,
            app=DEFAULT_APP,
            scopes=frozenset(granted.intersection(SCOPES)),
            expires_at=read.exp + self.leeway_seconds,
        )

    def _is_old(self, now: float) -> bool:
        return self._fetched_at is None or not 0 <= now - self._fetched_at < MAX_AGE_SECONDS

    def _begin(self, now: float) -> Future[None] | None:
        with self._lock:
            if self._flight is not None and not self._flight.done():
                return self._flight
            if self._tried_at is not None and 0 <= now - self._tried_at < PAUSE_SECONDS:
                return None
            self._tried_at = now
            flight = self._flight = Future()
            flight.set_running_or_notify_cancel()  # many wait for it: none may cancel it
        Thread(target=self._fly, args=(flight, now), daemon=True).start()
        return flight

    def _fly(self, flight: Future[None], now: float) -> None:
        try:
            found = self._discover()
            self._keys, self._token_endpoint = self._fetch_keys(found), found.token_endpoint
            self._fetched_at = now
        except ServiceError as exc:
            log.warning("no keys from the issuer", issuer=self.name, error=exc.detail)
        except Exception as exc:  # whatever it is: the old keys stay, and those who wait go on
            log.warning("no keys from the issuer", issuer=self.name, **told(exc))
        finally:
            flight.set_result(None)

    def _discover(self) -> _Discovery:
        found = msgspec.json.decode(
            self._fetch(f"{self.name.rstrip('/')}/.well-known/openid-configuration"), type=_Discovery
        )
        if found.issuer != self.name:
            raise ServiceError("The discovery document is that of another issuer.")
        return found

    def _fetch_keys(self, found: _Discovery) -> dict[str, RSAPublicKey]:
        schemes = ("https", urlsplit(self.name).scheme)
        if not is_secure(found.jwks_uri) or urlsplit(found.jwks_uri).scheme not in schemes:
            raise ServiceError("The keys are not at an https URL.")
        keys = read_jwks(self._fetch(found.jwks_uri))
        if not keys:
            raise ServiceError("There is no RSA key for RS256 signatures.")
        return keys


def origin_of(url: str) -> str | None:
    """The web origin of a URL where nobody can listen; None where it has none, or one that no header may hold."""
    try:
        parts = urlsplit(url)
        origin = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}".lower()
        return origin if is_secure(url) and ORIGIN.fullmatch(origin) else None
    except ValueError:
        return None


def read_jwks(content: bytes) -> dict[str, RSAPublicKey]:
    """The keys that may verify RS256 signatures, by kid; others are passed over."""
    found = (_read_jwk(raw) for raw in msgspec.json.decode(content, type=_Jwks).keys)
    return dict(one for one in found if one is not None)


def _read_jwk(raw: msgspec.Raw) -> tuple[str, RSAPublicKey] | None:
    try:
        jwk = msgspec.json.decode(raw, type=_Jwk)
        key = jwt.algorithms.RSAAlgorithm.from_jwk({"kty": jwk.kty, "n": jwk.n, "e": jwk.e})
    except (jwt.PyJWTError, ValueError):
        return None
    if isinstance(key, RSAPublicKey) and key.key_size in KEY_BITS and "verify" in jwk.key_ops:
        return jwk.kid, key
    return None


def fetch_small(url: str) -> bytes:
    """What a GET answers, at most ``MAX_ANSWER_BYTES`` within ``TIMEOUT_SECONDS``; follows no redirect.

    Raises ``ServiceError``.
    """
    import httpx  # heavy, and most installations have no other issuer

    deadline = time.monotonic() + TIMEOUT_SECONDS
    content = bytearray()
    headers = {"Accept": "application/json", "Accept-Encoding": "identity"}
    try:
        with httpx.stream("GET", url, headers=headers, timeout=TIMEOUT_SECONDS, follow_redirects=False) as answer:
            if answer.status_code != httpx.codes.OK:
                raise ServiceError(f"{url} answered {answer.status_code}.")
            for chunk in answer.iter_raw():
                content += chunk
                if len(content) > MAX_ANSWER_BYTES:
                    raise ServiceError(f"{url} answered more than {MAX_ANSWER_BYTES} bytes.")
                if time.monotonic() > deadline:
                    raise ServiceError(f"{url} took more than {TIMEOUT_SECONDS} s.")
    except httpx.HTTPError as exc:
        raise ServiceError(f"{url} cannot be read: {exc}.") from exc
    return bytes(content)
