"""Live per-minute counters and session sketches in one DynamoDB table (mechanism 24).

An item per app and minute, one partition an hour: ``minute#<hour>`` / ``<minute>#<app>`` holds a number for each event
type (``t_click``), ``sketch``, and ``version``, which every write raises. Beside it one marker for each batch that it
counts, ``applied#<position>`` / ``<minute>#<app>``. Markers and sum move in one transaction, so that order, redelivery,
splits of shards and bisected batches make no difference. DynamoDB removes all of it a day and some hours later.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

from cloudpulse.engines.aws.dynamo import MAX_ACTIONS, RIVAL_TRIES, Action, Item, Table, key, pauses, transactions
from cloudpulse.errors import StoreError
from cloudpulse.events import sketch
from cloudpulse.events.model import EVENT_TYPES, Position
from cloudpulse.ports import LiveCounts, MinuteCount

KEPT_SECONDS = 26 * 3600
"""After its minute an item may be removed so late; DynamoDB takes up to a few days for it."""

MOST_HOURS = 48
"""Of a longer range, which is as good as all that there is, the whole table is read instead of hour by hour."""

_THREADS = 8
_COUNTS = ", ".join(["sk", *(f"t_{event_type}" for event_type in EVENT_TYPES)])

Cell = tuple[str, int]
"""App and minute."""


class Step(NamedTuple):
    """What a batch, or a part of one, adds."""

    position: Position
    counts: Iterable[MinuteCount]
    sessions: Mapping[Cell, bytes]


class _Part(NamedTuple):
    """What a batch adds to one cell."""

    position: Position
    types: Counter[str]
    body: bytes | None


class DynamoCounters:
    """Port ``Counters``; any number of processes may write. Batches have no order, so there is no position."""

    def __init__(self, table: str) -> None:
        self._table = Table(table)

    def position(self) -> Position | None:
        """None: the counters come from batches that have no order."""
        return None

    def apply(
        self,
        expected: Position | None,
        position: Position,
        counts: Iterable[MinuteCount],
        sessions: Mapping[Cell, bytes],
    ) -> bool:
        """Add what the batch named ``position`` has, once; False when all of it was there. ``expected`` says nothing.

        Each app and minute is a step of its own: after an error some may be counted, and the same call adds the others.
        """
        return position in self.apply_all([Step(position, counts, sessions)])

    def apply_all(self, steps: Iterable[Step]) -> set[Position]:
        """The same for many batches, with one write for all that they add to one app and minute.

        Returns those of which something was added, or that have nothing to add.
        """
        cells: dict[Cell, dict[Position, _Part]] = {}
        new: set[Position] = set()
        for step in steps:
            parts = list(_parts(step))
            if not parts:
                new.add(step.position)
            for cell, part in parts:
                cells.setdefault(cell, {}).setdefault(step.position, part)
        for cell, by_position in cells.items():
            waiting = list(by_position.values())
            for at in range(0, len(waiting), MAX_ACTIONS - 1):
                new |= self._add(cell, waiting[at : at + MAX_ACTIONS - 1])
        return new

    def applied(self, wanted: Iterable[tuple[Position, Cell]]) -> set[tuple[Position, Cell]]:
        """Which of these (position, cell) are counted, a hundred of them in one call."""
        markers = {(_marker(position), _sort_key(cell)): (position, cell) for position, cell in wanted}
        return {markers[found] for found in self._table.there(markers)}

    def range(self, first_minute: int, last_minute: int, with_sessions: bool = True) -> LiveCounts:
        """Counters and sketches of the minutes; each item as it stands at the moment when its page is read."""
        found = list(self._items(first_minute, last_minute, f"{_COUNTS}, sketch" if with_sessions else _COUNTS))
        counts = [
            MinuteCount(app, minute, name.removeprefix("t_"), int(value["N"]))
            for (app, minute), item in found
            for name, value in sorted(item.items())
            if name.startswith("t_")
        ]
        sessions = [(app, minute, bytes(item["sketch"]["B"])) for (app, minute), item in found if "sketch" in item]
        return LiveCounts(None, counts, sessions)

    def replace(
        self,
        position: Position,
        first_minute: int,
        last_minute: int,
        counts: Iterable[MinuteCount],
        sessions: Mapping[Cell, bytes],
    ) -> bool:
        """Set what a range of minutes has; False when a batch was counted there meanwhile. ``position`` says nothing.

        What is known of batches stays. In one step up to 100 apps and minutes: of more, some may be set and others not.
        """
        given = dict(_parts(Step(position, counts, sessions)))
        stored = dict(self._items(first_minute, last_minute, "sk, version"))
        actions = [_set(cell, part, stored.get(cell)) for cell, part in given.items()]
        actions += [_removed(cell, item) for cell, item in stored.items() if cell not in given]
        return not any(self._table.write(*group) for group in transactions(actions))

    def expire(self, before_minute: int) -> int:
        """0: DynamoDB removes minutes by itself."""
        return 0

    def _add(self, cell: Cell, parts: Sequence[_Part]) -> set[Position]:
        """Count parts that are not counted yet, and return their positions."""
        for _ in pauses(RIVAL_TRIES):
            update = _addition(cell, parts, self._stored(cell) if any(part.body for part in parts) else None)
            markers = [_mark(part.position, cell) for part in parts]
            failed = self._table.write(*markers, update)
            if not failed:
                return {part.position for part in parts}
            parts = [part for place, part in enumerate(parts) if place not in failed]
            if not parts:
                return set()
        raise StoreError("Too many writers count the same minute at once; try again.")

    def _stored(self, cell: Cell) -> Item | None:
        return self._table.get(_hour(cell[1]), _sort_key(cell))

    def _items(self, first: int, last: int, attributes: str) -> Iterator[tuple[Cell, Item]]:
        """Items of the minutes from first to last, by minute and app."""
        hours = range(first // 60, last // 60 + 1)
        if len(hours) > MOST_HOURS:
            found = list(self._table.scan("minute#", attributes))
        else:
            bounds = f"{first:08}#", f"{last:08}$"  # $ is the character behind #
            with ThreadPoolExecutor(_THREADS) as pool:
                pages = pool.map(lambda hour: list(self._table.query(f"minute#{hour}", *bounds, attributes)), hours)
                found = [item for page in pages for item in page]
        cells = ((_cell(item), item) for item in found)
        inside = ((cell, item) for cell, item in cells if first <= cell[1] <= last)
        return iter(sorted(inside, key=lambda row: (row[0][1], row[0][0])))


def _parts(step: Step) -> Iterator[tuple[Cell, _Part]]:
    """What a batch adds, by cell."""
    types: dict[Cell, Counter[str]] = {cell: Counter() for cell in step.sessions}
    for count in step.counts:
        types.setdefault((count.app, count.minute), Counter())[count.event_type] += count.events
    for cell, counted in types.items():
        yield cell, _Part(step.position, counted, step.sessions.get(cell))


def _mark(position: Position, cell: Cell) -> Action:
    item = {**key(_marker(position), _sort_key(cell)), "expires": _expires(cell)}
    return Action("Put", {"Item": item}, "attribute_not_exists(pk)")


def _addition(cell: Cell, parts: Sequence[_Part], stored: Item | None) -> Action:
    """Add up the parts; their sketches are merged with the stored one, which must not change meanwhile."""
    types = sum((part.types for part in parts), Counter())
    values: Item = {":one": {"N": "1"}, ":expires": _expires(cell)}
    values |= {f":{name}": {"N": str(events)} for name, events in types.items()}
    sets, condition = "SET expires = :expires", ""
    bodies = [part.body for part in parts if part.body is not None]
    if bodies:
        sets += ", sketch = :sketch"
        before = [bytes(stored["sketch"]["B"])] if stored and "sketch" in stored else []
        values[":sketch"] = {"B": sketch.union([*before, *bodies]) if before or len(bodies) > 1 else bodies[0]}
        condition = "version = :version" if stored else "attribute_not_exists(pk)"
        if stored:
            values[":version"] = stored["version"]
    adds = ", ".join(["version :one", *(f"t_{name} :{name}" for name in types)])
    return Action("Update", {"Key": _key(cell), "UpdateExpression": f"{sets} ADD {adds}"}, condition, values)


def _set(cell: Cell, part: _Part, stored: Item | None) -> Action:
    version = int(stored["version"]["N"]) if stored else 0
    item = {
        **_key(cell),
        **{f"t_{name}": {"N": str(events)} for name, events in part.types.items()},
        **({"sketch": {"B": part.body}} if part.body is not None else {}),
        "version": {"N": str(version + 1)},
        "expires": _expires(cell),
    }
    if stored:
        return Action("Put", {"Item": item}, "version = :version", {":version": stored["version"]})
    return Action("Put", {"Item": item}, "attribute_not_exists(pk)")


def _removed(cell: Cell, stored: Item) -> Action:
    return Action("Delete", {"Key": _key(cell)}, "version = :version", {":version": stored["version"]})


def _key(cell: Cell) -> Item:
    return key(_hour(cell[1]), _sort_key(cell))


def _hour(minute: int) -> str:
    return f"minute#{minute // 60}"


def _marker(position: Position) -> str:
    return f"applied#{position}"


def _sort_key(cell: Cell) -> str:
    app, minute = cell
    return f"{minute:08}#{app}"


def _cell(item: Item) -> Cell:
    minute, _, app = item["sk"]["S"].partition("#")
    return app, int(minute)


def _expires(cell: Cell) -> Item:
    return {"N": str(cell[1] * 60 + KEPT_SECONDS)}
