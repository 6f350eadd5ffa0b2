"""The live data files of a snapshot, with manifests read once."""

from collections.abc import Callable
from typing import Generic, TypeVar

from pyiceberg.io import FileIO
from pyiceberg.manifest import DataFile, ManifestFile
from pyiceberg.table.metadata import TableMetadata

T = TypeVar("T")


class ManifestCache(Generic[T]):
    """Lists files as ``convert`` makes them; manifests never change, so only new ones are read."""

    def __init__(self, convert: Callable[[DataFile], T]) -> None:
        self._convert = convert
        self._manifests: dict[str, list[T]] = {}

    def files(self, metadata: TableMetadata, io: FileIO) -> list[T]:
        """The data files of the current snapshot; none when there is no snapshot yet."""
        snapshot = metadata.current_snapshot()
        manifests = snapshot.manifests(io) if snapshot else []
        self._manifests = {
            manifest.manifest_path: self._manifests.get(manifest.manifest_path) or self._read(manifest, io)
            for manifest in manifests
        }
        return [file for files in self._manifests.values() for file in files]

    def _read(self, manifest: ManifestFile, io: FileIO) -> list[T]:
        return [self._convert(entry.data_file) for entry in manifest.fetch_manifest_entry(io)]
