"""People: an e-mail address, the hash of a password, and groups, which are named like the scopes they grant."""

import datetime as dt
import re
import secrets as random
import unicodedata
from collections.abc import Callable, Iterable
from threading import Lock

import msgspec

from cloudpulse.auth import passwords
from cloudpulse.auth.tokens import SCOPES
from cloudpulse.errors import InvalidCredentials, InvalidParameter, NotFound
from cloudpulse.ports import Secrets

PREFIX = "user/"
MAX_EMAIL_CHARS = 254

_PART = r'[^\s@"(),:;<>\[\\\]]'
_is_email = re.compile(rf"{_PART}{{1,64}}@{_PART}+").fullmatch


class User(msgspec.Struct, frozen=True, kw_only=True):
    """A user as it may be shown."""

    user_id: str
    email: str
    groups: tuple[str, ...]
    created_at: dt.datetime


class Account(User, frozen=True, kw_only=True):
    """A user who may sign in; ``password_id`` changes with the password, and what was begun with another has ended."""

    password_id: str


class NewPassword(msgspec.Struct, frozen=True, kw_only=True):
    """A user's password: the only time that it is shown. None where somebody chose it, who knows it."""

    user_id: str
    email: str
    password: str | None

    def __repr__(self) -> str:
        return f"NewPassword(user_id={self.user_id!r}, email=***, password=***)"


class _Stored(msgspec.Struct, frozen=True, kw_only=True):
    user_id: str
    email: str
    groups: tuple[str, ...]
    password_id: str
    password_hash: str


class UserService:
    """Keeps users as secrets named ``user/<key of the address>``; ``now`` returns seconds since 1970.

    What hashes a password takes 50 ms of a processor and 32 MiB.
    """

    def __init__(self, secrets: Secrets, now: Callable[[], float]) -> None:
        self._secrets = secrets
        self._now = now
        self._nobody = passwords.dummy_hash()
        self._changing = Lock()

    def add(self, email: str, groups: Iterable[str], password: str | None = None) -> NewPassword:
        """A new user, with a generated password unless one is given; raises ``InvalidParameter``."""
        email = _checked_email(email)
        wanted = _checked_groups(groups)
        chosen = passwords.checked(password) if password is not None else passwords.generated()
        stored = _Stored(
            user_id=random.token_hex(8),
            email=email,
            groups=wanted,
            password_id=random.token_hex(8),
            password_hash=passwords.hashed(chosen),
        )
        with self._changing:
            if self._read(_name(email)) is not None:
                raise InvalidParameter("There is a user with this e-mail address.")
            self._secrets.put(_name(email), _encoded(stored), int(self._now()))
        return NewPassword(user_id=stored.user_id, email=email, password=None if password is not None else chosen)

    def list(self) -> list[User]:
        """All users, by address."""
        return [
            User(user_id=one.user_id, email=one.email, groups=one.groups, created_at=one.created_at)
            for one in self._all()
        ]

    def find(self, user_id: str) -> Account | None:
        """One user, or None."""
        return next((account for account in self._all() if account.user_id == user_id), None)

    def find_by_email(self, email: str) -> Account | None:
        """The user with this address, or None."""
        found = self._read(_name(email))
        return found[1] if found else None

    def set_groups(self, user_id: str, groups: Iterable[str]) -> None:
        """Other groups, which count from the next refresh. Raises ``InvalidParameter`` or ``NotFound``."""
        wanted = _checked_groups(groups)
        with self._changing:
            stored, _ = self._existing(user_id)
            self._secrets.amend(_name(stored.email), _encoded(msgspec.structs.replace(stored, groups=wanted)))

    def set_password(self, user_id: str, password: str | None = None) -> NewPassword:
        """Another password, generated unless one is given; raises ``InvalidParameter`` or ``NotFound``."""
        chosen = passwords.checked(password) if password is not None else passwords.generated()
        password_hash = passwords.hashed(chosen)
        with self._changing:
            stored, _ = self._existing(user_id)
            changed = msgspec.structs.replace(stored, password_id=random.token_hex(8), password_hash=password_hash)
            self._secrets.amend(_name(stored.email), _encoded(changed))
        return NewPassword(user_id=user_id, email=stored.email, password=None if password is not None else chosen)

    def remove(self, user_id: str) -> None:
        """Forget a user; raises ``NotFound``."""
        with self._changing:
            self._secrets.remove(_name(self._existing(user_id)[0].email))

    def authenticate(self, email: str, password: str) -> Account:
        """The user with this address and password; raises ``InvalidCredentials``. Takes as long for an unknown one."""
        found = self._read(_name(email))
        is_right = passwords.matches(found[0].password_hash if found else self._nobody, password)
        if found is None or not is_right:
            raise InvalidCredentials("The e-mail address or the password is wrong.")
        if passwords.is_outdated(found[0].password_hash):
            self._rehash(found[0], password)
        return found[1]

    def _rehash(self, stored: _Stored, password: str) -> None:
        password_hash = passwords.hashed(passwords.checked(password))
        with self._changing:
            found = self._read(_name(stored.email))
            if found and found[0] == stored:  # else it was set anew, or removed, meanwhile
                changed = msgspec.structs.replace(stored, password_hash=password_hash)
                self._secrets.amend(_name(stored.email), _encoded(changed))

    def _existing(self, user_id: str) -> tuple[_Stored, Account]:
        account = self.find(user_id)
        found = self._read(_name(account.email)) if account else None
        if found is None:
            raise NotFound(f"There is no user {user_id!r}.")
        return found

    def _all(self) -> Iterable[Account]:
        return [found[1] for found in map(self._read, self._secrets.names(PREFIX)) if found]

    def _read(self, name: str) -> tuple[_Stored, Account] | None:
        versions = self._secrets.versions(name, int(self._now()))
        if not versions:
            return None
        stored = msgspec.json.decode(versions[0].value, type=_Stored)
        account = Account(
            user_id=stored.user_id,
            email=stored.email,
            groups=stored.groups,
            created_at=dt.datetime.fromtimestamp(versions[0].created_at, dt.UTC),
            password_id=stored.password_id,
        )
        return stored, account


def email_key(email: str) -> str:
    """What two spellings of one address have in common."""
    return unicodedata.normalize("NFC", email.strip()).casefold()


def _name(email: str) -> str:
    return PREFIX + email_key(email)


def _checked_email(email: str) -> str:
    email = unicodedata.normalize("NFC", email.strip())
    if len(email) > MAX_EMAIL_CHARS or not email.isprintable() or not _is_email(email):
        raise InvalidParameter("email must be an e-mail address such as ada@example.com, at most 254 characters.")
    return email


def _checked_groups(groups: Iterable[str]) -> tuple[str, ...]:
    wanted = tuple(dict.fromkeys(groups))
    if not set(wanted) <= set(SCOPES):
        raise InvalidParameter(f"groups must be some of: {', '.join(SCOPES)}.")
    return wanted


def _encoded(stored: _Stored) -> str:
    return msgspec.json.encode(stored).decode()
