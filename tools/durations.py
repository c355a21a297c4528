"""Writes tests/durations.json from the reports of a run of all tests, or reports that it is stale.

    python tools/durations.py build/pytest.xml build/dev/Testing/Temporary/LastTest.log
    python tools/durations.py --check build/pytest.xml ...

A figure is one of 0.01, 0.02, 0.05, 0.1, ... seconds, and stays while the measured one is between its half
and its double, so that a run on another machine changes few lines. Shorter tests are not listed.
"""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tests"))
from tiers import DURATIONS, without_case  # noqa: E402  (of the folder that the line above names)

LISTED = 0.02  # seconds of one case: some tests have a hundred cases
LADDER: list[float] = [step * 10.0**power for power in range(-2, 4) for step in (1, 2, 5)]
# Shares of all measured seconds, and of all listed names, from which the file is stale.
STALE_SECONDS = 0.3
STALE_NAMES = 0.1

Table = dict[str, dict[str, float]]


def read_pytest(report: Path) -> Table:
    """Returns the seconds of each function's cases, on average: by file, then by function."""
    cases: dict[tuple[str, str], list[float]] = {}
    for case in ElementTree.parse(report).iter("testcase"):
        if case.find("skipped") is None and (place := file_and_class(case.get("classname", ""))):
            path, outer = place
            name = outer + case.get("name", "").partition("[")[0]
            cases.setdefault((path, name), []).append(float(case.get("time", 0)))
    found: Table = {}
    for (path, name), seconds in cases.items():
        found.setdefault(path, {})[name] = sum(seconds) / len(seconds)
    return found


def file_and_class(dotted: str) -> tuple[str, str] | None:
    """Returns the path of the file in which tests.python.live.test_live.Class is, and `Class::`."""
    words = dotted.split(".")
    for end in range(len(words), 0, -1):
        path = "/".join(words[:end]) + ".py"
        if (ROOT / path).is_file():
            return path, "".join(f"{word}::" for word in words[end:])
    return None  # it was moved after the run


def read_ctest(log: Path) -> dict[str, float]:
    """Returns the seconds of each test of GoogleTest, on average of its cases, from ctest's log."""
    cases: dict[str, list[float]] = {}
    for line in log.read_text(errors="replace").splitlines():
        if found := re.match(r"\[ +OK \] (\S+?)(?:, where .*)? \((\d+) ms\)$", line):
            cases.setdefault(without_case(found[1]), []).append(int(found[2]) / 1000)
    return {name: sum(seconds) / len(seconds) for name, seconds in cases.items()}


def rounded(seconds: float, before: float | None) -> float | None:
    """Returns the figure of the file: the one before, if it is near, else the nearest of the ladder."""
    if before is not None and before / 2 <= seconds <= before * 2:
        return before
    if seconds < LISTED:
        return None
    return min(LADDER, key=lambda step: max(step / seconds, seconds / step))


def updated(before: Mapping[str, float], measured: Mapping[str, float]) -> dict[str, float]:
    """Returns the figures of one table after a run that measured all of its tests."""
    new = {name: rounded(seconds, before.get(name)) for name, seconds in measured.items()}
    return {name: figure for name, figure in sorted(new.items()) if figure is not None}


def remarks(before: Mapping[str, Any], python: Table, cpp: Mapping[str, float]) -> list[str]:
    """Returns why the file is stale, in sentences; none if it is not."""
    measured = {f"{path}::{name}": n for path, names in python.items() for name, n in names.items()} | dict(
        cpp
    )
    listed = {f"{path}::{name}" for path, names in before["python"].items() for name in names}
    listed |= set(before["cpp"])
    gone = sorted(listed - set(measured))
    new = {name: seconds for name, seconds in measured.items() if seconds >= 1 and name not in listed}
    found = []
    if len(gone) > STALE_NAMES * len(listed):
        found.append(f"{len(gone)} of the {len(listed)} listed tests did not run: {gone[0]}, ...")
    if sum(new.values()) > STALE_SECONDS * sum(measured.values()):
        longest = max(new, key=new.__getitem__)
        found.append(
            f"{len(new)} tests of a second and more are not listed: {longest} ({new[longest]:.0f} s), ..."
        )
    return found


def main(arguments: Iterable[str] | None = None) -> int:
    """Writes or checks the file."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--check", action="store_true", help="write nothing; status 1 if the file is stale")
    parser.add_argument("--to", type=Path, default=DURATIONS, help="the file to write")
    parser.add_argument("reports", type=Path, nargs="+", help="JUnit's XML of pytest, the log of ctest")
    options = parser.parse_args(arguments if arguments is None else list(arguments))
    python: Table = {}
    cpp: dict[str, float] = {}
    for report in options.reports:
        if report.suffix == ".xml":
            python |= read_pytest(report)
        else:
            cpp |= read_ctest(report)
    before = json.loads(DURATIONS.read_text()) if DURATIONS.exists() else {"python": {}, "cpp": {}}
    if options.check:
        found = remarks(before, python, cpp)
        print(
            "\n".join(f"tests/durations.json is stale: {one}" for one in found)
            or "tests/durations.json is fresh"
        )
        return 1 if found else 0
    after: dict[str, Any] = {
        "python": {
            path: figures
            for path, names in sorted(python.items())
            if (figures := updated(before["python"].get(path, {}), names))
        }
        or before["python"],
        "cpp": updated(before["cpp"], cpp) or before["cpp"],
    }
    options.to.write_text(json.dumps(after, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
