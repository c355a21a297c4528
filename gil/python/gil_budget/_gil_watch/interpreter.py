"""Whether the watch can read this interpreter's records."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import importlib.util
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from types import FrameType
from typing import Any

from .code_places import function_name

PYTHONS = tuple((3, minor) for minor in range(10, 16))  # versions of CPython that are supported
PYTHONS_TEXT = f"CPython {PYTHONS[0][0]}.{PYTHONS[0][1]} to {PYTHONS[-1][0]}.{PYTHONS[-1][1]}"

FoundFrame = tuple[str, str, int]  # file, function, line


class Unsupported(RuntimeError):  # noqa: N818  (what happened, as in _errors.py)
    """Raised if this interpreter cannot be watched. The message gives the reason."""


def _refuse(reason: str) -> Unsupported:
    version = sys.version.split()[0]
    return Unsupported(
        f"the GIL watch is not supported on this interpreter ({sys.implementation.name} {version} on "
        f"{sys.platform}): {reason}. It works on Linux with {PYTHONS_TEXT}"
    )


def native_module(loading: AbstractContextManager[object] | None = None) -> Any:
    """Loads the native module and proves that it reads this interpreter's records correctly.

    Args:
        loading: Entered while the module is imported.

    Raises:
        Unsupported: This interpreter is not supported, or libdw is missing.
    """
    if sys.implementation.name != "cpython" or sys.platform != "linux":
        raise _refuse("it reads CPython's internal data structures")
    try:
        with loading or nullcontext():
            from gil_budget import _gil  # noqa: PLC0415  (with libdw: only when a watch is wanted)
    except ImportError as error:
        if not _has_module():
            raise Unsupported(
                "the GIL watch needs the package gil-budget, which is not installed: "
                "pip install 'freshframe[gil]' (in a checkout: ./dev build)"
            ) from None
        raise Unsupported(f"the GIL watch needs libdw (Debian: apt-get install libdw1): {error}") from error
    if reason := _gil.unsupported():
        raise _refuse(reason)
    if not _reads_own_frames(_gil.frames_now):
        raise _refuse("the layout of its frames differs from the layout for which this module was compiled")
    return _gil


def _has_module() -> bool:
    try:
        return importlib.util.find_spec("gil_budget._gil") is not None
    except ModuleNotFoundError:
        return False


def _reads_own_frames(frames_now: Callable[[], list[FoundFrame]]) -> bool:
    """Returns True if the frames read from memory are those that Python returns.

    Uses frames of this file: of functions, of a generator, and of a call from a C function. Frames of its
    callers may be of an unknown kind, and are not compared.
    """

    def generate(own: int) -> Iterator[bool]:
        yield _same_frames(frames_now()[:own], sys._getframe())  # both are on this very line

    def within(depth: int, own: int = 3) -> bool:
        return within(depth - 1, own + 1) if depth else next(generate(own))

    return all(map(within, (0, 1, 2)))


def _same_frames(found: list[FoundFrame], frame: FrameType | None) -> bool:
    for file, function, line in found:
        if frame is None:
            return False
        code = frame.f_code
        names = (_readable(code.co_filename), _readable(function_name(code)))
        if (file, function, line) != (*names, frame.f_lineno):
            return False
        frame = frame.f_back
    return bool(found)


def _readable(text: str) -> str:
    """Converts a string as the native code does: undecodable bytes, as in a path, become U+FFFD."""
    return re.sub("[\ud800-\udfff]", "\ufffd", text)
