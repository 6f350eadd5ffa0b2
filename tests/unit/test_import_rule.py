"""Who may import whom: entrypoints, cli, api → wiring → engines → ports, events, errors; cli → explorer."""

import ast
import sys
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[2] / "src"
FILES = sorted((SOURCE / "cloudpulse").rglob("*.py"))

VOCABULARY = {"events", "errors", "ports", "settings", "telemetry"}
LAYERS = {"ingest", "speed", "batch", "serving", "ops", "auth"}
OUTSIDE = {"entrypoints", "cli", "api"}
ALLOWED: dict[str, set[str]] = {
    "": set(),
    "errors": set(),
    "telemetry": {"errors"},
    "settings": {"errors"},
    "events": {"errors"},
    "ports": {"events"},
    "lake": VOCABULARY,
    **{layer: VOCABULARY | {"lake"} for layer in LAYERS},
    "engines": VOCABULARY,
    "wiring": VOCABULARY | LAYERS | {"lake", "engines"},
    "api": VOCABULARY | LAYERS,
    "cli": VOCABULARY | {"wiring", "entrypoints", "explorer"},
    "explorer": {"errors", "events"},
    "entrypoints": VOCABULARY | LAYERS | {"lake", "wiring", "api"},
}
"""By part: the other parts that it may import."""

ONLY_UNDER = {
    **dict.fromkeys(("sqlite3", "rocksdict", "duckdb", "boto3", "dbos"), "engines"),
    **dict.fromkeys(("pyiceberg", "sqlalchemy"), "lake"),
    **dict.fromkeys(("litestar", "starlette", "uvicorn"), "api entrypoints"),
    **dict.fromkeys(("typer", "rich"), "cli"),
    **dict.fromkeys(("streamlit", "altair"), "explorer"),
    "httpx": "cli auth engines",
}


def part_of(path: Path) -> str:
    parts = path.relative_to(SOURCE / "cloudpulse").with_suffix("").parts
    return "" if parts == ("__init__",) else parts[0]


def imported(path: Path) -> Iterator[str]:
    """Full names of all that a file imports, wherever in it, also for type checking alone."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_a_file_imports_only_what_its_part_may(path):
    part = part_of(path)
    allowed = ALLOWED[part] | {part}
    for name in imported(path):
        root, *rest = name.split(".")
        if root == "cloudpulse" and rest:  # the package itself tells the version
            assert rest[0] == "__version__" or rest[0] in allowed, f"{part or 'cloudpulse'} imports {name}"
        elif root in ONLY_UNDER:
            assert part in ONLY_UNDER[root].split(), f"{part} imports {name}"


def test_every_rule_is_about_something():
    assert {part_of(path) for path in FILES} == set(ALLOWED)
    used = {name.split(".")[0] for path in FILES for name in imported(path)}
    assert {"sqlite3", "rocksdict", "duckdb", "pyiceberg", "litestar", "typer", "streamlit"} <= used


def test_no_module_imports_itself_by_way_of_others():
    modules = {
        ".".join(path.relative_to(SOURCE).with_suffix("").parts).removesuffix(".__init__"): path for path in FILES
    }
    graph = {
        name: {one if one in modules else one.rpartition(".")[0] for one in imported(path)} & modules.keys() - {name}
        for name, path in modules.items()
    }
    assert [*TopologicalSorter(graph).static_order()]


def test_nothing_heavy_is_imported_by_the_supervisor():
    """It stays small, for it outlives all others: see ``entrypoints/supervise.py``."""
    import subprocess

    code = "import sys, cloudpulse.entrypoints.supervise; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    heavy = {"pyarrow", "pyiceberg", "duckdb", "litestar", "rocksdict", "sqlalchemy", "typer"}
    assert not heavy & set(done.stdout.split())
