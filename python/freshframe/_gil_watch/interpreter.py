"""Whether the watch can read this interpreter's records."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import re
import sys
from contextlib import AbstractContextManager, nullcontext
from types import FrameType
from typing import Any

from .code_places import function_name


class Unsupported(RuntimeError):  # noqa: N818  (what happened, as in _errors.py)
    """There can be no watch here. The text says why."""


def _refuse(reason: str) -> Unsupported:
    version = sys.version.split()[0]
    return Unsupported(
        f"the GIL watch is not supported on this interpreter ({sys.implementation.name} {version} on "
        f"{sys.platform}): {reason}. It works on Linux with CPython 3.10 to 3.15"
    )


def native_module(loading: AbstractContextManager[object] | None = None) -> Any:
    """Loads the native module and proves that it reads this interpreter's records correctly.

    Args:
        loading: Entered while the module is imported.

    Raises:
        Unsupported: This interpreter is not supported, or libdw is missing.
    """
    if sys.implementation.name != "cpython" or sys.platform != "linux":
        raise _refuse("it reads CPython's own records")
    try:
        with loading or nullcontext():
            from .. import _gil  # noqa: PLC0415  (libdw and this module load only when a watch is wanted)
    except ImportError as error:
        raise Unsupported(f"the GIL watch needs libdw (Debian: apt-get install libdw1): {error}") from error
    if reason := _gil.unsupported():
        raise _refuse(reason)
    if not _same_frames(_gil.frames_now(), sys._getframe()):  # both mean this very line
        raise _refuse("its frames are laid out differently from those that this module was compiled for")
    return _gil


def _same_frames(found: list[tuple[str, str, int]], frame: FrameType | None) -> bool:
    """Whether the frames that were read from memory are those that Python returns."""
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
    """In the native part's form: an invalid character, such as an undecodable byte of a path, is U+FFFD."""
    return re.sub("[\ud800-\udfff]", "\ufffd", text)
