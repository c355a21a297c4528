"""The tiers of the tests: which of them ./dev test --quick, ./dev test and ./dev test --all run.

Python tests have markers, which rigs/tiers.py reads. tests/cpp/slow.txt lists the slow C++ tests. ctest
runs this file as a program: `tiers.py TIER < LIST` reads the list that GoogleTest prints. It prints a line
for each suite with the tests that the tier leaves out of it.
"""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

SLOW = Path(__file__).parent / "cpp" / "slow.txt"
TIERS = ("quick", "default", "all", "full")


def tier() -> str:
    """Returns the tier that ./dev has chosen. Whoever starts pytest by hand gets all tests."""
    chosen = os.environ.get("FRESHFRAME_TEST_TIER", "all")
    if chosen not in TIERS:
        raise ValueError(f"FRESHFRAME_TEST_TIER must be one of {', '.join(TIERS)}, got {chosen!r}")
    return chosen


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


def slow_tests(lines: Iterable[str]) -> dict[str, int]:
    """Returns the tests of tests/cpp/slow.txt, each with the number of its cases that ./dev test runs."""
    found = {}
    for line in lines:
        if words := line.partition("#")[0].split():
            found[words[0]] = int(words[1]) if len(words) > 1 else 0
    return found


def listed_tests(lines: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Yields suite and test of what `--gtest_list_tests` prints."""
    suite = ""
    for line in lines:
        text = line.split("#")[0].rstrip()
        if not line.startswith(" ") and (found := re.fullmatch(r"([A-Za-z0-9_/]+)\.", text)):
            suite = found[1]
        elif line.startswith("  ") and suite:
            yield suite, text.strip()


def left_out(tests: Iterable[tuple[str, str]], slow: Mapping[str, int], chosen: str) -> dict[str, list[str]]:
    """Returns, for each suite, the tests that the tier leaves out of it: of a slow test all cases but an even
    sample."""
    groups: dict[str, dict[str, list[str]]] = {}
    for suite, name in tests:
        groups.setdefault(suite, {}).setdefault(name.partition("/")[0], []).append(name)
    found: dict[str, list[str]] = {suite: [] for suite in groups}
    if chosen not in ("quick", "default"):
        return found
    for suite, functions in groups.items():
        for function, names in functions.items():
            kept = slow.get(f"{suite}.{function}", len(names))
            run = set(spread(len(names), kept)) if kept else set()
            found[suite] += [name for place, name in enumerate(names) if place not in run]
    return found


def main() -> int:
    slow = slow_tests(SLOW.read_text().splitlines())
    for suite, names in left_out(listed_tests(sys.stdin), slow, sys.argv[1]).items():
        print(suite, ":".join(f"{suite}.{name}" for name in names))
    return 0


if __name__ == "__main__":
    sys.exit(main())
