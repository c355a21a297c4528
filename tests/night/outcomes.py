"""A plugin of pytest that writes the outcome of each test, even when one hangs or ends the process."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from pathlib import Path

import pytest

BOOK = "FRESHFRAME_TEST_OUTCOMES"  # a variable: the file to which each step adds a line


def _write(test: str, outcome: str) -> None:
    with Path(os.environ[BOOK]).open("a", encoding="utf-8") as book:
        book.write(json.dumps([test, outcome]) + "\n")


def pytest_runtest_logstart(nodeid: str) -> None:
    _write(nodeid, "begun")


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    if report.failed:
        _write(report.nodeid, "failed")


def pytest_runtest_logfinish(nodeid: str) -> None:
    _write(nodeid, "ended")


def read(lines: Iterable[str]) -> tuple[int, list[str]]:
    """Returns the number of tests that began, and the tests that failed or did not end."""
    tests: dict[str, set[str]] = {"begun": set(), "ended": set(), "failed": set()}
    for line in lines:
        test, outcome = json.loads(line)
        tests[outcome].add(test)
    return len(tests["begun"]), sorted(tests["failed"] | (tests["begun"] - tests["ended"]))
