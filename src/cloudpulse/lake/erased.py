"""What erasures have taken from silver, told by the lake itself: in the same commit as the rows went."""

from collections.abc import Mapping

import msgspec
from pyiceberg.table.metadata import TableMetadata

PROPERTY = "cloudpulse.erased"


class Taken(msgspec.Struct, frozen=True, array_like=True):
    """What one erasure has taken: so many rows, out of so many files."""

    rows: int = 0
    files: int = 0

    def __add__(self, other: "Taken") -> "Taken":
        return Taken(self.rows + other.rows, self.files + other.files)


class Erased(msgspec.Struct, frozen=True, omit_defaults=True):
    """``events`` rows were erased in all; ``by`` tells of the erasures that were not done yet at the last commit."""

    events: int = 0
    by: dict[str, Taken] = {}

    def and_also(self, taken: Mapping[str, Taken], still_open: frozenset[str]) -> "Erased":
        """This and what goes now; erasures that are done are forgotten."""
        ids = {*self.by, *taken} & still_open
        by = {one: self.by.get(one, Taken()) + taken.get(one, Taken()) for one in ids}
        return Erased(self.events + sum(one.rows for one in taken.values()), by)

    def properties(self) -> dict[str, str]:
        """The table properties that tell it."""
        return {PROPERTY: msgspec.json.encode(self).decode()}


def erased_of(metadata: TableMetadata) -> Erased:
    """What a version of the table has lost by erasures."""
    return msgspec.json.decode(metadata.properties.get(PROPERTY, "{}"), type=Erased)
