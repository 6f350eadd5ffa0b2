"""What the issuers of our own tokens have in common: the signing keys, the audience, and how long a token may live."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Generic

import jwt

from cloudpulse.auth.signing_keys import Key, SigningKeys
from cloudpulse.errors import InvalidParameter
from cloudpulse.settings import Settings


class LocalIssuer(Generic[Key]):
    """Signs with the newest key; ``now`` returns seconds since 1970."""

    algorithm: str
    leeway_seconds = 0

    def __init__(self, name: str, settings: Settings, keys: SigningKeys[Key], now: Callable[[], float]) -> None:
        self.name = name
        self._audience = settings.audience
        self._max_ttl_seconds = settings.token_max_ttl_seconds
        self._signing_keys = keys
        self._now = now

    def rotate(self, end_previous: bool = False) -> None:
        """Sign with a new key; those before stay valid until the longest token has ended, or end now."""
        self._signing_keys.rotate(end_previous)

    def awaited(self, kid: str, now: float) -> None:
        """Nothing has to be fetched."""

    def audience(self, claims: Mapping[str, Any]) -> str:
        """What every token must be for."""
        return self._audience

    def _signed(self, subject: str, scopes: Iterable[str], ttl_seconds: int, **claims: Any) -> str:
        """A token with ``claims`` beside the usual ones; raises ``InvalidParameter`` when it would outlive its key."""
        if not 0 < ttl_seconds <= self._max_ttl_seconds:
            raise InvalidParameter(f"A token may live 1 to {self._max_ttl_seconds} seconds (token_max_ttl_seconds).")
        now = int(self._now())
        claims |= {
            "iss": self.name,
            "aud": self._audience,
            "sub": subject,
            "scope": " ".join(scopes),
            "iat": now,
            "exp": now + ttl_seconds,
        }
        kid, key = self._signing_keys.newest()
        return jwt.encode(claims, key, self.algorithm, headers={"kid": kid})
