"""What a comparison finds, as it is reported (mechanism 16). Pure."""

import datetime as dt
from collections import Counter
from collections.abc import Iterable
from typing import Literal

from cloudpulse.events.times import from_minute, rfc3339
from cloudpulse.lake.retired import Retired
from cloudpulse.lake.snapshot import LakeFile
from cloudpulse.ops.reconciliation.cells import Differing
from cloudpulse.ops.reconciliation.reports import MAX_LISTED, Difference, FileFault, Kind, Layer


class Findings:
    """Collects divergences: the first ones as they are, the number and the places of all.

    ``minutes`` are those of wrong live counters, ``days`` those of wrong silver, ``files`` the faulty ones of silver by
    their paths.
    """

    def __init__(self, retired: Retired) -> None:
        self._retired = retired
        self.compared = Counter[str]()
        self.cells = 0
        self.differences: list[Difference] = []
        self.explained: list[Difference] = []
        self.files: dict[str, FileFault] = {}
        self.minutes: set[int] = set()
        self.days: set[dt.date] = set()

    def add(self, layer: Layer, unit: Literal["minute", "hour"], cells: int, differing: Iterable[Differing]) -> None:
        """Take in the result of ``cells.compare``. Silver that went by its age is not missed."""
        self.compared[f"{layer}_{unit}s"] += cells
        for cell in differing:
            at = from_minute(cell.minute)
            if layer == "batch" and self._retired.covers(at.date(), cell.event_type):
                continue
            one = Difference(
                layer=layer,
                kind=_kind(cell),
                app=cell.app,
                event_type=cell.event_type,
                expected=cell.expected,
                found=cell.found,
                minute=rfc3339(at) if unit == "minute" else None,
                hour=rfc3339(at) if unit == "hour" else None,
            )
            if one.kind != "dead-lettered":
                self._diverges(one, cell.minute)
            elif len(self.explained) < MAX_LISTED:
                self.explained.append(one)

    def add_sketches(self, lost: Iterable[tuple[str, int]]) -> None:
        """Take in (app, minute) of live counters whose sessions nobody can count."""
        for app, minute in lost:
            at = rfc3339(from_minute(minute))
            self._diverges(
                Difference(layer="speed", kind="lost-sketch", minute=at, app=app, expected=1, found=0), minute
            )

    def add_file(self, file: LakeFile, fault: FileFault) -> None:
        """Take in a faulty file of silver."""
        self.files[file.path] = fault
        self.days.add(file.day)

    def _diverges(self, one: Difference, minute: int) -> None:
        self.cells += 1
        if one.layer == "speed":
            self.minutes.add(minute)
        else:
            self.days.add(from_minute(minute).date())
        if len(self.differences) < MAX_LISTED:
            self.differences.append(one)


def _kind(cell: Differing) -> Kind:
    right = cell.expected - cell.parked
    if cell.found == right:
        return "dead-lettered"
    return "lost" if cell.found < right else "doubled"
