"""Files in which owners of clients find the secrets that the rotation makes: ``<client_id>.json``, mode 0600."""

import os
from collections.abc import Collection
from pathlib import Path

import msgspec

from cloudpulse.auth.clients import RotatedSecret

PUBLISHED = ".json"
PREPARED = ".json.new"


class SecretFiles:
    """One file a client. A secret is prepared before it counts and published after, so that a crash loses none."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def prepare(self, secret: RotatedSecret) -> None:
        """Keep a secret durably in a file that its owner does not read yet."""
        self._folder.mkdir(mode=0o700, exist_ok=True)
        self._folder.chmod(0o700)
        write_private(self._folder / f"{secret.client_id}{PREPARED}", msgspec.json.encode(secret) + b"\n")
        self._sync_folder()

    def prepared(self) -> list[RotatedSecret]:
        """What was prepared and is not published; a file that a crash has torn goes."""
        found = []
        for path in sorted(self._folder.glob(f"*{PREPARED}")):
            try:
                found.append(msgspec.json.decode(path.read_bytes(), type=RotatedSecret))
            except msgspec.MsgspecError:
                path.unlink()
        return found

    def publish(self, client_id: str) -> None:
        """Let the prepared secret take the place of the one before."""
        (self._folder / f"{client_id}{PREPARED}").replace(self._folder / f"{client_id}{PUBLISHED}")
        self._sync_folder()

    def discard(self, client_id: str) -> None:
        """Delete the prepared secret."""
        (self._folder / f"{client_id}{PREPARED}").unlink(missing_ok=True)

    def keep_only(self, client_ids: Collection[str]) -> None:
        """Remove the files of all other clients."""
        for path in self._folder.glob(f"*{PUBLISHED}"):
            if path.name.removesuffix(PUBLISHED) not in client_ids:
                path.unlink()

    def _sync_folder(self) -> None:
        descriptor = os.open(self._folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def write_private(path: Path, content: bytes) -> None:
    """Write a new file that only its owner may read, and sync it; one that is there goes first."""
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(descriptor)
