"""Access tokens of people: RS256 JWTs, which anybody can verify with the public keys."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import jwt
import msgspec
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey, generate_private_key
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from cloudpulse.auth.credentials import DEFAULT_APP
from cloudpulse.auth.local_issuer import LocalIssuer
from cloudpulse.auth.signing_keys import SigningKeys
from cloudpulse.auth.tokens import Principal, Seconds
from cloudpulse.ports import Secrets
from cloudpulse.settings import Settings

USER_SIGNING_SECRET = "user_signing"
USER_PREFIX = "user/"
KEY_BITS = 2048


class Jwk(msgspec.Struct, frozen=True, kw_only=True):
    """A public key as RFC 7517 writes it."""

    kid: str
    n: str
    e: str
    kty: str = "RSA"
    use: str = "sig"
    alg: str = "RS256"


class _Claims(msgspec.Struct, frozen=True, kw_only=True):
    sub: str
    scope: str
    exp: Seconds


class UserTokens(LocalIssuer[RSAPrivateKey]):
    """Issues the tokens of people under the URL of the installation; ``now`` returns seconds since 1970.

    The first call of ``issue`` or ``jwks`` makes the key, which takes a while: call them in a thread.
    """

    algorithm = "RS256"

    def __init__(self, secrets: Secrets, settings: Settings, now: Callable[[], float]) -> None:
        keys = SigningKeys(secrets, USER_SIGNING_SECRET, new_pem, load_pem, settings.token_max_ttl_seconds, now)
        super().__init__(settings.url, settings, keys, now)

    def issue(self, user_id: str, scopes: Iterable[str], ttl_seconds: int) -> str:
        """A token for a user that ends ``ttl_seconds`` from now; raises ``InvalidParameter``."""
        return self._signed(user_id, scopes, ttl_seconds)

    def jwks(self) -> tuple[Jwk, ...]:
        """The public halves of all valid keys, the newest first."""
        self._signing_keys.newest()
        return tuple(jwk_of(kid, key) for kid, key in self.keys(self._now()).items())

    def keys(self, now: float) -> Mapping[str, RSAPublicKey]:
        """The valid public keys by kid."""
        return {kid: key.public_key() for kid, key in self._signing_keys.read().items()}

    def principal(self, claims: Mapping[str, Any]) -> Principal:
        """The user that verified claims speak of."""
        read = msgspec.convert(claims, _Claims)
        return Principal(
            client_id=USER_PREFIX + read.sub,
            app=DEFAULT_APP,
            scopes=frozenset(read.scope.split()),
            expires_at=read.exp,
        )


def jwk_of(kid: str, key: RSAPublicKey) -> Jwk:
    """A public key for a key set."""
    numbers = jwt.algorithms.RSAAlgorithm.to_jwk(key, as_dict=True)
    return Jwk(kid=kid, n=numbers["n"], e=numbers["e"])


def new_pem() -> str:
    """A new private key, as it is stored."""
    key = generate_private_key(public_exponent=65537, key_size=KEY_BITS)
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


def load_pem(pem: str) -> RSAPrivateKey:
    """The private key that was stored."""
    # The check that is left out takes 30 ms, in the event loop, and would say that our own key is a key.
    key = load_pem_private_key(pem.encode(), None, unsafe_skip_rsa_key_validation=True)
    assert isinstance(key, RSAPrivateKey)
    return key
