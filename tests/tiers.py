"""The tiers of the tests: the rules by which ./dev test --quick and ./dev test choose among all tests.

tests/durations.json lists how long tests take, as tools/durations.py has measured it. For ctest this file is
a program: `tiers.py TIER < LIST` reads the list that GoogleTest prints, and prints a line for each suite with
the tests that the tier leaves out of it.
"""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import json
import math
import os
import re
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

DURATIONS = Path(__file__).parent / "durations.json"
TIERS = ("quick", "default", "all", "full")
UNLISTED = 0.015  # seconds of a test that the file does not list, on average

# Seconds of tests. The default runs cases of one C++ test for CPP_TABLE at most, --quick for CPP_QUICK. The
# default leaves out a C++ test of more than CPP_LONG.
CPP_TABLE = 0.4
CPP_QUICK = 0.1
CPP_LONG = 0.5
# The default runs cases of one Python test for PYTHON_TABLE at most, but at least one. It leaves out a test
# of more than PYTHON_LONG for a case. In a file of long tests alone the shortest one runs.
PYTHON_TABLE = 1.0
PYTHON_LONG = 0.5
# --quick runs the cheapest tests until its budget is spent, after one test of each file that has one as short
# as QUICK_FILE. It runs all cases of a test if they take at most QUICK_TABLE together.
QUICK_BUDGET = 20.0
QUICK_FILE = 0.2
QUICK_TABLE = 0.2


def tier() -> str:
    """Returns the tier that ./dev has chosen. Whoever starts pytest by hand gets all tests."""
    chosen = os.environ.get("FRESHFRAME_TEST_TIER", "all")
    if chosen not in TIERS:
        raise ValueError(f"FRESHFRAME_TEST_TIER must be one of {', '.join(TIERS)}, got {chosen!r}")
    return chosen


@dataclass(frozen=True)
class Durations:
    """Holds the seconds of one case of a test, on average.

    Attributes:
        python: By file, then by function.
        cpp: By suite and test, without the number of a case.
    """

    python: Mapping[str, Mapping[str, float]]
    cpp: Mapping[str, float]

    @classmethod
    def read(cls, path: Path = DURATIONS) -> Durations:
        found = json.loads(path.read_text())
        return cls(found["python"], found["cpp"])

    def of_python(self, file: str, function: str, unlisted: float = UNLISTED) -> float:
        return self.python.get(file, {}).get(function, unlisted)

    def of_cpp(self, test: str) -> float:
        return self.cpp.get(without_case(test), 0.0)


def without_case(test: str) -> str:
    """Returns the name of a test of GoogleTest without the case that follows it."""
    suite, _, name = test.partition(".")
    return f"{suite}.{name.partition('/')[0]}"


def spread(count: int, wanted: int) -> list[int]:
    """Returns `wanted` of the numbers below `count`, evenly spread, with the first and the last one."""
    if wanted >= count:
        return list(range(count))
    if wanted <= 1:
        return [0]
    return [round(place * (count - 1) / (wanted - 1)) for place in range(wanted)]


def covering(cases: Sequence[Mapping[str, object]]) -> list[int]:
    """Returns places of cases in which each value of each argument occurs: each row and each column of a
    table once."""
    keys = [{(name, _key(value)) for name, value in case.items()} for case in cases]
    missing = set().union(*keys)
    chosen: list[int] = []
    while missing:
        best = max(range(len(keys)), key=lambda place: (len(keys[place] & missing), -place))
        chosen.append(best)
        missing -= keys[best]
    return sorted(chosen) or list(range(min(1, len(cases))))


def _key(value: object) -> object:
    """Returns a key that equal values of an argument share. Identity distinguishes other objects."""
    return repr(value) if isinstance(value, (str, bytes, int, float, tuple, type(None))) else id(value)


@dataclass(frozen=True)
class Candidate:
    """Describes a test that --quick or the default may run.

    Attributes:
        file: Where it is.
        cases: How many of its cases count as one test.
        seconds: Their sum.
    """

    file: str
    cases: int
    seconds: float


def default(candidates: Sequence[Candidate]) -> dict[int, int]:
    """Returns the places of the tests that the default runs, and the number of cases that it runs of each.

    If tests/durations.json does not list a test, its candidate has 0 seconds, and all its cases run.
    """
    shortest: dict[str, float] = {}
    for one in candidates:
        shortest[one.file] = min(one.seconds / one.cases, shortest.get(one.file, math.inf))
    chosen: dict[int, int] = {}
    for place, one in enumerate(candidates):
        case = one.seconds / one.cases
        if case <= max(PYTHON_LONG, shortest[one.file]):
            chosen[place] = max(1, min(one.cases, int(PYTHON_TABLE / case))) if case else one.cases
    return chosen


def quick(candidates: Sequence[Candidate], budget: float = QUICK_BUDGET) -> set[int]:
    """Returns the places of those that find the most in `budget` seconds: a test of each file, then the
    cheapest."""
    order = sorted(range(len(candidates)), key=lambda place: (candidates[place].seconds, place))
    chosen: set[int] = set()
    files: set[str] = set()
    spent = 0.0
    for place in order:
        one = candidates[place]
        if one.file not in files and one.seconds <= QUICK_FILE:
            files.add(one.file)
            chosen.add(place)
            spent += one.seconds
    for place in order:
        if place in chosen:
            continue
        spent += candidates[place].seconds
        if spent > budget:
            break
        chosen.add(place)
    return chosen


def listed_tests(lines: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Yields suite and test of what `--gtest_list_tests` prints."""
    suite = ""
    for line in lines:
        text = line.split("#")[0].rstrip()
        if not line.startswith(" ") and (found := re.fullmatch(r"([A-Za-z0-9_/]+)\.", text)):
            suite = found[1]
        elif line.startswith("  ") and suite:
            yield suite, text.strip()


def left_out(tests: Iterable[tuple[str, str]], durations: Durations, chosen: str) -> dict[str, list[str]]:
    """Returns, for each suite, the tests that the tier leaves out of it.

    The default leaves out cases of tests whose cases take long together, and tests of more than CPP_LONG,
    --quick each test that is not short.
    """
    groups: dict[str, dict[str, list[str]]] = {}
    for suite, name in tests:
        groups.setdefault(suite, {}).setdefault(name.partition("/")[0], []).append(name)
    found: dict[str, list[str]] = {suite: [] for suite in groups}
    if chosen not in ("quick", "default"):
        return found
    for suite, functions in groups.items():
        for function, names in functions.items():
            seconds = durations.of_cpp(f"{suite}.{function}")
            limit = CPP_QUICK if chosen == "quick" else CPP_TABLE
            kept = min(len(names), int(limit / seconds)) if seconds else len(names)
            if chosen == "default" and seconds <= CPP_LONG:
                kept = max(kept, 1)
            run = set(spread(len(names), kept)) if kept else set()
            found[suite] += [name for place, name in enumerate(names) if place not in run]
    return found


def main() -> int:
    for suite, names in left_out(listed_tests(sys.stdin), Durations.read(), sys.argv[1]).items():
        print(suite, ":".join(f"{suite}.{name}" for name in names))
    return 0


if __name__ == "__main__":
    sys.exit(main())
