"""Files that survive a power cut, for pyiceberg syncs nothing by itself; and objects of a bucket."""

import io
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, cast

import pyarrow.fs as pafs
from pyiceberg.io import S3_ENDPOINT, S3_REGION, OutputStream
from pyiceberg.io.pyarrow import PyArrowFile, PyArrowFileIO
from pyiceberg.typedef import EMPTY_DICT, Properties

_LOCAL = "file://"


def local_path(location: str) -> str:
    """The path behind a ``file://`` location; any other location as it is."""
    return location.removeprefix(_LOCAL)


def sync_directory(folder: str | Path) -> None:
    """Make the names in a folder durable."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def make_directory(folder: str | Path) -> None:
    """Create a folder and what is missing above it, durably."""
    missing = []
    folder = Path(folder)
    while not folder.exists():
        missing.append(folder)
        folder = folder.parent
    for path in reversed(missing):
        path.mkdir(exist_ok=True)
        sync_directory(path.parent)


def temporary_of(path: Path) -> Path:
    """Where ``write_durably`` writes a file before it gets its name."""
    return path.with_name(f".{path.name}.tmp")


def write_durably(path: Path, content: bytes) -> None:
    """Write a file that is either whole, on disk and at its name, or not there."""
    with durable_file(path) as file:
        file.write(content)


@contextmanager
def durable_file(path: Path) -> Iterator[BinaryIO]:
    """A file to write in pieces: once the block has ended well it is whole, on disk and at its name."""
    make_directory(path.parent)
    temporary = temporary_of(path)
    try:
        with open(temporary, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    os.replace(temporary, path)
    sync_directory(path.parent)


class _DurableWriter(io.BufferedWriter):
    """A new file that is on disk once it is closed."""

    def __init__(self, path: Path) -> None:
        make_directory(path.parent)
        self._folder = path.parent
        super().__init__(io.FileIO(path, "wb"), buffer_size=1 << 20)

    def close(self) -> None:
        if self.closed:
            return
        try:
            self.flush()
            os.fsync(self.fileno())
        finally:
            super().close()
        sync_directory(self._folder)


class _DurableFile(PyArrowFile):
    def create(self, overwrite: bool = False) -> OutputStream:
        """Open a local file for writing; closing it syncs the file and its folder."""
        if not overwrite and self.exists():
            raise FileExistsError(f"Cannot create file, already exists: {self.location}")
        return cast(OutputStream, _DurableWriter(Path(self._path)))


class _NewObject(PyArrowFile):
    def create(self, overwrite: bool = False) -> OutputStream:
        """Open an object for writing; no name is used twice but for the same content, so nobody looks for it first."""
        return super().create(overwrite=True)


class DurableFileIO(PyArrowFileIO):
    """pyiceberg's file system, with local files synced on close; objects are durable once they are closed."""

    @staticmethod
    def parse_location(location: str, properties: Properties = EMPTY_DICT) -> tuple[str, str, str]:
        """(scheme, host, path); a local path is taken as it is, for ``#`` and ``?`` may stand in a folder's name."""
        if location.startswith(_LOCAL):
            return "file", "", local_path(location)
        return PyArrowFileIO.parse_location(location, properties)

    def new_output(self, location: str) -> PyArrowFile:
        """A file to write at ``location``."""
        output = super().new_output(location)
        kind = _DurableFile if location.startswith(_LOCAL) else _NewObject
        return kind(location=location, path=output._path, fs=output._filesystem)

    def _initialize_s3_fs(self, netloc: str | None) -> pafs.FileSystem:
        return _s3(self.properties)


def _s3(properties: Properties) -> pafs.FileSystem:
    return pafs.S3FileSystem(
        endpoint_override=properties.get(S3_ENDPOINT),
        region=properties.get(S3_REGION),
        allow_delayed_open=True,  # a small object is one request then, and there whole or not at all
    )


class Objects:
    """The objects of a bucket by their names."""

    def __init__(self, bucket: str, properties: Properties) -> None:
        self._bucket = bucket
        self._files = _s3(properties)

    def write(self, name: str, content: bytes) -> None:
        """Write an object, durable on return."""
        # By default Arrow compresses what is called .zst.
        with self._files.open_output_stream(f"{self._bucket}/{name}", compression=None) as stream:
            stream.write(content)

    def read(self, name: str) -> bytes:
        """The content of an object; raises FileNotFoundError."""
        with self._files.open_input_file(f"{self._bucket}/{name}") as stream:
            return bytes(stream.read())
