"""``make bench``: runs every module here that has ``measure()`` and prints what was measured beside what was promised.

    python -m benchmarks [--json] [name …]

``measure()`` returns figures by name, each ``{"value", "goal", "met", "unit"}``, and ``at_least`` where more is better;
``goal`` is None for what is only looked at. Exit code 1 when a goal was missed.
"""

import argparse
import json
import os
import pkgutil
import platform
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks.figure import Figure


def main() -> int:
    """Measure what is asked for, or everything."""
    names = sorted(
        module.name for module in pkgutil.iter_modules([str(Path(__file__).parent)]) if module.name[0] != "_"
    )
    parser = argparse.ArgumentParser(prog="python -m benchmarks")
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    parser.add_argument("names", nargs="*", metavar="name", help=f"one of {', '.join(names)}")
    asked = parser.parse_args()
    unknown = set(asked.names) - set(names)
    if unknown:
        parser.error(f"there is no benchmark {unknown.pop()}")
    measured: dict[str, dict[str, Figure]] = {}
    for name in asked.names or names:
        module = import_module(f"benchmarks.{name}")
        if hasattr(module, "measure"):
            print(f"measuring {name} …", file=sys.stderr, flush=True)
            cores = _cores()
            measured[name] = module.measure()
            if cores:  # a benchmark may have kept this process to one of them
                os.sched_setaffinity(0, cores)
    if asked.json:
        print(json.dumps({"machine": _machine(), "figures": measured}, indent=2, ensure_ascii=False))
    else:
        _show(measured)
    return int(any(figure["met"] is False for figures in measured.values() for figure in figures.values()))


def _cores() -> set[int]:
    """The cores that this process may use; empty where that can't be chosen."""
    return os.sched_getaffinity(0) if hasattr(os, "sched_setaffinity") else set()


def _machine() -> dict[str, Any]:
    return {
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "cores": os.cpu_count(),
        "load": round(os.getloadavg()[0], 1),
    }


def _show(measured: dict[str, dict[str, Figure]]) -> None:
    table = Table("figure", box=None, pad_edge=False, header_style="bold")
    for column in ("goal", "measured", ""):
        table.add_column(column, justify="right", no_wrap=True)
    for name, figures in measured.items():
        table.add_row(f"[bold]{name}[/bold]")
        for figure_name, figure in figures.items():
            table.add_row(f"  {figure_name}", *_cells(figure))
    console = Console(width=None if sys.stdout.isatty() else 100, emoji=False, highlight=False)
    console.print(table)
    machine = _machine()
    console.print(
        f"\nPython {machine['python']}, {machine['system']}, {machine['cores']} cores, load {machine['load']}"
    )


def _cells(figure: Figure) -> tuple[str, str, str]:
    unit = f" {figure['unit']}" if figure["unit"] else ""
    value = f"{figure['value']:,.3g}{unit}" if abs(figure["value"]) < 1000 else f"{figure['value']:,.0f}{unit}"
    if figure["goal"] is None:
        return "", value, ""
    bound = "≥" if figure["at_least"] else "≤"
    said = "[green]met[/green]" if figure["met"] else "[red]missed[/red]"
    return f"{bound} {figure['goal']:g}{unit}", value, said


if __name__ == "__main__":
    sys.exit(main())
