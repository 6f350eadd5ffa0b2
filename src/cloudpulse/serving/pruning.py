"""Which rows a statement can use at most, as far as its own conditions tell: enough to leave files alone."""

import datetime as dt
import re
from collections.abc import Iterator

from sqlglot import exp

from cloudpulse.events.times import UTC, micros
from cloudpulse.serving.bounds import Bounds

_MOMENT = re.compile(r"\d{4}-\d\d-\d\d([ T]\d\d:\d\d(:\d\d(\.\d{1,6})?)?(Z|[+-]\d\d(:\d\d)?)?)?")
_FLIPPED = {exp.GT: exp.LT, exp.GTE: exp.LTE, exp.LT: exp.GT, exp.LTE: exp.GTE, exp.EQ: exp.EQ}
_LONGEST = {exp.DType.DATE: len("2026-01-01"), exp.DType.TIMESTAMP: len("2026-01-01T00:00:00")}
"""A cast to such a type would cut off what is longer, or may."""
_UNITS = {"DAY": 86_400, "HOUR": 3_600, "MINUTE": 60, "SECOND": 1, "WEEK": 7 * 86_400}


def bounds_of(tree: exp.Expr, relation: str, time_column: str) -> Bounds:
    """What all uses of a relation together can need."""
    found: Bounds | None = None
    for table in tree.find_all(exp.Table):
        if table.name.lower() == relation:
            one = _bounds_of_use(table, time_column)
            found = one if found is None else found | one
    return found or Bounds()


def _bounds_of_use(table: exp.Table, time_column: str) -> Bounds:
    """The conditions that every row of one use must meet: those joined by AND in the WHERE beside it.

    An outer join changes nothing: a condition on a column of the relation is not met where it is null.
    """
    select = table.parent_select
    place = table.parent
    if not isinstance(select, exp.Select) or not isinstance(place, exp.From | exp.Join) or place.parent is not select:
        return Bounds()
    where = select.args.get("where")
    alias = table.args.get("alias")
    if where is None or (alias is not None and alias.args.get("columns")):  # columns may have changed their names
        return Bounds()
    alone = not select.args.get("joins") and not select.args.get("laterals") and not table.args.get("joins")
    names = {table.alias_or_name.lower()} | ({""} if alone else set())
    if any(join.args.get("method") for join in select.args.get("joins") or ()):
        return Bounds()  # ASOF and POSITIONAL look at neighbours, which must be there
    total = Bounds()
    for condition in where.this.flatten() if isinstance(where.this, exp.And) else [where.this]:
        total = total & _bounds_of_condition(condition.unnest(), names, time_column)
    return total


def _bounds_of_condition(condition: exp.Expr, names: set[str], time_column: str) -> Bounds:
    def is_column(node: exp.Expr, name: str) -> bool:
        return isinstance(node, exp.Column) and node.name.lower() == name and node.table.lower() in names

    if isinstance(condition, exp.Between) and is_column(condition.this, time_column):
        return Bounds(_moment(condition.args["low"]), _moment(condition.args["high"]))
    if isinstance(condition, exp.In) and is_column(condition.this, "event_type"):
        values = condition.expressions
        texts = values and all(isinstance(value, exp.Literal) and value.is_string for value in values)
        return Bounds(event_types=frozenset(value.name for value in values)) if texts else Bounds()
    for kind, left, right in _comparisons(condition):
        if kind is exp.EQ and is_column(left, "event_type") and isinstance(right, exp.Literal) and right.is_string:
            return Bounds(event_types=frozenset({right.name}))
        if is_column(left, time_column):
            moment = _moment(right)
            after, before = kind in (exp.GT, exp.GTE, exp.EQ), kind in (exp.LT, exp.LTE, exp.EQ)
            return Bounds(moment if after else None, moment if before else None)
    return Bounds()


def _comparisons(condition: exp.Expr) -> Iterator[tuple[type, exp.Expr, exp.Expr]]:
    """A comparison, read from the left and from the right."""
    kind = type(condition)
    if kind in _FLIPPED:
        yield kind, condition.this, condition.expression
        yield _FLIPPED[kind], condition.expression, condition.this


def _moment(value: exp.Expr) -> int | None:
    """Microseconds of a literal moment, or of one less or plus an interval; None for anything else."""
    value = value.unnest()
    if isinstance(value, exp.Sub | exp.Add):
        base, shift = _moment(value.this), _seconds(value.expression.unnest())
        if base is None or shift is None:
            return None
        return base + (shift if isinstance(value, exp.Add) else -shift) * 1_000_000
    if isinstance(value, exp.Cast) and value.to.this in (exp.DType.DATE, exp.DType.TIMESTAMP, exp.DType.TIMESTAMPTZ):
        longest = _LONGEST.get(value.to.this, 64)
        value = value.this
        if len(value.name) > longest:
            return None
    if not isinstance(value, exp.Literal) or not value.is_string or not _MOMENT.fullmatch(value.name):
        return None
    try:
        moment = dt.datetime.fromisoformat(value.name)
        return micros(moment if moment.tzinfo else moment.replace(tzinfo=UTC))
    except (ValueError, OverflowError):
        return None


def _seconds(interval: exp.Expr) -> int | None:
    if not isinstance(interval, exp.Interval) or not isinstance(interval.this, exp.Literal) or not interval.unit:
        return None
    unit = _UNITS.get(interval.unit.name.upper().removesuffix("S"))
    return int(interval.this.name) * unit if unit and interval.this.name.isdecimal() else None
