"""A budget next to freshframe's own watch: they share one watch per process, and both receive its stalls."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import ctypes

import gil_budget
import pytest
from gil_budget._gil_watch.running import find_running
from gil_budget.windows import Window
from support import until

from freshframe import gil

pytestmark = pytest.mark.needs_gil

C = ctypes.PyDLL(None)


def hold(milliseconds: int = 300) -> None:
    C.usleep(milliseconds * 1000)


def hold_and_see(watch: gil.GilWatch) -> bool:
    hold()
    return bool(watch.stalls)


def exceeds_a_budget() -> bool:
    try:
        with gil_budget.budget("50ms"):
            hold()
    except gil_budget.BudgetExceeded:
        return True
    return False


def test_freshframes_watch_listens_to_the_one_that_runs() -> None:
    window = Window(0.05, lambda found: None)
    try:
        with gil.watch(0.05) as watch:
            until(lambda: hold_and_see(watch), "a stall")
        assert watch.summary()[0].native == "libc.so.6:usleep"
        assert watch.summary()[0].count == len(watch.stalls)
        assert "usleep" in watch.table()
    finally:
        window.close()
    assert find_running() is None


def test_a_budget_listens_to_freshframes_watch() -> None:
    with gil.watch(10.0) as watch:  # takes samples for as long as there is a budget
        until(exceeds_a_budget, "a hold over the budget")
        assert watch.active
        assert watch.stalls == []
