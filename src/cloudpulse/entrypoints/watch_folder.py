"""The watched folder: each complete file begins an execution, and is moved when that has ended.

Nothing is remembered but in the history of executions: a file's name and content name its execution, so one that is
looked at again, after a restart or a failure, is not taken twice.
"""

import errno
import fcntl
import gzip
import hashlib
import os
import signal
import stat
import threading
import zlib
from collections.abc import Callable, Iterator
from contextlib import suppress
from io import BufferedReader
from pathlib import Path
from typing import NamedTuple

import structlog
import zstandard

from cloudpulse.entrypoints.rounds import END_SECONDS
from cloudpulse.errors import UserError
from cloudpulse.events.activity import format_of
from cloudpulse.ops.workflows import Upload, WorkflowService
from cloudpulse.ports import Execution
from cloudpulse.telemetry import sentence, told

WORKFLOW = "activity"
CLIENT_ID = "watch-folder"
APP = "default"
DONE, FAILED = "done", "failed"
PACE_SECONDS = 1.0
STABLE_SECONDS = 5.0
CHUNK_BYTES = 1 << 20
ZSTD_STEP_BYTES = 1024
"""At most 32 MiB when inflated, for 4 bytes may stand for a block of 128 KiB."""

log = structlog.get_logger(__name__)


class Form(NamedTuple):
    """What a file looks like from outside: while this changes, somebody writes."""

    inode: int
    size: int
    modified: int


class Seen(NamedTuple):
    """A file that waits, since when it has had this form, and the execution that it began."""

    form: Form
    since: float
    execution_id: str | None = None


class FolderWatch(threading.Thread):
    """Looks at the folder once a second; ``clock`` counts seconds."""

    def __init__(self, folder: Path, workflows: WorkflowService, clock: Callable[[], float]) -> None:
        super().__init__(name="watch-folder", daemon=True)
        self._folder = folder
        self._workflows = workflows
        self._clock = clock
        self._seen: dict[str, Seen] = {}
        self._ended = threading.Event()
        self._is_failing = False

    def run(self) -> None:
        """Look until ``stop``."""
        while not self._ended.wait(PACE_SECONDS):
            try:
                self.look()
                self._is_failing = False
            except Exception as exc:
                if not self._is_failing:
                    log.error("the watched folder cannot be read", **told(exc))
                self._is_failing = True

    def stop(self) -> None:
        """End after the look under way, if it ends soon."""
        self._ended.set()
        self.join(END_SECONDS)

    def look(self) -> None:
        """Begin an execution for each file that is complete, and move those whose execution has ended."""
        now = self._clock()
        files = self._files()
        self._seen = {name: self._seen.get(name) or Seen(form, now) for name, form in files.items()}
        failures = []
        for name, seen in list(self._seen.items()):
            if self._ended.is_set():
                return
            try:
                self._look_at(name, seen, files[name], now)
            except FileNotFoundError:
                pass  # somebody has taken it away again
            except OSError as exc:
                failures.append(exc)  # one that cannot be moved holds up no other
        if failures:
            raise failures[0]

    def _look_at(self, name: str, seen: Seen, form: Form, now: float) -> None:
        if seen.execution_id is not None:
            self._finish(name, seen, form, self._workflows.show(seen.execution_id))
        elif seen.form != form:
            self._seen[name] = Seen(form, now)
        elif now - seen.since >= STABLE_SECONDS:
            self._take(name, seen, now)

    def _files(self) -> dict[str, Form]:
        """Name → form of what may be taken."""
        found = {}
        with os.scandir(self._folder) as entries:
            for entry in entries:
                if format_of(entry.name) is not None and entry.is_file(follow_symlinks=False):
                    with suppress(FileNotFoundError):
                        found[entry.name] = _form(entry.stat(follow_symlinks=False))
        return found

    def _take(self, name: str, seen: Seen, now: float) -> None:
        """Begin the execution of a file, unless it is still written to."""
        try:
            with _opened(self._folder / name) as file:
                if _is_written(file) or _form(os.fstat(file.fileno())) != seen.form:
                    self._seen[name] = seen._replace(since=now)
                    return
                digest = hashlib.file_digest(file, "sha256").digest()
                file.seek(0)
                execution = self._workflows.start(WORKFLOW, _upload(name, file, digest), _key(name, digest))
        except (UserError, PermissionError) as exc:
            self._move(name, FAILED, exc.strerror if isinstance(exc, OSError) else sentence(exc))
        else:
            self._seen[name] = seen._replace(execution_id=execution.id)

    def _finish(self, name: str, seen: Seen, form: Form, execution: Execution) -> None:
        if execution.status not in ("done", "failed"):
            return
        if form != seen.form:
            self._move(name, FAILED, f"It was changed after {execution.id} had read it.")
        elif execution.status == "done":
            self._move(name, DONE)
        else:
            self._move(name, FAILED, f"{execution.id}: {execution.error}")

    def _move(self, name: str, folder: str, reason: str | None = None) -> None:
        """Move a file away; its reason stands beside it. No file that is there already is replaced."""
        (self._folder / folder).mkdir(exist_ok=True)
        if (self._folder / folder).is_symlink():  # whoever may put files here, chooses no other folder
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))
        target = self._folder / folder / name
        copies = 1
        while os.path.lexists(target):
            copies += 1
            target = target.with_name(f"{copies}-{name}")
        if reason is not None:
            _write_anew(target.with_name(f"{target.name}.reason"), f"{reason}\n")
        os.rename(self._folder / name, target)
        del self._seen[name]
        log.info("a file was moved", folder=folder)


def _key(name: str, digest: bytes) -> str:
    """What names the execution of a file, whose name need not be UTF-8."""
    return f"{os.fsencode(name).decode(errors='backslashreplace')}\n{digest.hex()}"


def _write_anew(path: Path, text: str) -> None:
    """Write a file that follows no link which somebody put in its place."""
    path.unlink(missing_ok=True)
    with path.open("x") as file:
        file.write(text)


def _form(status: os.stat_result) -> Form:
    return Form(status.st_ino, status.st_size, status.st_mtime_ns)


def _opened(path: Path) -> BufferedReader:
    """The file itself: no link that somebody put in its place, and nothing that would not end."""
    handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise UserError("It is no regular file.")
    return open(handle, "rb")


def _is_written(file: BufferedReader) -> bool:
    """Whether any process has the file open for writing, where the system tells: a read lease is refused then."""
    try:
        fcntl.fcntl(file, fcntl.F_SETSIG, signal.SIGURG)  # who breaks the lease sends one that is ignored
        fcntl.fcntl(file, fcntl.F_SETLEASE, fcntl.F_RDLCK)
        fcntl.fcntl(file, fcntl.F_SETLEASE, fcntl.F_UNLCK)
    except (OSError, AttributeError) as exc:
        return isinstance(exc, OSError) and exc.errno in (errno.EAGAIN, errno.EBUSY)
    return False


def _upload(name: str, file: BufferedReader, digest: bytes) -> Upload:
    kind, encoding = format_of(name) or ("ndjson", "")
    return Upload(kind=kind, chunks=_inflated(file, encoding), digest=digest, client_id=CLIENT_ID, app=APP)


def _inflated(file: BufferedReader, encoding: str) -> Iterator[bytes]:
    """The content of a file in pieces; raises ``UserError`` for a damaged one."""
    try:
        if encoding == "zstd":
            yield from _inflated_zstd(file)
        else:
            reader = gzip.GzipFile(fileobj=file) if encoding == "gzip" else file
            while chunk := reader.read(CHUNK_BYTES):
                yield chunk
    except (OSError, EOFError, zlib.error, zstandard.ZstdError) as exc:
        raise UserError("The file is damaged, or ends too early.") from exc


def _inflated_zstd(file: BufferedReader) -> Iterator[bytes]:
    new_frame = zstandard.ZstdDecompressor(max_window_size=1 << 27).decompressobj
    frame = None
    while chunk := file.read(ZSTD_STEP_BYTES):
        while chunk:
            frame = frame or new_frame()
            yield frame.decompress(chunk)
            chunk, frame = (frame.unused_data, None) if frame.eof else (b"", frame)
    if frame is not None:
        raise EOFError
