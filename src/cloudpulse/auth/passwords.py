"""Passwords: which ones are allowed, and their argon2id hashes."""

import base64
import secrets as random
import unicodedata

from argon2 import PasswordHasher
from argon2.exceptions import HashingError, VerificationError, VerifyMismatchError

from cloudpulse.errors import InvalidParameter, Overloaded

MIN_CHARS = 12
MAX_CHARS = 256
GENERATED_BYTES = 18

_SALT_BYTES, _HASH_BYTES = 16, 32
_hasher = PasswordHasher(
    # Above OWASP's minimum of 19 MiB and two passes; 50 ms on a small server.
    time_cost=3,
    memory_cost=32 * 1024,
    parallelism=1,
    hash_len=_HASH_BYTES,
    salt_len=_SALT_BYTES,
)


def generated() -> str:
    """A password of 24 characters that nobody can guess."""
    return random.token_urlsafe(GENERATED_BYTES)


def checked(password: str) -> str:
    """The password as it is hashed: in NFC, so that every keyboard's ``é`` is one. Raises ``InvalidParameter``."""
    password = _normal(password)
    if not MIN_CHARS <= len(password) <= MAX_CHARS:
        raise InvalidParameter(f"password must have {MIN_CHARS} to {MAX_CHARS} characters.")
    if any(unicodedata.category(character) in ("Cc", "Cs") for character in password):
        raise InvalidParameter("password must not have control characters.")
    return password


def hashed(password: str) -> str:
    """The hash of a password that was ``checked``, with its salt and parameters. Takes 50 ms: call it in a thread."""
    try:
        return _hasher.hash(password)
    except HashingError as exc:
        raise Overloaded("There is no memory to hash a password now. Try again.") from exc


def matches(encoded: str, password: str) -> bool:
    """Whether the password has this hash. Takes as long when it has not; call it in a thread."""
    try:
        return _hasher.verify(encoded, _normal(password))
    except VerifyMismatchError:
        return False
    except VerificationError as exc:
        raise Overloaded("There is no memory to check a password now. Try again.") from exc


def is_outdated(encoded: str) -> bool:
    """Whether the hash was made with other parameters than today's."""
    return _hasher.check_needs_rehash(encoded)


def dummy_hash() -> str:
    """What a hash looks like; of no known password."""
    salt, digest = (
        base64.b64encode(random.token_bytes(size)).rstrip(b"=").decode() for size in (_SALT_BYTES, _HASH_BYTES)
    )
    parameters = f"m={_hasher.memory_cost},t={_hasher.time_cost},p={_hasher.parallelism}"
    return f"$argon2id$v=19${parameters}${salt}${digest}"


def _normal(password: str) -> str:
    return unicodedata.normalize("NFC", password)
