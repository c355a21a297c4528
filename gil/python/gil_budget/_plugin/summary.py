"""Summarizes a run, including workers of pytest-xdist: the last lines, the report file and the baseline."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import json
import os
import platform
from collections import Counter
from typing import Any

import pytest

from .._gil_watch.stalls import INTERPRETER, STRIPPED
from ..holds import COUNTED
from ..limits import milliseconds
from . import baseline
from .machine import why_not_to_fail
from .measuring import MEASURING
from .records import ATTRIBUTE, Record
from .settings import Settings

_RUNS = 3  # full runs without a hold of that name until a baseline's entry counts as unused

# How the last line names holds of kinds that do not count.
_UNCOUNTED = (
    ("collector", "collections"),
    ("import", "imports"),
    ("objects", "times Python's own objects were freed"),
    ("freeing", "of freeing"),
)

_CACHE = "gil_budget/runs_without"


class Summary:
    """The part of the plugin that runs in the reporting process."""

    def __init__(self, config: pytest.Config, settings: Settings) -> None:
        """Begins the summary of one run."""
        self._config = config
        self._settings = settings
        self._tests: dict[str, list[dict[str, Any]]] = {}
        self._over: dict[str, list[dict[str, Any]]] = {}
        self._once: dict[str, list[dict[str, Any]]] = {}
        self._left: list[dict[str, Any]] = []
        self._outside: list[dict[str, Any]] = []
        self._unsettled: dict[str, None] = {}  # tests, in order of occurrence
        self._blind: dict[str, None] = {}
        self._gone: list[str] = []
        self._children = 0
        os.register_at_fork(after_in_parent=self._count_child)

    def pytest_report_header(self) -> list[str]:
        """One line."""
        settings = self._settings
        limit = "of marked tests" if settings.limit is None else milliseconds(settings.limit)
        words = [f"gil budget: {limit}", f"{', '.join(settings.verdict.count)} count"]
        if settings.baseline is not None:
            words.append(f"baseline of {len(settings.verdict.baseline)} names")
        if settings.report_only:
            words.append("nothing fails")
        elif (reason := why_not_to_fail()) is not None:
            words.append(f"nothing fails: {reason}")
        return ["; ".join(words)]

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Adds the record of a report, from this process or from a worker."""
        record: Record | None = getattr(report, ATTRIBUTE, None)
        if record is None:
            return
        for mine, its in (
            (self._tests, record["holds"]),
            (self._over, record["over"]),
            (self._once, record["once"]),
        ):
            if its:
                mine.setdefault(report.nodeid, []).extend(its)
        self._left += record["left"]
        self._outside += record["outside"]
        # A test has a record for each phase that can fail, and twice as many if it runs again.
        if record["unsettled"]:
            self._unsettled[report.nodeid] = None
        if record["blind"]:
            self._blind[report.nodeid] = None

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> None:
        """Writes the files, and fails the run for anything that no longer fits into a test's report."""
        settings = self._settings
        if self._off is not None:
            return
        if settings.write is not None:
            baseline.write(settings.write, self._longest())
        if settings.report is not None:
            self._write_report()
        passed = exitstatus == pytest.ExitCode.OK
        if passed and self._is_full(session):
            self._gone = self._unseen_for_long()
        fails = self._left or (self._gone and settings.strict)
        if passed and fails and not settings.report_only and why_not_to_fail() is None:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Writes the last lines."""
        write = terminalreporter.write_line
        if self._off is not None:
            write(f"gil budget: not measured here: {self._off}")
            return
        if self._settings.report_only:
            for test, holds in self._over.items():
                for hold in holds:
                    write(f"{test}: {hold['text']}")
        for test, holds in self._once.items():
            for hold in holds:
                write(f"{test}: over its budget in one of two runs: {hold['text']}")
        for hold in self._left:
            write(f"{hold['test']} left a thread that held the GIL later: {hold['text']}", red=True)
        for name in self._gone:
            write(f"gil budget: no hold of {name!r} in {_RUNS} full runs: remove it from the baseline")
        if any(hold["native"] == INTERPRETER for holds in self._tests.values() for hold in holds):
            write(f"gil budget: {STRIPPED}")
        write(self._last_line())
        self._annotate(write)

    @property
    def _off(self) -> str | None:
        measuring = self._config.stash.get(MEASURING, None)
        return None if measuring is None else measuring.off

    def _last_line(self) -> str:
        every = [hold for holds in self._tests.values() for hold in holds]
        words = [f"gil budget: {len(self._over)} tests over it"]
        if self._left:
            words.append(f"{len(self._left)} holds of threads that a test had left")
        if self._once:
            words.append(f"{len(self._once)} over it in one of two runs")
        kinds = Counter(hold["kind"] for hold in every)
        for kind, word in _UNCOUNTED:
            if kinds[kind] and kind not in self._settings.verdict.count:
                longest = max(hold["seconds"] for hold in every if hold["kind"] == kind)
                words.append(f"{kinds[kind]} {word} up to {milliseconds(longest)} not counted")
        unnamed = sum(hold["name"] is None and hold["kind"] in COUNTED for hold in every)
        if unnamed:
            words.append(f"{unnamed} not named, not counted")
        if self._unsettled:
            words.append(f"in {len(self._unsettled)} tests not all is known, since the watch was late")
        if self._blind:
            words.append(
                f"in {len(self._blind)} tests the watch got no processor for as long as the limit, "
                "and may have missed holds"
            )
        if self._children:
            words.append(f"{self._children} forked children not watched")
        return "; ".join(words)

    def _annotate(self, write: Any) -> None:
        """Writes warnings that GitHub shows at the program's lines; does nothing elsewhere."""
        if os.environ.get("GITHUB_ACTIONS") != "true":
            return
        for hold in (hold for holds in self._over.values() for hold in holds):
            if hold["program"] is not None:
                file, line, _ = hold["program"].rsplit(":", 2)
                write(f"::warning file={os.path.relpath(file)},line={line}::{hold['text']}")

    def _longest(self) -> dict[str, float]:
        """Returns the longest hold over the limit for each name, in seconds."""
        longest: dict[str, float] = {}
        for hold in (hold for holds in self._over.values() for hold in holds):
            longest[hold["name"]] = max(hold["seconds"], longest.get(hold["name"], 0.0))
        return longest

    def _write_report(self) -> None:
        assert self._settings.report is not None
        data = {
            "format": 1,
            "limit": self._settings.limit,
            "python": platform.python_version(),
            "kernel": platform.release(),
            "processors": os.cpu_count(),
            "load": os.getloadavg(),
            "tests": self._tests,
            "over": sorted(self._over),
            "left": self._left,
            "outside": self._outside,
            "unsettled": len(self._unsettled),
            "blind": list(self._blind),
        }
        baseline.replace_text(self._settings.report, json.dumps(data, indent=1) + "\n")

    def _is_full(self, session: pytest.Session) -> bool:
        option = self._config.option
        chosen = (
            option.file_or_dir,
            option.keyword,
            option.markexpr,
            getattr(option, "lf", False),
            getattr(option, "deselect", None),
        )
        return self._settings.baseline is not None and not any(chosen)

    def _unseen_for_long(self) -> list[str]:
        """Counts this run. Returns names in the baseline without a hold in the last `_RUNS` full runs."""
        cache = getattr(self._config, "cache", None)
        before: dict[str, int] = {} if cache is None else cache.get(_CACHE, {})
        seen = {hold["name"] for holds in self._tests.values() for hold in holds}
        runs = {name: before.get(name, 0) + 1 for name in self._settings.verdict.baseline if name not in seen}
        if cache is not None:
            cache.set(_CACHE, runs)
        return sorted(name for name, count in runs.items() if count >= _RUNS)

    def _count_child(self) -> None:
        self._children += 1
