"""Uses the checks after every test and the fixtures of tests/python."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

from rigs.checked_tests import (
    app,
    clip,
    freshframe,
    pipelines,
    process,
    pytest_collection_modifyitems,
    pytest_runtest_call,
    pytest_runtest_makereport,
)
from rigs.repeated import pytest_pyfunc_call

__all__ = [
    "app",
    "clip",
    "freshframe",
    "pipelines",
    "process",
    "pytest_collection_modifyitems",
    "pytest_pyfunc_call",
    "pytest_runtest_call",
    "pytest_runtest_makereport",
]
