"""Figures beside their goals and the floor: as a table for people, as JSON for programs."""

import datetime as dt
import os
import platform
from pathlib import Path
from typing import Any

import msgspec
import psutil
from rich.console import Console
from rich.table import Table

TABLE_WIDTH = 130


class Goal(msgspec.Struct, frozen=True):
    """A limit in the figure's unit, and the least share of the floor."""

    limit: float
    at_least: bool = False
    floor_share: float | None = None

    def text(self, unit: str) -> str:
        """For people: ``≥ 100,000 events/s, ≥ 0.4 of the floor``."""
        share = f", ≥ {self.floor_share} of the floor" if self.floor_share is not None else ""
        return f"{'≥' if self.at_least else '≤'} {number(self.limit)} {unit}{share}"

    def met(self, measured: float, ratio: float | None) -> bool:
        """Whether a figure reaches it."""
        enough = measured >= self.limit if self.at_least else measured <= self.limit
        return enough and (self.floor_share is None or (ratio is not None and ratio >= self.floor_share))


class Figure(msgspec.Struct, frozen=True, kw_only=True):
    """One measured value. ``details`` hold what explains it."""

    name: str
    measured: float
    unit: str
    goal: Goal | None = None
    floor: float | None = None
    details: dict[str, Any] = {}

    @property
    def ratio(self) -> float | None:
        """Its share of the floor."""
        return None if self.floor is None else self.measured / self.floor

    def document(self) -> dict[str, Any]:
        """The figure as JSON has it."""
        return {
            "name": self.name,
            "goal": self.goal.text(self.unit) if self.goal else None,
            "measured": round(self.measured, 3),
            "unit": self.unit,
            "floor": None if self.floor is None else round(self.floor, 3),
            "ratio": None if self.ratio is None else round(self.ratio, 3),
            "met": self.goal.met(self.measured, self.ratio) if self.goal else None,
            "details": self.details,
        }


def number(value: float) -> str:
    """Three digits that matter, or whole thousands with commas."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def machine() -> dict[str, Any]:
    """The shape of this machine."""
    return {
        "cpu": _cpu_model(),
        "cores": os.cpu_count(),
        "memory_mb": psutil.virtual_memory().total // 1_000_000,
        "python": platform.python_version(),
        "system": platform.platform(),
    }


def _cpu_model() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def document(figures: list[Figure], quick: bool, failed: dict[str, str]) -> dict[str, Any]:
    """All that was measured, with when and where; ``failed`` says which measures did not end."""
    return {
        "date": dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
        "quick": quick,
        "machine": machine(),
        "figures": [figure.document() for figure in figures],
        "failed": failed,
    }


def print_table(figures: list[Figure]) -> None:
    """The figures beside goal and floor; a missed goal stands out."""
    table = Table("figure", "goal")
    for column in ("measured", "floor", "ratio"):
        table.add_column(column, justify="right")
    for figure in figures:
        met = figure.goal is None or figure.goal.met(figure.measured, figure.ratio)
        table.add_row(
            figure.name,
            figure.goal.text(figure.unit) if figure.goal else "",
            f"[{'green' if met else 'bold red'}]{number(figure.measured)} {figure.unit}[/]",
            "" if figure.floor is None else number(figure.floor),
            "" if figure.ratio is None else f"{figure.ratio:.2f}",
        )
    Console(width=max(TABLE_WIDTH, Console().width)).print(table)
