"""The reports of reconciliations (mechanism 16)."""

from collections.abc import Sequence
from typing import Literal

import msgspec

from cloudpulse.events.times import micros, parse
from cloudpulse.ports import Records

KIND = "reconciliation"
"""Records kind: reports under keys that count down, so that the newest stands first."""
KEPT = 200
MAX_LISTED = 500
"""So many differences are listed in a report; it counts all."""
_LAST_KEY = 10**20 - 1

Layer = Literal["speed", "batch"]
Kind = Literal["lost", "doubled", "lost-sketch", "dead-lettered"]
Status = Literal["ok", "diverged", "repaired"]


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """A layer holds other than the ``expected`` events of a minute and app, or of an hour: fewer, or more.

    Of ``dead-lettered`` ones all that is missing is known to be a dead letter, or was purged. A ``lost-sketch`` is that
    of the sessions of a minute and app.
    """

    layer: Layer
    kind: Kind
    minute: str | None = None
    hour: str | None = None
    app: str | None = None
    event_type: str | None = None
    expected: int
    found: int
    repaired: bool = False


class FileFault(msgspec.Struct, frozen=True, kw_only=True):
    """A file is gone, or is not what was written. ``path`` is relative to the data folder."""

    store: Literal["bronze", "silver"]
    kind: Literal["lost", "altered"]
    path: str
    events: int
    repaired: bool = False


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """One reconciliation of what was accepted up to one position: batch ``speed`` of ``journal``.

    Silver has the batches up to ``lake`` of them. Minutes are compared from ``minutes_from`` on, before that hours;
    ``compared`` says how many cells and files. ``found`` counts divergences of cells, files and ledger, ``left`` those
    that are not repaired; of ``differences``, ``explained`` ones and ``files`` the first 500 are listed.
    """

    at: str
    status: Status
    journal: str
    lake: int
    speed: int
    minutes_from: str
    compared: dict[str, int]
    found: int
    left: int
    differences: Sequence[Difference]
    explained: Sequence[Difference]
    files: Sequence[FileFault]
    ledger_gaps: Sequence[str]
    todo: Sequence[str]


class Reports:
    """The reports that are kept."""

    def __init__(self, records: Records) -> None:
        self._records = records

    def keep(self, report: Report) -> None:
        """Keep a report, and no more than the newest ones."""
        key = f"{_LAST_KEY - micros(parse(report.at)):020d}"
        self._records.put(KIND, {key: msgspec.to_builtins(report)})
        self._records.delete(KIND, [key for key, _ in self._records.list(KIND)][KEPT:])

    def newest(self, limit: int) -> list[Report]:
        """The newest reports, newest first."""
        return [msgspec.convert(document, Report) for _, document in self._records.list(KIND, limit=limit)]

    def gauges(self) -> dict[str, float]:
        """For Prometheus: how many divergences the newest report leaves."""
        return {"reconciliation_divergences": float(sum(report.left for report in self.newest(1)))}
