"""What is not documented is not there; and code stays short."""

import ast
import re
from pathlib import Path
from typing import get_args

import msgspec
import pytest
import typer.main
from litestar.routes import HTTPRoute

from cloudpulse.api.app import create_app
from cloudpulse.api.guards import ScopeGuard
from cloudpulse.cli.main import app as cli
from cloudpulse.lake.tables import SILVER
from cloudpulse.ops.alarms.rules import shown
from cloudpulse.ops.alarms.table import ALARMS
from cloudpulse.ops.jobs import JOBS
from cloudpulse.serving.relations import RAW_COLUMNS, SUMMARY_COLUMNS
from cloudpulse.settings import AlarmName, Settings

ROOT = Path(__file__).parents[2]
SOURCES = sorted((ROOT / "src" / "cloudpulse").rglob("*.py"))
MAX_MODULE_LINES = 400
MAX_FUNCTION_LINES = 50


class Services(msgspec.Struct):
    settings: Settings = Settings()


def rows(name: str, section: str = "") -> list[list[str]]:
    """The cells of all table rows whose first cell is code, of one section or all."""
    text = (ROOT / "docs" / name).read_text()
    lines = (text.split(f"\n## {section}\n")[1].split("\n## ")[0] if section else text).splitlines()
    cells = [re.split(r"(?<!\\)\|", line.strip("|")) for line in lines if line.startswith("| `")]
    return [[cell.strip() for cell in row] for row in cells]


def test_every_setting_is_documented_with_its_default():
    documented = {row[0].strip("`"): row for row in rows("settings.md")}
    assert set(documented) == set(Settings.__struct_fields__)
    defaults = Settings()
    for name, (_, default, unit, meaning) in documented.items():
        value = getattr(defaults, name)
        text = ",".join(value) if isinstance(value, tuple) else str(value)
        assert (name, default.strip("`")) == (name, "none" if value in ("", (), {}) else text)
        assert unit
        assert meaning


def test_every_setting_is_used():
    text = "".join(path.read_text() for path in SOURCES)
    assert [name for name in Settings.__struct_fields__ if f".{name}" not in text] == []


def test_every_route_is_documented_with_its_scope():
    routes = set()
    for route in create_app(Services()).routes:
        if isinstance(route, HTTPRoute):
            for handler in route.route_handlers:
                scopes = [f"`{guard.scope}`" for guard in handler.resolve_guards() if isinstance(guard, ScopeGuard)]
                path = re.sub(r"{(\w+):\w+}", r"{\1}", route.path)
                routes |= {(f"`{method} {path}`", " ".join(scopes)) for method in handler.http_methods - {"OPTIONS"}}
    assert routes
    assert {(row[0], row[1]) for row in rows("api.md") if "/" in row[0]} == routes


@pytest.mark.parametrize(
    ("relation", "columns"),
    [("events", SILVER.names), ("raw_events", RAW_COLUMNS), ("daily_summaries", SUMMARY_COLUMNS)],
)
def test_every_column_of_sql_is_documented(relation, columns):
    section = (ROOT / "docs" / "api.md").read_text().split("\n## SQL\n")[1].split("\n## ")[0]
    item = section.split(f"\n- `{relation}`: ")[1].split("\n- ")[0]
    assert [name for name in columns if f"`{name}`" not in item] == []


def commands(command, path: str = "cloudpulse") -> set[str]:
    names = command.list_commands(None) if hasattr(command, "list_commands") else []
    found = [commands(command.get_command(None, name), f"{path} {name}") for name in names]
    return set().union(*found) if found else {path}


def test_every_command_is_documented():
    known = commands(typer.main.get_command(cli))
    documented = [row[0].strip("`") for row in rows("cli.md")]
    assert len(documented) == len(known)
    for name in known:
        assert any(f"{line} ".startswith(f"{name} ") for line in documented), name


def test_what_runs_when_is_documented():
    listed = [
        (name.strip("`"), cron.strip("`"), process, what)
        for name, cron, process, what in rows("operations.md", "What runs when")
    ]
    assert listed == [(job.name, job.cron or "when asked for", job.process, job.what) for job in JOBS]


def test_every_alarm_is_documented_with_what_to_do():
    """In the settings, in the table, and in the docs: the same alarms in the same order."""
    assert [alarm.name for alarm in ALARMS] == list(get_args(AlarmName))
    below = {True: "below ", False: ""}
    known = [
        [f"`{one.name}`", one.watches, f"{below[one.is_below]}{shown(one.threshold)} {one.unit}", one.todo]
        for one in ALARMS
    ]
    assert rows("operations.md", "Alarms") == known


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_modules_and_functions_are_short(path):
    text = path.read_text()
    assert len(text.splitlines()) <= MAX_MODULE_LINES
    functions = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    lengths = {node.name: node.end_lineno - node.lineno + 1 for node in functions}
    assert {name: lines for name, lines in lengths.items() if lines > MAX_FUNCTION_LINES} == {}


def test_mechanisms_are_listed_with_the_tests_that_guard_them():
    said: dict[str, set[int]] = {}
    for path in (ROOT / "tests").rglob("test_*.py"):
        for numbers in re.findall(r"mechanisms? (\d+(?:(?:, | and )\d+)*)", path.read_text()):
            said.setdefault(path.stem, set()).update(map(int, re.findall(r"\d+", numbers)))
    lines = re.findall(r"^\| (\d+) \|(.*)$", (ROOT / "docs" / "mechanisms.md").read_text(), re.MULTILINE)
    listed = {int(number): re.findall(r"`(test_\w+)`", cells) for number, cells in lines}
    assert set().union(*said.values()) == set(listed)
    assert [(test, number) for number, tests in listed.items() for test in tests if number not in said[test]] == []
    assert all(listed.values())


def test_what_is_defended_names_code_and_tests_that_are_there():
    defended = re.findall(r"^\|.*\| (`\S.*`) \| (`tests/.*`) \|$", (ROOT / "SECURITY.md").read_text(), re.MULTILINE)
    assert defended
    for places, tests in defended:
        paths = [ROOT / path for path in re.findall(r"`(\S+)`", tests)]
        for path in re.findall(r"`(\S+)`", places):
            paths.append(ROOT / path if path.startswith("examples/") else ROOT / "src" / "cloudpulse" / path)
        assert [path for path in paths if not path.exists()] == []
