"""Formats places in Python code, and finds the folders of code that is not the program's own."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import os
import site
import sysconfig
import threading
from types import CodeType

Frame = tuple[str, int, str]  # file, line, function

LIBRARIES = tuple(
    os.path.join(folder, "")
    for folder in {
        *(sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")),
        site.getusersitepackages(),
        os.path.dirname(os.path.dirname(__file__)),  # freshframe itself
    }
)


def place(frame: Frame) -> str:
    """Formats the frame as ``file:line:function``."""
    file, line, function = frame
    return f"{file}:{line}:{function}"


def function_name(code: CodeType) -> str:
    """Returns `Class.method`; on Python 3.10, whose code objects do not contain the class, `method`."""
    return getattr(code, "co_qualname", code.co_name)


def names(native: str | None, python: str | None, program: str | None) -> str:
    """Describes the native function, its caller and, if the caller is a library's, the program's own line."""
    named = [python or "unknown"] if native is None else [native]
    if native is not None and python:
        named.append("called by no line of the program" if _begins_thread(python) else f"called at {python}")
    if program and program != python:
        named.append(f"from {program}")
    return ", ".join(named)


def _begins_thread(python: str) -> bool:
    """Returns True if this is where threading calls a thread's target, which is then native itself."""
    file, _, function = python.rsplit(":", 2)
    return file == threading.__file__ and function.rsplit(".", 1)[-1] in ("run", "_bootstrap_inner")
