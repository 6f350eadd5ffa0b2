"""The folder of a backup: files under the hash of their content, and a manifest that is written last.

What the manifest of the backup before names stays as it is until the next manifest is whole, so an interrupted backup
leaves the one before intact. A file that lies unchanged in both is there once.
"""

import fcntl
import hashlib
import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Annotated

import msgspec

from cloudpulse.errors import DataFolderBusy, NotFound, StoreError, UserError
from cloudpulse.lake.fileio import make_directory, sync_directory, write_durably

FORMAT = 1
MANIFEST = "manifest.json"
OBJECTS = "objects"
_CHUNK_BYTES = 1 << 20


class Entry(msgspec.Struct, frozen=True):
    """One file of the data folder: its path there, and its content; ``modified`` is in nanoseconds since 1970."""

    path: str
    sha256: Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}$")]
    bytes: int
    modified: int


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """What one backup holds. ``warnings`` names what was wrong with the data folder itself."""

    format: int
    product: str
    taken_at: str
    source: str
    files: list[Entry]
    warnings: list[str] = []


class Damaged(UserError):
    """A backup is not what was written, or is none."""

    code = "damaged_backup"


class Vault:
    """One backup folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder.absolute()
        self._known: dict[str, Entry] = {}
        self._touched: set[Path] = set()

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Have the folder for oneself; it is made where it is missing, and cleared of what a crash left.

        Raises ``UserError`` for one that holds something else or cannot be had, ``DataFolderBusy`` while another backup
        is written.
        """
        try:
            self._make()
        except OSError as exc:
            raise UserError(f"{self.folder} cannot be written: {exc.strerror}. Name another folder.") from exc
        handle = os.open(self.folder / OBJECTS, os.O_RDONLY)
        try:
            _lock(handle, self.folder)
            for path in self.folder.glob(".*"):
                shutil.rmtree(path) if path.is_dir() else path.unlink()
            if (self.folder / MANIFEST).exists():
                self._known = {entry.path: entry for entry in self.manifest().files}
            yield
        finally:
            os.close(handle)

    def _make(self) -> None:
        if self.folder.exists() and any(self.folder.iterdir()) and not (self.folder / OBJECTS).is_dir():
            raise UserError(f"{self.folder} holds something that is no backup: name an empty folder.")
        make_directory(self.folder / OBJECTS)
        self.folder.chmod(0o700)  # secrets are among the files

    def manifest(self) -> Manifest:
        """What the backup holds; raises ``NotFound`` or ``Damaged``."""
        try:
            found = msgspec.json.decode((self.folder / MANIFEST).read_bytes(), type=Manifest)
        except FileNotFoundError as exc:
            raise NotFound(f"there is no backup in {self.folder}, or the first one did not come to its end.") from exc
        except (OSError, msgspec.MsgspecError) as exc:
            raise Damaged(f"the manifest of the backup in {self.folder} cannot be read.") from exc
        if any(Path(entry.path).is_absolute() or ".." in Path(entry.path).parts for entry in found.files):
            raise Damaged(f"the manifest of the backup in {self.folder} names files outside the data folder.")
        if found.format > FORMAT:
            raise UserError(f"the backup was made by CloudPulse {found.product}: restore it with that version.")
        return found

    def add(self, path: Path, name: str, share: bool = False) -> Entry:
        """Take a file in, as ``name``; ``share``: it never changes in place, so that a hard link will do."""
        with _full_disk_told(self.folder):
            status = path.stat()
            known = self._known.get(name)
            if known and (known.bytes, known.modified) == (status.st_size, status.st_mtime_ns) and self._holds(known):
                return known
            temporary = self.folder / f".{uuid.uuid4()}.tmp"
            try:
                digest, size = _take(path, temporary, share)
                entry = Entry(name, digest, size, status.st_mtime_ns)
                if not self._holds(entry):
                    self._put(temporary, entry)
            finally:
                temporary.unlink(missing_ok=True)
        self._known[name] = entry
        return entry

    def finish(self, manifest: Manifest) -> None:
        """Make the backup valid, then remove what it does not name."""
        with _full_disk_told(self.folder):
            for folder in self._touched | {self.folder / OBJECTS}:
                sync_directory(folder)
            write_durably(self.folder / MANIFEST, msgspec.json.format(msgspec.json.encode(manifest)))
        named = {self.object(entry) for entry in manifest.files}
        for path in (self.folder / OBJECTS).rglob("*"):
            if path.is_file() and path not in named:
                path.unlink()

    def object(self, entry: Entry) -> Path:
        """Where the content of a file lies."""
        return self.folder / OBJECTS / entry.sha256[:2] / entry.sha256

    def copy_out(self, entry: Entry, target: Path) -> None:
        """Write a file of the backup; raises ``Damaged`` when it is not what went in."""
        make_directory(target.parent)
        try:
            digest, _ = _take(self.object(entry), target, share=False)
        except FileNotFoundError as exc:
            raise Damaged(f"the backup in {self.folder} lacks {entry.path}.") from exc
        if digest != entry.sha256:
            raise Damaged(f"the backup in {self.folder} is damaged: {entry.path} is not what was written.")

    def _holds(self, entry: Entry) -> bool:
        path = self.object(entry)
        return path.is_file() and path.stat().st_size == entry.bytes

    def _put(self, temporary: Path, entry: Entry) -> None:
        target = self.object(entry)
        target.parent.mkdir(exist_ok=True)
        self._touched.add(target.parent)
        os.replace(temporary, target)


def _lock(handle: int, folder: Path) -> None:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as exc:
        raise DataFolderBusy(f"another backup is being written to {folder}: wait for its end.") from exc


def _take(source: Path, target: Path, share: bool) -> tuple[str, int]:
    """(hash, size) of what is at ``target`` afterwards."""
    if share and _link(source, target):
        with target.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest(), target.stat().st_size
    digest, size = hashlib.sha256(), 0
    with source.open("rb") as reader, target.open("xb") as writer:
        while chunk := reader.read(_CHUNK_BYTES):
            digest.update(chunk)
            size += writer.write(chunk)
        writer.flush()
        os.fsync(writer.fileno())
    return digest.hexdigest(), size


def _link(source: Path, target: Path) -> bool:
    with suppress(OSError):
        os.link(source, target)
        return True
    return False


@contextmanager
def _full_disk_told(folder: Path) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError:
        raise
    except OSError as exc:
        raise StoreError(
            f"{folder} cannot be written: {exc.strerror}. The backup before this one is as it was."
        ) from exc
