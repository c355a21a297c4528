"""Places in Python code as text, and which of them are the program's own."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import os
import re
import site
import sysconfig
from collections.abc import Iterable

Frame = tuple[str, int, str]  # file, line, function

_LIBRARIES = tuple(
    os.path.join(folder, "")
    for folder in {
        *(sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")),
        site.getusersitepackages(),
        os.path.dirname(__file__),
    }
)
_PACKAGES = re.compile(r"/(site|dist)-packages/")


def place(frame: Frame) -> str:
    """``file:line:function``."""
    file, line, function = frame
    return f"{file}:{line}:{function}"


def own_place(frames: Iterable[Frame]) -> str | None:
    """The first place outside of the standard library and of installed packages."""
    for frame in frames:
        file = frame[0]
        if not file.startswith((*_LIBRARIES, "<frozen ")) and not _PACKAGES.search(file):
            return place(frame)
    return None


def names(native: str | None, python: str | None, program: str | None) -> str:
    """The native function, the line that called it and, when that line is a library's, the program's own."""
    named = [python or "unknown"] if native is None else [native]
    if native is not None and python:
        named.append(f"called at {python}")
    if program and program != python:
        named.append(f"from {program}")
    return ", ".join(named)
