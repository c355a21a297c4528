"""Does a GIL budget miss holds, fail innocent tests, and what does it cost a suite?

`planted`: tests with holds of 0 to 50 ms of five kinds under a budget of 10 ms. Missed: a hold of 12 ms
or more in a test that passed. False: a hold of 8 ms or less in a test that failed. `quiet`: a thousand
tests in pure Python, under three budgets and three switch intervals. `cost`: the quiet tests without and
with the budget, in turns. `--beside N` runs N processes that compute beside it. The package is that of
the checkout, or with `--path` another one.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

from _beside import beside

HERE = Path(__file__).resolve().parent
BUDGET = 0.01
MISSED_FROM = 1.2
FALSE_UP_TO = 0.8


def run(path: str, suite: str, *options: str, **variables: str) -> tuple[str, float, float]:
    """Runs a suite; returns what it printed, its seconds, and those of its processors."""
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:faulthandler"]
    command += ["-c", os.devnull, "--rootdir", str(HERE), "--tb=line", *options, str(HERE / suite)]
    environment = {**os.environ, "PYTHONPATH": path, **variables}
    began, before = time.perf_counter(), os.times()
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    after = os.times()
    if done.returncode not in (0, 1):
        raise SystemExit(done.stdout + done.stderr)
    used = after.children_user + after.children_system - before.children_user - before.children_system
    return done.stdout, time.perf_counter() - began, used


def budget(limit_ms: float, report: str) -> list[str]:
    """The options of a run under a budget."""
    return ["-p", "gil_budget.pytest_plugin", "--gil-budget", f"{limit_ms:g}ms", "--gil-report", report]


def planted(path: str, turns: int, confirm: bool) -> dict[str, Any]:
    """Counts missed holds and false alarms."""
    with tempfile.TemporaryDirectory() as folder:
        truth, report = f"{folder}/truth", f"{folder}/report.json"
        more = ["--gil-confirm"] if confirm else []
        text, seconds, _ = run(
            path,
            "_pytest_budget_planted.py",
            *budget(BUDGET * 1e3, report),
            *more,
            TRUTH=truth,
            TURNS=str(turns),
        )
        found = json.loads(Path(report).read_text())
        rows = [json.loads(line) for line in Path(truth).read_text().splitlines()]
    over = set(found["over"])
    need: dict[str, float] = {}
    kind: dict[str, str] = {}
    for row in rows:  # with --gil-confirm a test runs twice: the shorter run decides
        need[row["test"]] = min(row["need"], need.get(row["test"], row["need"]))
        kind[row["test"]] = row["kind"]
    long = [test for test in need if need[test] >= MISSED_FROM * BUDGET]
    short = [test for test in need if need[test] <= FALSE_UP_TO * BUDGET]
    missed = [test for test in long if test not in over]
    false = [test for test in short if test in over]
    named = [hold for test in over for hold in found["tests"].get(test, []) if hold["seconds"] >= BUDGET]
    return {
        "long": len(long),
        "missed": len(missed),
        "missed while the watch had a processor": len(set(missed) - set(found["blind"])),
        "blind": len(set(found["blind"])),
        "missed kinds": Counter(kind[test] for test in missed),
        "missed holds": [
            (test, need[test], [hold["text"] for hold in found["tests"].get(test, [])]) for test in missed
        ],
        "short": len(short),
        "false": len(false),
        "false holds": [hold["text"] for test in false for hold in found["tests"].get(test, [])],
        "names": Counter(hold["native"] or "no native name" for hold in named),
        "unsettled": found["unsettled"],
        "seconds": seconds,
        "last line": text.strip().splitlines()[-2:],
    }


def quiet(path: str, tests: int) -> list[dict[str, Any]]:
    """Counts failures of tests that hold nothing."""
    rows = []
    for limit_ms in (2, 5, 10):
        for switch_ms in ("1", "5", "20"):
            with tempfile.TemporaryDirectory() as folder:
                report = f"{folder}/report.json"
                run(
                    path,
                    "_pytest_budget_quiet.py",
                    *budget(limit_ms, report),
                    SWITCH_MS=switch_ms,
                    TESTS=str(tests),
                )
                found = json.loads(Path(report).read_text())
            texts = [hold["text"] for test in found["over"] for hold in found["tests"].get(test, [])]
            rows.append(
                {"limit_ms": limit_ms, "switch_ms": switch_ms, "failed": len(found["over"]), "holds": texts}
            )
    return rows


def cost(path: str, tests: int, pairs: int) -> dict[str, Any]:
    """Seconds and processor seconds with the budget, as a ratio to those without, in turns."""
    ratios: dict[str, list[float]] = {"wall": [], "processor": [], "wall A/A": [], "processor A/A": []}
    for _ in range(pairs):
        with tempfile.TemporaryDirectory() as folder:
            options = budget(BUDGET * 1e3, f"{folder}/report.json")
            _, plain, plain_used = run(path, "_pytest_budget_quiet.py", TESTS=str(tests))
            _, with_it, with_it_used = run(path, "_pytest_budget_quiet.py", *options, TESTS=str(tests))
            _, again, again_used = run(path, "_pytest_budget_quiet.py", TESTS=str(tests))
        ratios["wall"].append(with_it / statistics.mean((plain, again)))
        ratios["processor"].append(with_it_used / statistics.mean((plain_used, again_used)))
        ratios["wall A/A"].append(again / plain)
        ratios["processor A/A"].append(again_used / plain_used)
    return {name: [round(value, 3) for value in sorted(values)] for name, values in ratios.items()} | {
        "seconds": plain,
        "medians": {name: round(statistics.median(values), 3) for name, values in ratios.items()},
    }


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=("planted", "quiet", "cost"))
    parser.add_argument("--beside", type=int, default=0, metavar="N")
    parser.add_argument("--turns", type=int, default=2, help="of planted: each turn has 150 holds")
    parser.add_argument("--tests", type=int, default=1000, help="of quiet and cost")
    parser.add_argument("--pairs", type=int, default=7, help="of cost")
    parser.add_argument("--confirm", action="store_true", help="with --gil-confirm")
    parser.add_argument("--path", default=str(HERE.parent / "packages" / "gil_budget"), help="of the package")
    options = parser.parse_args()
    before = os.getloadavg()[0]
    with beside(options.beside):
        if options.what == "planted":
            found: Any = planted(options.path, options.turns, options.confirm)
        elif options.what == "quiet":
            found = quiet(options.path, options.tests)
        else:
            found = cost(options.path, options.tests, options.pairs)
    print(json.dumps(found, indent=1))
    print(f"load before {before:.1f}, after {os.getloadavg()[0]:.1f}; Python {sys.version.split()[0]}")


if __name__ == "__main__":
    main()
