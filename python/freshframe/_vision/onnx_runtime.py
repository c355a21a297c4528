"""Finds ONNX Runtime's shared library in its package, without importing the package."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import importlib.util
import os
import sys
from pathlib import Path

from .._errors import MissingPackageError
from .._interpreter import parts

INSTALL = parts.install("onnxruntime")
_LAST_OF_310 = "1.23.2"  # the last ONNX Runtime that supports CPython 3.10


def library() -> str:
    """Returns the path of ``libonnxruntime.so``.

    Raises:
        MissingPackageError: No ONNX Runtime is installed; the message names the command to install it.
    """
    spec = importlib.util.find_spec("onnxruntime")
    if spec is None or not spec.submodule_search_locations:
        if _is_frozen():
            raise _not_in_bundle()
        raise MissingPackageError(
            f"ONNX models need ONNX Runtime: {INSTALL}{_for_this_python()}", name="onnxruntime"
        )
    for folder in spec.submodule_search_locations:
        found = sorted(Path(folder, "capi").glob("libonnxruntime.so*"), key=lambda path: len(path.name))
        if found:
            return str(found[-1])  # the file with the full version in its name, which every wheel has
    if _is_frozen():
        raise _not_in_bundle()
    raise MissingPackageError(
        f"the package onnxruntime in {', '.join(spec.submodule_search_locations)} has no "
        f"capi/libonnxruntime.so, which versions from 1.20 on contain: {INSTALL} --upgrade",
        name="onnxruntime",
    )


def prepare() -> str:
    """Sets the environment variable that the library needs before it is loaded; returns its path.

    From 1.29 on, ONNX Runtime sends telemetry unless a variable disables it. The variable is only set if
    necessary, because ``setenv`` races with ``getenv`` on other threads.

    Raises:
        MissingPackageError: ONNX Runtime is not installed; the message names the command to install it.
    """
    path = library()
    if "ORT_DISABLE_TELEMETRY" not in os.environ:
        os.environ["ORT_DISABLE_TELEMETRY"] = "1"
    return path


def _is_frozen() -> bool:
    """Returns True if this program was packaged with PyInstaller, cx_Freeze or similar."""
    return bool(getattr(sys, "frozen", False))


def _not_in_bundle() -> MissingPackageError:
    return MissingPackageError(
        "ONNX models need the files of ONNX Runtime, which this frozen program does not contain: build it "
        "with `pyinstaller --collect-all onnxruntime`, or with the same of another tool",
        name="onnxruntime",
    )


def _for_this_python() -> str:
    if sys.version_info >= (3, 15):
        return " (not yet available for CPython 3.15: use 3.11 to 3.14)"
    if sys.version_info < (3, 11):
        return f" ({_LAST_OF_310} is the last for CPython 3.10)"
    return ""
