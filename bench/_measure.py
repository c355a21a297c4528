"""Shared by the benchmarks: alternating runs, quantiles, goals, and the JSON file with the result.

Measurements are only compared within a run. The reference is measured twice per round, as A and as A again;
the spread is the difference of their medians. If it exceeds SPREAD_LIMIT, the machine was too busy, and a
goal that differs from its value by less than the spread gets no verdict.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import argparse
import datetime
import json
import os
import platform
import statistics
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, TypeVar

from rich.console import Console
from rich.table import Table

import freshframe as ff
from freshframe._cli.quantile import quantile

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "bench" / "results"  # ignored by git; the tables in docs/ have the figures
PROGRAMS = ROOT / "build" / "release" / "bench"
SPREAD_LIMIT = 0.05

__all__ = [  # quantile is re-exported from freshframe._cli
    "PROGRAMS",
    "RESULTS",
    "ROOT",
    "SPREAD_LIMIT",
    "Result",
    "Row",
    "arguments",
    "median",
    "program",
    "provenance",
    "quantile",
    "spread",
    "take_turns",
]

T = TypeVar("T")
Verdict = Literal["met", "missed", "no conclusion", ""]


def median(values: Sequence[float]) -> float:
    """Returns the median, or nan if there are no values."""
    return statistics.median(values) if values else float("nan")


def spread(first: Sequence[float], again: Sequence[float]) -> float:
    """Returns the difference of two series' medians, as a fraction of the smaller one."""
    low, high = sorted((median(first), median(again)))
    return high / low - 1 if low > 0 else float("inf")


def take_turns(
    kinds: Mapping[str, Callable[[], T]], rounds: int, *, quiet: bool = False
) -> dict[str, list[T]]:
    """Runs each kind once per round. Each round starts with another kind, and prints a dot to stderr."""
    results: dict[str, list[T]] = {name: [] for name in kinds}
    names = list(kinds)
    for turn in range(rounds):
        for step in range(len(names)):
            name = names[(turn + step) % len(names)]
            results[name].append(kinds[name]())
        if not quiet:
            print("." if turn + 1 < rounds else ".\n", end="", file=sys.stderr, flush=True)
    return results


@dataclass(frozen=True)
class Row:
    """One line of a result.

    Attributes:
        name: What was measured.
        figures: The figures; their keys end in the unit.
        value: The ratio or figure that `goal` limits.
        goal: Limit of `value`; None if there is none.
        at_least: Whether the limit is a minimum.
        spread: A/A spread of the reference; None if nothing is compared.
        scale: What the spread is a fraction of; None means `value`. For a difference, it is the reference.
        unclear: Why there can be no verdict, other than the spread.
    """

    name: str
    figures: Mapping[str, Any]
    value: float | None = None
    goal: float | None = None
    at_least: bool = False
    spread: float | None = None
    scale: float | None = None
    unclear: str = ""

    @property
    def verdict(self) -> Verdict:
        """Whether the goal was met, as a string; empty if there is no goal."""
        if self.unclear:
            return "no conclusion"
        if self.goal is None or self.value is None:
            return ""
        if self.spread is not None and not self.spread <= SPREAD_LIMIT:
            noise = self.spread * abs(self.value if self.scale is None else self.scale)
            if not abs(self.value - self.goal) > noise:
                return "no conclusion"
        met = self.value >= self.goal if self.at_least else self.value <= self.goal
        return "met" if met else "missed"

    def as_json(self) -> dict[str, Any]:
        """Returns the row for the JSON file."""
        row: dict[str, Any] = {"name": self.name}
        row |= {key: _rounded(value) for key, value in self.figures.items()}
        if self.value is not None:
            row["value"] = _rounded(self.value)
        if self.goal is not None:
            row |= {"goal": self.goal, "goal_is": "min" if self.at_least else "max"}
        if self.spread is not None:
            row["aa_spread"] = _rounded(self.spread)
        if self.verdict:
            row["verdict"] = self.verdict
        if self.unclear:
            row["unclear"] = self.unclear
        return row


@dataclass
class Result:
    """A benchmark's rows, printed as tables and saved as JSON."""

    name: str
    title: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)
    rows: list[Row] = field(default_factory=list)
    load_before: float = field(default_factory=lambda: os.getloadavg()[0])

    def add(self, row: Row) -> None:
        """Adds a row."""
        self.rows.append(row)

    def show(self) -> None:
        """Prints the rows."""
        console = Console(width=None if sys.stdout.isatty() else 160)
        table = Table(title=self.title, title_justify="left")
        for heading in ("", "figures", "value", "goal", "A/A", "verdict"):
            table.add_column(heading, justify="right" if heading in ("value", "goal", "A/A") else "left")
        for row in self.rows:
            figures = ", ".join(f"{key} {_short(value)}" for key, value in row.figures.items())
            sign = "≥" if row.at_least else "≤"
            table.add_row(
                row.name,
                figures,
                "" if row.value is None else _short(row.value),
                "" if row.goal is None else f"{sign} {_short(row.goal)}",
                "" if row.spread is None else f"{row.spread:.1%}",
                f"{row.verdict}: {row.unclear}" if row.unclear else row.verdict,
            )
        console.print(table)

    def keep(self, path: Path | None) -> None:
        """Prints the rows. If `path` is not None, writes them there, with machine, commit and date."""
        self.show()
        if path is None:
            return
        rows = [row.as_json() for row in self.rows]
        document = {
            "bench": self.name,
            **provenance(self.load_before),
            "versions": {"python": platform.python_version(), "freshframe": ff.__version__, **self.versions},
            "settings": dict(self.settings),
            "rows": rows,
        }
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(document, indent=1) + "\n")
        print(f"written to {path}")


def provenance(load_before: float) -> dict[str, Any]:
    """Returns the machine, commit and date."""
    git = subprocess.run(
        ["git", "describe", "--always", "--dirty"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    return {
        "machine": f"{_processor()}, {os.cpu_count()} cores, {platform.system()} {platform.release()}",
        "load_before": round(load_before, 2),
        "scheduling": _scheduling(),
        "commit": git.stdout.strip(),
        "date": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
    }


def arguments(
    description: str | None,
    name: str,
    *,
    flags: Mapping[str, str] | None = None,
    names: Mapping[str, Sequence[str]] | None = None,
    **counts: int | Sequence[int],
) -> argparse.Namespace:
    """Parses the command line of a benchmark: integers by name, flags, and where to write the result.

    If a default is a sequence, the option accepts one or more numbers. An option of `names` accepts one or
    more of these, by default all.
    """
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    for option, default in counts.items():
        several = None if isinstance(default, int) else "+"
        text = "default: %(default)s"
        parser.add_argument(f"--{option}", type=int, nargs=several, default=default, help=text)
    for option, known in (names or {}).items():
        parser.add_argument(
            f"--{option}", nargs="+", choices=known, default=list(known), help="default: %(default)s"
        )
    for option, what in (flags or {}).items():
        parser.add_argument(f"--{option}", action="store_true", help=what)
    parser.add_argument("--out", type=Path, default=RESULTS / f"{name}.json", help="default: %(default)s")
    parser.add_argument("--dry", action="store_true", help="write no result")
    options = parser.parse_args()
    if options.dry:
        options.out = None
    return options


def program(name: str) -> str:
    """Returns the path of a C++ program of bench/. Exits if it was not built."""
    path = Path(os.environ.get("FRESHFRAME_BENCH_PROGRAMS", PROGRAMS)) / name
    if not path.exists():
        raise SystemExit(f"{path} is missing: run this through ./dev bench, which builds it")
    return str(path)


def _scheduling() -> str:
    policies = {os.SCHED_OTHER: "normal", os.SCHED_FIFO: "real time (fifo)", os.SCHED_RR: "real time (rr)"}
    group = Path("/proc/self/autogroup")
    where = group.read_text().split(" ", 1)[1].strip() if group.exists() else f"nice {os.nice(0)}"
    return f"{policies.get(os.sched_getscheduler(0), 'other')}, group {where}"


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.machine()


def _rounded(value: Any) -> Any:
    return float(f"{value:.5g}") if isinstance(value, float) else value


def _short(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
