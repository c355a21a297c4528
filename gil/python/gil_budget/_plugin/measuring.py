"""Measures the tests of this process: assigns holds to tests, and fails tests that exceed their budgets."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import os
import time
from collections import deque
from collections.abc import Generator, Iterable
from dataclasses import dataclass, field
from typing import Any

import pytest
from _pytest.runner import runtestprotocol

from .._gil_watch.interpreter import Unsupported
from ..holds import Hold
from ..limits import MOST, milliseconds
from ..windows import Window
from .machine import why_not_to_fail
from .owners import Owners
from .records import ATTRIBUTE, Record, empty, plain
from .settings import Settings


@dataclass
class Present:
    """The running test."""

    test: str
    limit: float | None
    phase: str = "setup"
    record: Record = field(default_factory=lambda: empty(None))
    own: list[Hold] = field(default_factory=list)  # holds since the last report that included a verdict
    over: list[Hold] = field(default_factory=list)
    longest: Hold | None = None


class Measuring:
    """The part of the plugin that runs in each process with tests. Tests run on one thread."""

    def __init__(self, config: pytest.Config, settings: Settings) -> None:
        """Begins the measurement of one run."""
        self._settings = settings
        self._process = os.getpid()
        self._window: Window | None = None
        self._heard: deque[Hold] = deque()
        self._owners = Owners()
        self._outside: list[dict[str, Any]] = []
        self._present: Present | None = None
        self._first_run: set[str] | None = None  # names over the budget in the first of two runs
        self._may_fail = not settings.report_only
        self.off: str | None = None
        config.stash[MEASURING] = self

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionstart(self) -> None:
        """Starts the watch."""
        try:
            self._window = Window(self._settings.limit or MOST, self._heard.append)
        except Unsupported as error:
            self.off = str(error)
        if why_not_to_fail() is not None:
            self._may_fail = False

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self) -> None:
        """Ends it."""
        if self._window is not None and os.getpid() == self._process:
            self._window.close()

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item, nextitem: pytest.Item | None) -> object:
        """Runs the test, and runs it again with --gil-confirm if it exceeded its budget."""
        if self._window is None or not (self._settings.confirm and self._may_fail):
            return None
        ihook = item.ihook
        ihook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
        reports = runtestprotocol(item, log=False, nextitem=nextitem)
        names = {over["name"] for report in reports for over in _make_record(report)["over"]}
        if names and all(not report.failed for report in reports):
            self._first_run = names
            try:
                reports = runtestprotocol(item, log=False, nextitem=nextitem)
            finally:
                self._first_run = None
        for report in reports:
            ihook.pytest_runtest_logreport(report=report)
        ihook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
        return True

    # ---- phases; innermost wrappers, so that pytest's own work is not measured

    @pytest.hookimpl(hookwrapper=True, trylast=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> Generator[None]:
        """Fixtures."""
        if self._window is not None and os.getpid() == self._process:
            limit = self._settings.find_limit(item)
            self._present = Present(item.nodeid, limit, record=empty(limit))
            self._window.set_limit(limit or self._settings.limit or MOST)
            self._owners.test_begins()
        yield from self._phase("setup")

    @pytest.hookimpl(hookwrapper=True, trylast=True)
    def pytest_runtest_call(self) -> Generator[None]:
        """The test's function."""
        yield from self._phase("call")

    @pytest.hookimpl(hookwrapper=True, trylast=True)
    def pytest_runtest_teardown(self) -> Generator[None]:
        """Fixtures again."""
        yield from self._phase("teardown")
        if self._present is not None and os.getpid() == self._process:
            self._owners.test_ended(self._present.test)

    def _phase(self, name: str) -> Generator[None]:
        present, window = self._present, self._window
        if window is None or present is None or os.getpid() != self._process:
            yield
            return
        present.phase = name
        began = time.monotonic()
        yield
        ended = time.monotonic()
        if not window.settle():
            present.record["unsettled"] += 1
        elif present.limit is not None and not window.saw_all_since(began):
            present.record["blind"] += 1
        while self._heard:
            self._give(self._heard.popleft(), present, began, ended)

    def _give(self, hold: Hold, present: Present, began: float, ended: float) -> None:
        """Assigns the hold to the test that is responsible for it."""
        owner = self._owners.find_owner(hold.native_id, present.test)
        middle = (hold.started + hold.ended) / 2
        if owner is None or (owner == present.test and not began <= middle <= ended):
            present.record["outside"].append(plain(hold))
        elif owner == present.test:
            present.own.append(hold)
            present.record["holds"].append(plain(hold, phase=present.phase))
        elif self._settings.limit is not None and self._settings.verdict.is_over(hold, self._settings.limit):
            present.record["left"].append(plain(hold, test=owner))
        else:
            present.record["outside"].append(plain(hold))

    # ---- reports

    @pytest.hookimpl(hookwrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, Any]:
        """Adds the verdict on setup and call to the call's report, and that on teardown to its own."""
        present = self._present
        if present is None or os.getpid() != self._process:
            yield
            return
        decides = call.when != "setup" or call.excinfo is not None
        if decides:
            self._add_properties(item, present)
        outcome = yield
        report: pytest.TestReport = outcome.get_result()
        if not decides:
            return
        self._judge(report, present)
        setattr(report, ATTRIBUTE, present.record)
        present.record, present.own = empty(present.limit), []

    def _judge(self, report: pytest.TestReport, present: Present) -> None:
        limit = present.limit
        over = [] if limit is None else [h for h in present.own if self._settings.verdict.is_over(h, limit)]
        if self._first_run is not None:
            confirmed = [hold for hold in over if hold.name in self._first_run]
            present.record["once"] = [plain(hold) for hold in over if hold not in confirmed]
            over = confirmed
        present.record["over"] = [plain(hold) for hold in over]
        waits_for_second_run = self._settings.confirm and self._first_run is None
        if over and self._may_fail and not waits_for_second_run and report.outcome == "passed":
            assert limit is not None
            report.outcome = "failed"
            report.longrepr = failure_text(limit, present.phase, over)

    def _add_properties(self, item: pytest.Item, present: Present) -> None:
        """Adds the longest hold to the test's properties, for the JUnit XML report."""
        for hold in present.own:
            if present.longest is None or hold.seconds > present.longest.seconds:
                present.longest = hold
        item.user_properties[:] = [
            each for each in item.user_properties if each[0] not in ("gil_longest_ms", "gil_name")
        ]
        if present.longest is not None:
            item.user_properties.append(("gil_longest_ms", round(present.longest.seconds * 1e3, 1)))
            item.user_properties.append(("gil_name", present.longest.name or "not named"))


MEASURING = pytest.StashKey[Measuring]()


def failure_text(limit: float, phase: str, over: Iterable[Hold]) -> str:
    lines = "".join(f"\n  {hold}" for hold in sorted(over, key=lambda hold: -hold.seconds))
    where = " in its teardown" if phase == "teardown" else ""
    return f"gil-budget: the test held the GIL for {milliseconds(limit)} or longer{where}:{lines}"


def _make_record(report: pytest.TestReport) -> Record:
    return getattr(report, ATTRIBUTE, None) or empty(None)
