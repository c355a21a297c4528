"""The modules for CPython 3.12 and newer import only symbols of the stable ABI."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import importlib.util
import sys
import sysconfig
from pathlib import Path

import pytest
from rigs.tool_modules import load_tool

import freshframe as ff
from freshframe import _native

check = load_tool("check_stable_abi")

MODULES = ("_native", "_numeric")


def test_symbols_outside_the_stable_abi_are_found() -> None:
    symbols = {"PyObject_Vectorcall", "PyType_GetName", "memcpy", "av_frame_alloc", "PyErr_SetString"}
    assert check.outside(symbols, check.stable_symbols()) == []
    of_the_interpreter = {"_PyRuntime", "PyThreadState_GetUnchecked", "_PyThreadState_UncheckedGet"}
    newer = {"Py_IsFinalizing", "PyType_GetFullyQualifiedName"}  # stable since 3.13
    assert set(check.outside(symbols | of_the_interpreter | newer, check.stable_symbols())) == (
        of_the_interpreter | newer
    )


def test_a_module_is_of_the_stable_abi_from_3_12_on() -> None:
    free_threaded = bool(sysconfig.get_config_var("Py_GIL_DISABLED"))
    wanted = sys.version_info >= (3, 12) and not free_threaded
    assert Path(str(_native.__file__)).name.endswith(".abi3.so") == wanted


@pytest.mark.parametrize("name", MODULES)
def test_the_module_imports_stable_symbols_only(name: str) -> None:
    spec = importlib.util.find_spec(f"{ff.__name__}.{name}")
    if spec is None or spec.origin is None:
        pytest.skip(f"this build has no {name}")
    if not spec.origin.endswith(check.ENDING):
        pytest.skip("this Python has a module of its own")
    symbols = check.imported(Path(spec.origin))
    assert "PyErr_Occurred" in symbols  # shows that the symbols were read
    assert check.outside(symbols, check.stable_symbols()) == []
