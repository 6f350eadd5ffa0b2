"""Which statements of users are run: one SELECT over the relations that are named here, made of nothing but what
``vocabulary`` allows.

What is run is not the text that was sent, but text made anew from what was parsed, with every name in quotes: the
engine cannot read into it what was not checked here. The engine itself is locked besides (``local/warehouse``).
"""

import datetime as dt
import logging
import re
from collections.abc import Collection, Iterable, Iterator
from typing import ClassVar

import msgspec
from sqlglot import exp
from sqlglot.dialects.duckdb import DuckDB
from sqlglot.errors import ErrorLevel, SqlglotError
from sqlglot.parsers.duckdb import DuckDBParser

from cloudpulse.errors import UserError
from cloudpulse.serving.answers import MAX_CHARS
from cloudpulse.serving.vocabulary import FUNCTIONS, SYNTAX, TABLE_FUNCTIONS

MAX_NODES = 10_000
"""The parser tries again what it has misread: some statements of 200 characters would take it minutes."""
_NOW = {"now": "TIMESTAMPTZ", "today": "DATE"}
_TABLE_ARGUMENTS = frozenset({"this", "alias", "joins"})
_VALUES = frozenset(
    {f"current_{name}" for name in ("catalog", "date", "role", "schema", "time", "timestamp", "user")}
    | {"localtime", "localtimestamp", "session_user"}
)
"""What the engine takes for functions where there is no such column, also in quotes."""
_WITH_IGNORE_NULLS = ("LAG", "LEAD", "FIRST_VALUE", "LAST_VALUE", "NTH_VALUE")
_WORD = re.compile("[A-Za-z_][A-Za-z0-9_]*")
_NUMBER = re.compile("[0-9]*[.]?[0-9]*([eE][+-]?[0-9]+)?")

# It would warn of what it cannot read, and quote it: statements may name people.
logging.getLogger("sqlglot").disabled = True


class Checked(msgspec.Struct, frozen=True):
    """A statement that may be run: its text, its syntax tree, and the relations that it reads."""

    sql: str
    tree: exp.Expr
    relations: frozenset[str]


class _Statement(DuckDB):
    """DuckDB's syntax with functions left as they are: by the name that was written, and run under that name."""

    class Parser(DuckDBParser):
        FUNCTIONS: ClassVar = {name: DuckDBParser.FUNCTIONS[name] for name in _WITH_IGNORE_NULLS}

    def to_json_path(self, path: exp.Expr | None) -> exp.Expr | None:
        """As it is: ``->> 'a.b'`` asks for one field."""
        return path


def check(sql: str, relations: Collection[str], now: dt.datetime) -> Checked:
    """The statement, with ``now`` in the place of now() and the like; raises ``UserError`` with what is not allowed."""
    if len(sql) > MAX_CHARS:
        raise UserError(f"The statement is longer than {MAX_CHARS:,} characters.")
    try:
        tree = _parse(sql)
        used = {_check_table(table, relations) for table in tree.find_all(exp.Table)} - {None}
        for node in tree.walk():
            _check_node(node)
        fixed = tree.transform(_fix_time, now)
        text = fixed.sql(_Statement, identify=True, comments=False, unsupported_level=ErrorLevel.RAISE)
    except SqlglotError as exc:
        raise UserError(f"The statement cannot be read: {_message(exc)}") from exc
    except RecursionError as exc:
        raise UserError("The statement nests too deeply; divide it with WITH.") from exc
    return Checked(text, fixed, frozenset(name for name in used if name))


def _parse(sql: str) -> exp.Query:
    try:
        parsed = [
            tree for tree in _Statement().parse(sql, max_nodes=MAX_NODES) if tree and type(tree) is not exp.Semicolon
        ]
    except (ValueError, TypeError, AttributeError, KeyError, IndexError) as exc:
        if isinstance(exc, SqlglotError):
            raise
        raise UserError("The statement cannot be read.") from exc  # the parser met what it does not expect
    if len(parsed) != 1 or not isinstance(parsed[0], exp.Query):
        raise UserError("Send exactly one SELECT statement; nothing else is run.")
    return parsed[0]


def _check_node(node: exp.Expr) -> None:
    if type(node) not in SYNTAX:
        raise UserError(f"{type(node).__name__} is not allowed in a statement.")
    if isinstance(node, exp.Anonymous) and node.name.lower() not in FUNCTIONS:
        raise UserError(f"The function {node.name[:64].lower()} is not allowed.")
    if isinstance(node, exp.Column) and node.name.lower() in _VALUES:
        raise UserError(f"{node.name} is not allowed; there is now().")
    if isinstance(node, exp.Var) and not _WORD.fullmatch(node.name):
        raise UserError(f"{node.name[:64]!r} is no word that is known here.")
    if isinstance(node, exp.Literal) and not node.is_string and not _NUMBER.fullmatch(node.name):
        raise UserError(f"{node.name[:64]!r} is no number; write decimal ones.")
    if isinstance(node, exp.DataType) and node.this == exp.DType.USERDEFINED:
        raise UserError("Only DuckDB's own types are allowed.")


def _check_table(table: exp.Table, relations: Collection[str]) -> str | None:
    """The relation that is named, or None for a function or a CTE."""
    if isinstance(table.this, exp.Anonymous):
        if table.this.name.lower() not in TABLE_FUNCTIONS:
            raise UserError(f"The table function {table.this.name.lower()} is not allowed.")
        return None
    name = table.name.lower() if table.name.isascii() else ""
    given = {key for key, value in table.args.items() if value}
    if isinstance(table.this, exp.Identifier) and given <= _TABLE_ARGUMENTS:
        if name in set(_ctes_in_sight(table)):
            return None
        if name in relations:
            return name
    raise UserError(f"There is no relation {table.name[:64]!r} here; use {', '.join(sorted(relations))}.")


def _ctes_in_sight(table: exp.Table) -> Iterator[str]:
    """Names of the CTEs that a table can mean where it stands: beyond their reach such a name means something else."""
    node: exp.Expr = table
    while (parent := node.parent) is not None:
        with_ = parent.args.get("with_")
        if isinstance(parent, exp.With):
            place = next(place for place, cte in enumerate(parent.expressions) if cte is node)
            yield from _names(parent.expressions[: place + bool(parent.recursive)])
        elif with_ is not None and with_ is not node:
            yield from _names(with_.expressions)
        node = parent


def _names(ctes: Iterable[exp.Expr]) -> Iterator[str]:
    """In small letters, as the engine makes them: those of ASCII only, while Python would make k of the Kelvin sign."""
    return (cte.alias.lower() for cte in ctes if cte.alias.isascii())


def _fix_time(node: exp.Expr, now: dt.datetime) -> exp.Expr:
    """One moment for the whole statement, and one that planning knows."""
    kind = _NOW.get(node.name.lower(), "") if isinstance(node, exp.Anonymous) else ""
    if isinstance(node, exp.CurrentTimestamp):
        kind = "TIMESTAMPTZ"
    if isinstance(node, exp.CurrentDate):
        kind = "DATE"
    if not kind:
        return node
    text = now.isoformat() if kind == "TIMESTAMPTZ" else str(now.date())
    return exp.cast(exp.Literal.string(text), kind, dialect=_Statement)


def _message(exc: SqlglotError) -> str:
    """Without what the parser underlines for a terminal."""
    errors = getattr(exc, "errors", None)
    if errors:
        first = errors[0]
        return f"{first.get('description')} at line {first.get('line')}, column {first.get('col')}."
    return str(exc).partition("\n")[0]
