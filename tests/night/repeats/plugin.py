"""A plugin of pytest: each test runs again in this process, as long as each run leaves something.

Everything that a test makes is over at its end: nodes, pipelines, connections, files. If each of its runs
leaves something, however little, that is a leak. A cache fills up, and a run that leaves nothing ends the
repetition.
"""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import array
import functools
import gc
import itertools
import json
import os
import re
import shutil
import time
from collections import Counter
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from _pytest.runner import runtestprotocol
from rigs.watchdog import WATCHDOG

from freshframe._interpreter import log
from night import own_process

BOOK = "FRESHFRAME_TEST_REPEATS"  # the file in which a line for each test is written

_NAMES = ("blocks", "bytes", "descriptors", "mappings", "threads", "objects", "libraries")
_WARM = 2  # runs before the first count
_STEPS = 20  # runs that all leave something
_FILLING = 0.7  # a cache fills slower and slower: its last growth is less than this part of the first one
_QUIET = 0.02  # seconds
_NO_PARAMETERS = SimpleNamespace(params={})


class _Counts:
    """Keeps the counts of this process at the ends of runs, in arrays: that makes no Python object."""

    def __init__(self) -> None:
        self._now = array.array("q", bytes(8 * len(_NAMES)))
        self._all = array.array("q", bytes(8 * len(_NAMES) * (_STEPS + 2)))
        self.runs = 0

    def count(self) -> None:
        """Counts when nothing falls any more: what has ended may still go."""
        first = len(_NAMES) * self.runs
        self._measure()
        for _ in range(25):
            self._all[first : first + len(_NAMES)] = self._now
            time.sleep(_QUIET)
            self._measure()
            if all(self._now[k] >= self._all[first + k] for k in range(len(_NAMES))):
                break
        self.runs += 1

    def growth(self) -> dict[str, int]:
        """Returns the least growth of a run, of each kind that every run has left."""
        size = len(_NAMES)
        found = {}
        for k, name in enumerate(_NAMES):
            counts = self._all[k : size * self.runs : size]
            steps = [after - before for before, after in itertools.pairwise(counts)]
            third = len(steps) // 3
            if min(steps) > 0 and (third < 3 or sum(steps[-third:]) >= _FILLING * sum(steps[:third])):
                found[name] = min(steps)
        return found

    def _measure(self) -> None:
        for _ in range(3):
            gc.collect()
        uses = own_process.uses()
        for k, name in enumerate(_NAMES[2:5]):
            self._now[2 + k] = uses[name]
        del uses
        self._now[0] = own_process.blocks()
        self._now[1] = own_process.block_bytes()
        self._now[5] = len(gc.get_objects())
        self._now[6] = Path("/proc/self/maps").read_text(encoding="utf-8").count(".so")


def _kinds() -> Counter[str]:
    """How many objects there are of each type that may refer to others."""
    return Counter(f"{type(each).__module__}.{type(each).__qualname__}" for each in gc.get_objects())


def _is_cache(found: object) -> bool:
    """Is it the cache of a function, which is not freshframe's own?"""
    return isinstance(found, functools._lru_cache_wrapper) and not str(found.__module__).startswith(
        "freshframe"
    )


class _Repetition:
    """The runs of a test."""

    def __init__(self, item: Any) -> None:
        self._item = item
        self._caches = [each for each in gc.get_objects() if _is_cache(each)]
        self.reports: list[pytest.TestReport] = []  # reports of the first run
        self.outcome = ""
        self.turns = 0
        self._finalizers: dict[Any, int] = {}  # number of fixtures that stay after the first run
        self._folders: set[Path] = set()  # those of fixtures that stay, and of the first run
        self.growth: dict[str, int] = {}
        self.kinds: list[str] = []

    def run(self) -> None:
        """Runs the test until a run leaves nothing, it is known what each one leaves, or time is over."""
        ends, counts = time.monotonic() + WATCHDOG, _Counts()
        while self._run_once() == "passed" and time.monotonic() < ends:
            if self.turns <= _WARM:
                continue
            counts.count()
            if counts.runs == 1:
                continue
            growth = counts.growth()
            if not growth or "libraries" in growth:  # libraries stay loaded
                return
            steps = counts.runs - 1
            if steps == _STEPS // 2:
                before = _kinds()
            if steps == _STEPS:
                self.growth = growth
                if "objects" in growth:
                    more = (_kinds() - before).most_common()
                    self.kinds = [kind for kind, count in more if count >= _STEPS // 2]
                return

    def _run_once(self) -> str:
        item = self._item
        item._report_sections.clear()
        item.user_properties.clear()
        self._clear_caches()
        reports = runtestprotocol(item, nextitem=item.parent, log=False)
        self.turns += 1
        self._forget_run()
        outcome = next((each.outcome for each in reports if each.outcome != "passed"), "passed")
        if self.turns == 1:
            self.reports, self.outcome = reports, outcome
        elif outcome != "passed":
            self.outcome = "once"  # its parameters or its module can be used once
        return outcome

    def _clear_caches(self) -> None:
        """Clears Python's caches, and the kinds of lines that were logged: each run has its own names."""
        re.purge()
        for cache in self._caches:
            cache.cache_clear()
        log.drain()
        log._limiter._kinds.clear()
        log._limiter._names.clear()

    def _forget_run(self) -> None:
        """Forgets the data that pytest, the parameters of a test and libc keep of each run.

        The folder of a run is removed, so that the next one has its name again: libc keeps each value that a
        variable of the environment has ever had.
        """
        factory = self._item.config._tmp_path_factory
        getattr(factory, "_next_number", {}).clear()
        for folder in factory.getbasetemp().iterdir():
            if self.turns == 1:
                self._folders.add(folder)
            elif folder not in self._folders:
                shutil.rmtree(folder, ignore_errors=True)
        for definitions in self._item._fixtureinfo.name2fixturedefs.values():
            for each in definitions:
                del each._finalizers[self._finalizers.setdefault(each, len(each._finalizers)) :]
        for value in getattr(self._item, "callspec", _NO_PARAMETERS).params.values():
            if isinstance(value, BaseException):
                value.__traceback__ = value.__context__ = None


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item, nextitem: pytest.Item | None) -> bool:
    """Instead of one run."""
    item.ihook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
    began, test = time.monotonic(), _Repetition(item)
    test.run()
    for report in test.reports:
        item.ihook.pytest_runtest_logreport(report=report)
    item.session._setupstate.teardown_exact(nextitem)
    item.ihook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
    seconds = round(time.monotonic() - began, 2)
    line = [item.nodeid, test.outcome, test.turns, seconds, test.growth, test.kinds]
    with Path(os.environ[BOOK]).open("a", encoding="utf-8") as book:
        book.write(json.dumps(line) + "\n")
    return True
