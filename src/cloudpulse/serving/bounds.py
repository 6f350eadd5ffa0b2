"""How much of a relation a statement can need at most."""

import msgspec


class Bounds(msgspec.Struct, frozen=True):
    """Rows with ``start`` <= time <= ``end`` (microseconds, None for no bound) of these event types (None for all)."""

    start: int | None = None
    end: int | None = None
    event_types: frozenset[str] | None = None

    def __and__(self, other: "Bounds") -> "Bounds":
        """What both allow."""
        starts, ends = _known(self.start, other.start), _known(self.end, other.end)
        sets = [types for types in (self.event_types, other.event_types) if types is not None]
        return Bounds(
            max(starts, default=None), min(ends, default=None), frozenset.intersection(*sets) if sets else None
        )

    def __or__(self, other: "Bounds") -> "Bounds":
        """What either allows."""
        starts, ends = _known(self.start, other.start), _known(self.end, other.end)
        types = None if self.event_types is None or other.event_types is None else self.event_types | other.event_types
        return Bounds(min(starts) if len(starts) == 2 else None, max(ends) if len(ends) == 2 else None, types)


def _known(*values: int | None) -> list[int]:
    return [value for value in values if value is not None]
