"""Runs of pytest under a GIL budget, on a file of tests that is written on the spot."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import json
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gil_budget
from rigs.watchdog import LONG_WATCHDOG, run_to_end

PACKAGE = Path(gil_budget.__file__).resolve().parents[1]  # the package of the interpreter that runs the tests

LIMIT = "50ms"

HEAD = """
import ctypes, gc, hashlib, json, os, sys, threading, time
import pytest
C = ctypes.PyDLL(None)
def hold(ms=300): C.usleep(ms * 1000)
"""


@dataclass(frozen=True)
class Run:
    """A run of pytest that has ended: its exit code, its text and the budget's report."""

    code: int
    text: str
    report: dict[str, Any]

    @property
    def over(self) -> set[str]:
        """The names of the tests over their budgets."""
        return {test.rpartition("::")[2] for test in self.report["over"]}

    @property
    def last_line(self) -> str:
        """Returns the last line of the plugin."""
        return next(line for line in reversed(self.text.splitlines()) if line.startswith("gil budget:"))


def python_path() -> str:
    """Where a program finds gil_budget, and where this one finds its packages."""
    return os.pathsep.join([str(PACKAGE), *filter(None, [os.environ.get("PYTHONPATH")])])


def run(
    folder: Path, tests: str, *options: str, budget: str | None = LIMIT, settings: str = "", **variables: str
) -> Run:
    """Writes the tests into `folder` and runs them. `settings`: of pytest.ini."""
    (folder / "test_it.py").write_text(HEAD + tests)
    (folder / "pytest.ini").write_text(f"[pytest]\n{settings}\n")
    report = folder / "report.json"
    report.unlink(missing_ok=True)
    command = [sys.executable, "-m", "pytest", "-p", "gil_budget.pytest_plugin", "-p", "no:randomly"]
    if budget is not None:
        command += ["--gil-budget", budget]
    command += ["--gil-report", str(report), *options]
    environment = {**os.environ, "PYTHONPATH": python_path(), "GITHUB_ACTIONS": "false", **variables}
    done = run_to_end(command, cwd=folder, env=environment, timeout=LONG_WATCHDOG)
    found = json.loads(report.read_text()) if report.exists() else {}
    return Run(done.returncode, done.stdout + done.stderr, found)


def run_seen(folder: Path, tests: str, *options: str, wanted: set[str], **more: Any) -> Run:
    """Runs them, again when a busy machine has hidden a hold of a test that should be over its budget.

    The watch got no processor during the test, or saw the hold in one of the two runs of --gil-confirm.
    """
    for _ in range(10):
        done = run(folder, tests, *options, **more)
        missed = wanted - done.over
        hidden = {*done.report.get("blind", []), *done.report.get("tests", {})}
        is_hidden = missed <= {test.rpartition("::")[2] for test in hidden} or done.report.get("unsettled")
        if not missed or not is_hidden:
            break
    return done
