"""What a commit says of its batches where they have no order: each has a key, and the snapshot names them all.

Several writers may commit at once then, and whoever does not know whether a commit landed looks for its keys. A
snapshot that names batches stays until it is noted elsewhere that they are stored (see ``Lake.expire_keyed``).
"""

import msgspec
from pyiceberg.table.metadata import TableMetadata
from pyiceberg.table.snapshots import Snapshot

from cloudpulse.lake.bronze import BronzeFile

MAX_BATCHES = 100
"""Of one commit: their keys are part of the table's metadata, 3 kB then."""
_PROPERTY = "cloudpulse.batches"


class KeyedObject(msgspec.Struct, frozen=True):
    """A bronze object, and the keys of the batches in it."""

    file: BronzeFile
    keys: tuple[str, ...]


class KeyedCommit(msgspec.Struct, frozen=True):
    """The batches of one commit, by the bronze objects that hold them."""

    objects: tuple[KeyedObject, ...]

    @property
    def keys(self) -> frozenset[str]:
        """Those of all its batches."""
        return frozenset(self.locations())

    def locations(self) -> dict[str, str]:
        """The name of the bronze object of each batch."""
        return {key: one.file.path for one in self.objects for key in one.keys}

    def properties(self) -> dict[str, str]:
        """What the snapshot's summary says of it."""
        return {_PROPERTY: msgspec.json.encode(self).decode()}


def commit_of(snapshot: Snapshot) -> KeyedCommit | None:
    """The batches that a snapshot names; None when it is no commit of batches with keys."""
    said = snapshot.summary.additional_properties.get(_PROPERTY) if snapshot.summary else None
    return None if said is None else msgspec.json.decode(said, type=KeyedCommit)


def commits_of(metadata: TableMetadata) -> list[KeyedCommit]:
    """The commits that the history of a version still names."""
    return [commit for snapshot in metadata.snapshots if (commit := commit_of(snapshot))]
