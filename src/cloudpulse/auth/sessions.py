"""Sessions: refresh tokens, which are renewed with every use; a token that is used twice ends the session.

After RFC 9700, section 4.14.2. All tokens of one sign-in are a family; of the family only its key and the number of
its current token are stored, so that nothing grows::

    <user_id>.<family>.<n>.<base64url of HMAC-SHA256(key of the family, n)>
"""

import base64
import hmac
import re
import secrets as random
from collections.abc import Callable
from threading import Lock

import msgspec

from cloudpulse.errors import InvalidCredentials, SessionReused
from cloudpulse.ports import Secrets

PREFIX = "session/"
GRACE_SECONDS = 10
"""A second tab, or a browser that lost the answer, may use the token before the current one for so long."""

MAX_FAMILIES = 50
DAY_SECONDS = 86_400

_parse = re.compile(r"([0-9a-f]{16})\.([0-9a-f]{16})\.(0|[1-9][0-9]{0,9})\.([A-Za-z0-9_-]{43})").fullmatch


class Session(msgspec.Struct, frozen=True, kw_only=True):
    """A sign-in and its current token; it ends in ``expires_in`` seconds, and with the password ``password_id``."""

    user_id: str
    password_id: str
    token: str
    expires_in: int

    def __repr__(self) -> str:
        return f"Session(user_id={self.user_id!r}, token=***)"


class _Family(msgspec.Struct, frozen=True, kw_only=True):
    key: str
    current: int
    rotated_at: float
    ends_at: float
    password_id: str


class SessionService:
    """Keeps sign-ins as secrets named ``session/<user_id>/<family>``; ``now`` returns seconds since 1970."""

    def __init__(self, secrets: Secrets, session_days: int, now: Callable[[], float]) -> None:
        self._secrets = secrets
        self._life_seconds = session_days * DAY_SECONDS
        self._now = now
        self._changing = Lock()

    def begin(self, user_id: str, password_id: str) -> Session:
        """A new sign-in; those of the user that are over go, and the oldest where there are too many."""
        now = self._now()
        family = _Family(
            key=random.token_urlsafe(32),
            current=0,
            rotated_at=now,
            ends_at=now + self._life_seconds,
            password_id=password_id,
        )
        name = f"{PREFIX}{user_id}/{random.token_hex(8)}"
        with self._changing:
            self._make_room(user_id, now)
            self._secrets.put(name, _encoded(family), int(now))
        return self._session(name, family)

    def renew(self, token: str) -> Session:
        """The sign-in with a new token. Raises ``InvalidCredentials``, or ``SessionReused``, which ends the family."""
        with self._changing:
            name, number, family = self._find(token)
            now = self._now()
            if number == family.current:
                family = msgspec.structs.replace(family, current=number + 1, rotated_at=now)
                self._secrets.amend(name, _encoded(family))
            elif number != family.current - 1 or now - family.rotated_at > GRACE_SECONDS:
                self._secrets.remove(name)
                raise SessionReused("The sign-in has ended. Sign in again.", user_id=_user_of(name))
        return self._session(name, family)

    def end(self, token: str) -> str:
        """End the sign-in that a token belongs to; returns the user's id. Raises ``InvalidCredentials``."""
        with self._changing:
            name, _, _ = self._find(token)
            self._secrets.remove(name)
        return _user_of(name)

    def end_all(self, user_id: str) -> None:
        """End all sign-ins of a user."""
        with self._changing:
            for name in self._secrets.names(f"{PREFIX}{user_id}/"):
                self._secrets.remove(name)

    def expire(self) -> int:
        """Forget all sign-ins that are over; returns how many there were."""
        with self._changing:
            found = ((name, self._read(name)) for name in self._secrets.names(PREFIX))
            over = [name for name, family in found if family and family.ends_at <= self._now()]
            return sum(self._secrets.remove(name) for name in over)

    def _find(self, token: str) -> tuple[str, int, _Family]:
        parsed = _parse(token)
        name = f"{PREFIX}{parsed[1]}/{parsed[2]}" if parsed else PREFIX
        family = self._read(name)
        if parsed is None or family is None or family.ends_at <= self._now():
            raise _ended()
        if not hmac.compare_digest(_mac(family, int(parsed[3])), parsed[4]):
            raise _ended()
        return name, int(parsed[3]), family

    def _read(self, name: str) -> _Family | None:
        versions = self._secrets.versions(name, int(self._now()))
        return msgspec.json.decode(versions[0].value, type=_Family) if versions else None

    def _make_room(self, user_id: str, now: float) -> None:
        found = ((name, self._read(name)) for name in self._secrets.names(f"{PREFIX}{user_id}/"))
        ends = sorted(((family.ends_at, name) for name, family in found if family), reverse=True)
        for number, (ends_at, name) in enumerate(ends):
            if ends_at <= now or number >= MAX_FAMILIES - 1:
                self._secrets.remove(name)

    def _session(self, name: str, family: _Family) -> Session:
        user_id, _, family_id = name.removeprefix(PREFIX).partition("/")
        return Session(
            user_id=user_id,
            password_id=family.password_id,
            token=f"{user_id}.{family_id}.{family.current}.{_mac(family, family.current)}",
            expires_in=int(family.ends_at - self._now()),
        )


def _mac(family: _Family, number: int) -> str:
    digest = hmac.digest(family.key.encode(), str(number).encode(), "sha256")
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def _user_of(name: str) -> str:
    return name.removeprefix(PREFIX).partition("/")[0]


def _encoded(family: _Family) -> str:
    return msgspec.json.encode(family).decode()


def _ended() -> InvalidCredentials:
    return InvalidCredentials("The sign-in has ended. Sign in again.")
