"""Predictions of what_if() against real runs of graphs whose nodes sleep.

Each graph is run once as it is, and predicts all of its changes from the records of that run. Then each
change is made and run for as long. A row is a graph: how many of the real values lay within the predicted
intervals, and how wide these were. "not known" counts as neither. The planted graphs have what records do not
show: each must be "not known". Several graphs run at once, each in a process of its own, for they only sleep.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from _measure import Result, Row, arguments, median
from _what_if_graphs import GRAPHS, PLANTED

HERE = Path(__file__).resolve().parent
VALUES = ("rate", "mean", "p50", "p99")
INSIDE_GOAL = 0.9
NARROW = 0.15  # half of an interval's width, of the real p50
NARROW_GOAL = 0.8
TIME_GOAL = 0.05  # seconds of a prediction


def run(job: dict[str, Any]) -> dict[str, Any]:
    """One graph in a process of its own."""
    command = [sys.executable, str(HERE / "_what_if_graphs.py"), json.dumps(job)]
    done = subprocess.run(command, cwd=HERE, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise SystemExit(f"{job} failed:\n{done.stderr}")
    answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return answer


def inside(predicted: dict[str, Any], real: dict[str, Any], name: str) -> bool | None:
    """Whether the real value lies in the interval; None: there is none."""
    if name not in predicted:
        return None
    low, _, high = predicted[name]
    return bool(low <= real[name] <= high)


def share(truths: Iterable[bool | None]) -> tuple[int, int]:
    """How many are true, of how many that are known."""
    known = [truth for truth in truths if truth is not None]
    return sum(known), len(known)


def describe(text: str, predicted: dict[str, Any], real: dict[str, Any]) -> str:
    """One line of the log."""
    parts = [f"  {text:26s}"]
    if predicted["reason"]:
        parts.append(f"not known: {predicted['reason']};")
    for name in VALUES:
        if name not in predicted:
            continue
        scale = 1 if name == "rate" else 1e3
        low, _, high = (scale * value for value in predicted[name])
        mark = " " if inside(predicted, real, name) else "!"
        parts.append(f"{name} {low:.1f} to {high:.1f}, real {scale * real[name]:.1f}{mark}")
    return " ".join(parts)


def graph_row(name: str, base: dict[str, Any], runs: dict[str, dict[str, Any]]) -> tuple[Row, list[Any]]:
    """One graph with all of its changes."""
    pairs = [(base["answer"][text], real) for text, real in runs.items()]
    print(f"{name}: {base['rate']:.1f} per second, p50 {1e3 * base['p50']:.1f} ms", file=sys.stderr)
    for text, real in runs.items():
        print(describe(text, base["answer"][text], real), file=sys.stderr)
    figures: dict[str, Any] = {"changes": len(pairs)}
    for value in VALUES:
        hits, known = share(inside(predicted, real, value) for predicted, real in pairs)
        figures[f"{value}_inside"] = f"{hits} of {known}"
    figures["not_known"] = sum("mean" not in predicted for predicted, _ in pairs)
    return Row(name, figures), pairs


def width(predicted: dict[str, Any], real: dict[str, Any]) -> float | None:
    """Half of the width of p50's interval, of the real p50; None: it is not known, or of few calls."""
    if "p50" not in predicted or predicted["calls"] <= 200 or real["p50"] <= 0:
        return None
    low, _, high = predicted["p50"]
    return float((high - low) / 2 / real["p50"])


def total_rows(pairs: list[Any]) -> list[Row]:
    """All graphs."""
    rows = []
    for value in VALUES:
        hits, known = share(inside(predicted, real, value) for predicted, real in pairs)
        figures = {"inside": hits, "known": known}
        rows.append(Row(f"real {value} inside", figures, hits / max(1, known), INSIDE_GOAL, at_least=True))
    widths = [found for predicted, real in pairs if (found := width(predicted, real)) is not None]
    narrow = sum(found <= NARROW for found in widths)
    of_widths: dict[str, Any] = {"narrow": narrow, "of": len(widths), "median_width": median(widths)}
    rows.append(Row("p50 within 15 %", of_widths, narrow / max(1, len(widths)), NARROW_GOAL, at_least=True))
    times = [predicted["took"] for predicted, _ in pairs]
    rows.append(Row("time of a prediction", {"median_s": median(times)}, max(times), TIME_GOAL))
    return rows


def main() -> None:
    """Command line."""
    options = arguments(__doc__, "what_if", seconds=20, together=4)
    jobs: dict[Any, dict[str, Any]] = {}
    for name, graph in GRAPHS.items():
        jobs[name] = {"graph": name, "seconds": options.seconds, "ask": True}
        for change in graph.changes:
            jobs[name, change] = {"graph": name, "seconds": options.seconds, "change": change}
    for name in PLANTED:
        jobs["planted", name] = {"planted": name, "seconds": options.seconds}
    with ThreadPoolExecutor(options.together) as pool:
        done = dict(zip(jobs, pool.map(run, jobs.values()), strict=True))
    settings = {"seconds": options.seconds, "together": options.together}
    result = Result("what_if", "Predictions against real runs", settings)
    pairs: list[Any] = []
    for name, graph in GRAPHS.items():
        row, found = graph_row(name, done[name], {change: done[name, change] for change in graph.changes})
        result.add(row)
        pairs += found
    for row in total_rows(pairs):
        result.add(row)
    unknown = 0
    for name in PLANTED:
        reason = done["planted", name]["answer"]["reason"]
        unknown += bool(reason)
        print(f"  planted: {name}: {reason or 'KNOWN'}", file=sys.stderr)
    result.add(Row("planted: not known", {"of": len(PLANTED)}, unknown / len(PLANTED), 1.0, at_least=True))
    result.keep(options.out)


if __name__ == "__main__":
    main()
