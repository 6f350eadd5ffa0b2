"""The valid versions of a signing secret, by ``kid``: the newest signs, all verify."""

from collections.abc import Callable, Mapping
from threading import Lock
from typing import Generic, TypeVar

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from cloudpulse.ports import Secrets

Key = TypeVar("Key", bound=str | RSAPrivateKey)


class SigningKeys(Generic[Key]):
    """Keys that other processes may make and rotate too; ``now`` returns seconds since 1970.

    ``make`` returns a new secret, ``load`` the key in one. An earlier key stays valid for ``keep_seconds``, which must
    be as long as any token lives.
    """

    def __init__(
        self,
        secrets: Secrets,
        name: str,
        make: Callable[[], str],
        load: Callable[[str], Key],
        keep_seconds: int,
        now: Callable[[], float],
    ) -> None:
        self._secrets = secrets
        self._name = name
        self._make = make
        self._load = load
        self._keep_seconds = keep_seconds
        self._now = now
        self._keys: dict[str, Key] = {}
        self._making = Lock()

    def read(self) -> Mapping[str, Key]:
        """The keys of this moment, the newest first."""
        versions = self._secrets.versions(self._name, int(self._now()))
        known = self._keys
        if [version.version for version in versions] != list(known):
            known = {one.version: known.get(one.version) or self._load(one.value) for one in versions}
            self._keys = known
        return known

    def newest(self) -> tuple[str, Key]:
        """The kid and the key to sign with; the first one is made here."""
        keys = self.read()
        if not keys:
            with self._making:
                # Another process may find none in the same moment: what it has signed by then stays valid.
                keys = self.read() or self.rotate()
        return next(iter(keys.items()))

    def rotate(self, end_previous: bool = False) -> Mapping[str, Key]:
        """Sign with a new key from now on; with ``end_previous`` no other key verifies any more."""
        self._secrets.put(self._name, self._make(), int(self._now()), 0 if end_previous else self._keep_seconds)
        return self.read()
