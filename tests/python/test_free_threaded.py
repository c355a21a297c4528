"""Importing freshframe leaves the GIL of a free-threaded Python off."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import re
import sysconfig
from pathlib import Path

import pytest
from support import run_program

PYTHON_CMAKE = Path(__file__).resolve().parents[2] / "cmake" / "python.cmake"


@pytest.mark.skipif(not sysconfig.get_config_var("Py_GIL_DISABLED"), reason="this Python has a GIL")
def test_no_module_switches_the_gil_on() -> None:
    ended = run_program("""
        import sys
        import freshframe as ff
        for module in ("_native", "_gil", "_numeric", "_lab"):
            __import__(f"freshframe.{module}")
            assert not sys._is_gil_enabled(), module
    """)
    assert (ended.code, ended.err) == (0, "")


@pytest.mark.skipif(not PYTHON_CMAKE.is_file(), reason="not in a checkout")
def test_every_module_is_compiled_as_free_threaded() -> None:
    made = re.findall(r"nanobind_add_module\(([^)]*)\)", PYTHON_CMAKE.read_text(encoding="utf-8"))
    assert made
    assert all("FREE_THREADED" in arguments.split() for arguments in made)
