"""Options of the run. The fixtures and the checks after every test are in rigs/checked_tests.py."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import sys

import pytest
from rigs.card import all_on_card, card, card_folder, card_runtime, suits_a_card
from rigs.checked_tests import (
    app,
    clip,
    freshframe,
    numba_compiler,
    pipelines,
    process,
    pytest_collection_modifyitems,
    pytest_runtest_call,
    pytest_runtest_makereport,
    transport,
)
from rigs.repeated import pytest_pyfunc_call, pytest_sessionfinish, pytest_terminal_summary

__all__ = [
    "all_on_card",
    "app",
    "card",
    "card_folder",
    "card_runtime",
    "clip",
    "freshframe",
    "numba_compiler",
    "pipelines",
    "process",
    "pytest_collection_modifyitems",
    "pytest_pyfunc_call",
    "pytest_runtest_call",
    "pytest_runtest_makereport",
    "pytest_sessionfinish",
    "pytest_terminal_summary",
    "suits_a_card",
    "transport",
]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--switch-interval",
        type=float,
        help="sys.setswitchinterval() for the whole run: 1e-6 lets threads take turns wherever they can",
    )
    for option, which, whose in (
        ("--card", "fake", "the fake card"),
        ("--own-card", "true", "this machine's card"),
    ):
        parser.addoption(
            option,
            action="store_const",
            dest="card",
            const=which,
            help=f"decode on {whose} whatever it can decode",
        )


def pytest_configure(config: pytest.Config) -> None:
    interval = config.getoption("--switch-interval")
    if interval is not None:
        sys.setswitchinterval(interval)
