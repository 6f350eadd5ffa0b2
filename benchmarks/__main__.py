"""``python -m benchmarks [--quick] [--only NAME …] [--json FILE] [--data DIR]``."""

import argparse
import time
import traceback
from pathlib import Path

import msgspec
from rich.console import Console

from benchmarks.load import Missing, find_wrk
from benchmarks.measures import MEASURES
from benchmarks.report import Figure, document, print_table
from benchmarks.run import Run

RESULTS = Path(__file__).with_name("results")

console = Console(stderr=True)


def main() -> int:
    """Measure, print, and keep; 1 when a measure could not be made, never for a missed goal."""
    arguments = _arguments()
    try:
        find_wrk()
    except Missing as missing:
        console.print(f"[bold red]{missing}", soft_wrap=True)
        return 1
    arguments.data.mkdir(parents=True, exist_ok=True)
    figures, failed = _measure(Run(quick=arguments.quick, folder=arguments.data.resolve()), arguments.only)
    path: Path = arguments.json or RESULTS / f"{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(msgspec.json.format(msgspec.json.encode(document(figures, arguments.quick, failed))))
    print_table(figures)
    console.print(f"written to {path}", soft_wrap=True)
    return 1 if failed else 0


def _measure(run: Run, names: list[str]) -> tuple[list[Figure], dict[str, str]]:
    figures: list[Figure] = []
    failed: dict[str, str] = {}
    for name in names:
        console.print(f"measuring {name}")
        try:
            for figure in MEASURES[name](run):
                figures.append(figure)
                console.print_json(data=figure.document())
        except Exception as exc:  # the other measures are still worth having
            failed[name] = repr(exc)
            console.print(traceback.format_exc(), style="red", markup=False)
    return figures, failed


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="shorter and smaller: to see that it works")
    parser.add_argument(
        "--only", nargs="+", choices=MEASURES, default=list(MEASURES), metavar="NAME", help=", ".join(MEASURES)
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="where the figures go; else benchmarks/results/")
    parser.add_argument(
        "--data", type=Path, default=RESULTS / "data", metavar="DIR", help="a folder on a real disk, for scratch data"
    )
    return parser.parse_args()


if __name__ == "__main__":
    raise SystemExit(main())
