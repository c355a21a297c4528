"""Options of the pytest plugin. It does nothing without --gil-budget or the setting gil_budget."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from ._plugin.settings import Settings

_MARKER = (
    "gil_budget(limit): the longest time for which this test may hold the GIL, such as '20ms', or None for "
    "no limit. Without --gil-budget it has no effect."
)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Adds the options of the command line and of pytest's settings."""
    group = parser.getgroup("gil budget", "a budget for the time in which a test holds the GIL")
    group.addoption(
        "--gil-budget",
        metavar="LIMIT",
        help="fail a test that holds the GIL for LIMIT or longer, such as 10ms; 'marked': check only tests "
        "with the marker gil_budget; 'off': check no test, even if the settings name a limit",
    )
    group.addoption(
        "--gil-report-only", action="store_true", help="print what is over the budget, but fail no test"
    )
    group.addoption(
        "--gil-confirm",
        action="store_true",
        help="rerun a test that is over its budget, and fail it only if it is over both times",
    )
    group.addoption(
        "--gil-count",
        metavar="KINDS",
        help="comma-separated kinds of holds to check: call, freeing, objects, collector, import "
        "(default: call,freeing)",
    )
    group.addoption(
        "--gil-allow",
        metavar="PATTERN",
        action="append",
        default=[],
        help="pattern of names that may hold the GIL for any time, such as 'json:*'. Can be repeated",
    )
    group.addoption(
        "--gil-baseline",
        metavar="FILE",
        help="file with names that may hold the GIL longer, and for how long",
    )
    group.addoption("--gil-write-baseline", metavar="FILE", help="write the holds of this run to a baseline")
    group.addoption(
        "--gil-baseline-strict",
        action="store_true",
        help="fail a full run if the baseline has names that occurred in none of the last runs",
    )
    group.addoption("--gil-report", metavar="FILE", help="write all holds to FILE as JSON")
    parser.addini("gil_budget", "same as --gil-budget", default="")
    parser.addini("gil_budget_baseline", "same as --gil-baseline, relative to the root folder", default="")
    parser.addini("gil_budget_allow", "same as --gil-allow", type="linelist", default=[])


def pytest_configure(config: pytest.Config) -> None:
    """Registers the marker and, if there is a budget, the plugins that measure and report."""
    config.addinivalue_line("markers", _MARKER)
    if not (config.getoption("--gil-budget") or config.getini("gil_budget")):
        return
    from ._plugin.settings import Settings  # noqa: PLC0415  (every run of pytest loads this file)

    settings = Settings.read(config)
    if settings is not None:
        _register(config, settings)


def _register(config: pytest.Config, settings: Settings) -> None:
    from ._plugin.measuring import Measuring  # noqa: PLC0415
    from ._plugin.summary import Summary  # noqa: PLC0415

    is_worker = hasattr(config, "workerinput")
    distributes = config.pluginmanager.hasplugin("dsession") and not is_worker
    if not distributes:
        config.pluginmanager.register(Measuring(config, settings), "gil-budget-measuring")
    if not is_worker:
        config.pluginmanager.register(Summary(config, settings), "gil-budget-summary")
