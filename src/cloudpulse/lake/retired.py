"""What retention has taken from silver, told by the lake itself: in the same commit as the rows went."""

import datetime as dt

import msgspec
from pyiceberg.table.metadata import TableMetadata

PROPERTY = "cloudpulse.retired"


class Retired(msgspec.Struct, frozen=True, omit_defaults=True):
    """``events`` rows have gone by their age; of each type in ``before``, all days before that date were taken."""

    events: int = 0
    before: dict[str, dt.date] = {}

    def and_also(self, events: int, before: dict[str, dt.date]) -> "Retired":
        """This and what goes now."""
        later = {kind: max(day, self.before.get(kind, day)) for kind, day in before.items()}
        return Retired(self.events + events, self.before | later)

    def covers(self, day: dt.date, event_type: str) -> bool:
        """Whether a partition was taken: its rows must not come back from bronze."""
        return event_type in self.before and day < self.before[event_type]

    def properties(self) -> dict[str, str]:
        """The table properties that tell it."""
        return {PROPERTY: msgspec.json.encode(self).decode()}


def retired_of(metadata: TableMetadata) -> Retired:
    """What a version of the table has lost by age."""
    return msgspec.json.decode(metadata.properties.get(PROPERTY, "{}"), type=Retired)
