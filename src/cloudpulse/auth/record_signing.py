"""Signatures of records that are kept for ever, by a key of their own: it is never renewed, so they stay verifiable."""

from collections.abc import Callable, Mapping
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from cloudpulse.auth.signing_keys import SigningKeys
from cloudpulse.auth.user_tokens import Jwk, jwk_of, load_pem, new_pem
from cloudpulse.ports import Secrets

SECRET = "record_signing"
ALGORITHM = "RS256"
TYPE = "cloudpulse-record"
"""The ``typ`` of a signed record: nobody takes it for a token."""


class RecordSigner:
    """Signs records; ``now`` returns seconds since 1970. The first call of ``prepare`` or ``sign`` makes the key."""

    def __init__(self, secrets: Secrets, now: Callable[[], float]) -> None:
        self._keys: SigningKeys[RSAPrivateKey] = SigningKeys(secrets, SECRET, new_pem, load_pem, 0, now)

    def prepare(self) -> None:
        """Make the key, where there is none: other processes may then sign without writing secrets."""
        self._keys.newest()

    def sign(self, record: Mapping[str, Any]) -> str:
        """The record as a JWS in compact form."""
        kid, key = self._keys.newest()
        return jwt.encode(dict(record), key, ALGORITHM, headers={"kid": kid, "typ": TYPE})

    def jwks(self) -> tuple[Jwk, ...]:
        """The public half of the key; nothing while nothing was ever signed."""
        return tuple(jwk_of(kid, key.public_key()) for kid, key in self._keys.read().items())
