"""Importing freshframe does not enable the GIL of a free-threaded Python."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import json
import re
import sysconfig
from pathlib import Path

import pytest
from rigs import gil_holds
from support import run_program

import freshframe as ff
from freshframe import _native
from freshframe._interpreter import gil_state

PYTHON_CMAKE = Path(__file__).resolve().parents[3] / "cmake" / "python.cmake"
free_threaded = pytest.mark.skipif(not gil_state.FREE_THREADED, reason="this Python has a GIL")
needs_compiler = pytest.mark.skipif(gil_holds.compiler() is None, reason="no C compiler")

# Modules without a declaration about the GIL, with two-phase and with single-phase initialisation.
SILENT = """
#include <Python.h>
static PyModuleDef_Slot slots[] = {{0, NULL}};
static struct PyModuleDef definition = {PyModuleDef_HEAD_INIT, "silent", NULL, 0, NULL, slots};
PyMODINIT_FUNC PyInit_silent(void) { return PyModuleDef_Init(&definition); }
"""
ONE_PHASE = """
#include <Python.h>
static struct PyModuleDef definition = {PyModuleDef_HEAD_INIT, "onephase", NULL, -1, NULL};
PyMODINIT_FUNC PyInit_onephase(void) { return PyModule_Create(&definition); }
"""


@free_threaded
def test_no_module_switches_the_gil_on() -> None:
    ended = run_program("""
        import sys
        import freshframe as ff
        for module in ("freshframe._native", "freshframe._numeric", "gil_budget._gil"):
            __import__(module)
            assert not sys._is_gil_enabled(), module
    """)
    assert (ended.code, ended.err) == (0, "")


@pytest.mark.skipif(not PYTHON_CMAKE.is_file(), reason="not in a checkout")
def test_every_module_is_compiled_as_free_threaded() -> None:
    made = re.findall(r"nanobind_add_module\(([^)]*)\)", PYTHON_CMAKE.read_text(encoding="utf-8"))
    assert made
    assert all("FREE_THREADED" in arguments.split() for arguments in made)


def test_the_flag_of_the_build_is_what_sysconfig_says() -> None:
    assert bool(sysconfig.get_config_var("Py_GIL_DISABLED")) == gil_state.FREE_THREADED


def test_statistics_say_whether_there_is_a_gil() -> None:
    stats = ff.Pipeline().stats()
    assert stats.gil.enabled == (not gil_state.FREE_THREADED)
    assert stats.gil.enabled_by == ()


@free_threaded
def test_the_modules_declare_that_they_do_without() -> None:
    import freshframe._numeric  # noqa: PLC0415

    for module in (_native, freshframe._numeric):
        assert _native.does_without_gil(module) is True
    assert _native.does_without_gil(json) is None  # written in Python
    assert _native.does_without_gil(None) is None


def imports(folder: Path, code: str, name: str, first: str, then: str) -> list[object]:
    """Returns the statistics of a program that imports `first`, then `then`."""
    gil_holds.compiled(folder / f"{name}.so", code)
    ended = run_program(f"""
        import json, sys, warnings
        warnings.simplefilter("ignore")
        sys.path.insert(0, {str(folder)!r})
        import {first}
        import {then}
        import freshframe as ff
        gil = ff.Pipeline().stats().gil
        print(json.dumps([gil.enabled, list(gil.enabled_by), ff._interpreter.gil_state.summary()]))
    """)
    assert ended.code == 0, ended.err
    found: list[object] = json.loads(ended.out)
    return found


@free_threaded
@needs_compiler
@pytest.mark.parametrize(("code", "name"), [(SILENT, "silent"), (ONE_PHASE, "onephase")])
def test_the_module_that_switched_the_gil_on_is_named(tmp_path: Path, code: str, name: str) -> None:
    enabled, by, summary = imports(tmp_path, code, name, "freshframe", name)
    assert (enabled, by) == (True, [name])
    assert summary == f"free-threaded, but the GIL is on, switched on by {name}"


@free_threaded
@needs_compiler
def test_a_module_that_came_before_freshframe_is_found_by_its_definition(tmp_path: Path) -> None:
    assert imports(tmp_path, SILENT, "silent", "silent", "freshframe")[:2] == [True, ["silent"]]


@free_threaded
@needs_compiler
def test_the_state_of_the_gil_is_unknown_where_no_function_gives_it(tmp_path: Path) -> None:
    assert imports(tmp_path, ONE_PHASE, "onephase", "onephase", "freshframe")[:2] == [True, ["unknown"]]


@free_threaded
def test_a_program_that_was_started_with_the_gil_says_so() -> None:
    ended = run_program("""
        import os, subprocess, sys
        code = "import freshframe as ff; print(ff.Pipeline().stats().gil)"
        subprocess.run([sys.executable, "-X", "gil=1", "-c", code], check=True)
    """)
    assert ended.code == 0, ended.err
    assert "enabled=True, enabled_by=('-X gil=1 or PYTHON_GIL=1',)" in ended.out


@free_threaded
def test_the_doctor_says_which_state_it_is() -> None:
    ended = run_program("""
        from freshframe._cli.doctor import _python
        print([finding for finding in _python() if finding.check == "free-threading"])
    """)
    assert ended.code == 0, ended.err
    assert "found='yes, and the GIL is off'" in ended.out


@free_threaded
def test_the_watch_of_the_gil_refuses_and_says_why() -> None:
    with pytest.raises(ff.StateError, match="built without a GIL: no thread can hold it"), ff.gil.watch():
        pass
