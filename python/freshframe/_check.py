"""Checks of options: what was wanted, what was found."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import math
import numbers
import os
from typing import Any

from ._errors import GraphError

_INT_LIMIT = 2**31  # native options are 32 bit


def number(what: str, value: Any) -> float:
    """A number that is finite, of Python or NumPy.

    Raises:
        GraphError: It is something else.
    """
    if isinstance(value, bool) or not isinstance(value, numbers.Real):  # NumPy's are, too
        raise GraphError(f"{what} must be a number, got {value!r}")
    try:
        real = float(value)
    except OverflowError:  # an int beyond all floats
        real = math.inf
    if not math.isfinite(real):
        raise GraphError(f"{what} must be a finite number, got {value!r}")
    return real


def integer(what: str, value: Any) -> int:
    """An integer of Python or NumPy that native code can hold.

    Raises:
        GraphError: It is something else.
    """
    if isinstance(value, bool) or not isinstance(value, numbers.Integral):
        raise GraphError(f"{what} must be a whole number, got {value!r}")
    whole = int(value)
    if not -_INT_LIMIT <= whole < _INT_LIMIT:
        raise GraphError(f"{what} must be below {_INT_LIMIT}, got {value!r}")
    return whole


def flag(what: str, value: Any) -> bool:
    """True or False.

    Raises:
        GraphError: It is something else.
    """
    if not isinstance(value, bool):
        raise GraphError(f"{what} must be True or False, got {value!r}")
    return value


def path(what: str, value: Any) -> str:
    """A path as text.

    Raises:
        GraphError: It is something else.
    """
    if isinstance(value, bytes) or not isinstance(value, (str, os.PathLike)):
        raise GraphError(f"{what} must be a path, got {value!r}")
    text = os.fspath(value)
    if not isinstance(text, str):
        raise GraphError(f"{what} must be a path as text, got {value!r}")
    if not is_utf8(text):
        raise GraphError(f"{what} must be UTF-8, got {value!r}: rename it, or make a link that is")
    return text


def is_utf8(text: str) -> bool:
    """Whether it is text at all: Python shows bytes of a file's name that are not as lone surrogates."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def pair(what: str, value: Any) -> tuple[float, float]:
    """Two numbers.

    Raises:
        GraphError: It is something else.
    """
    if isinstance(value, str) or not hasattr(value, "__len__") or len(value) != 2:
        raise GraphError(f"{what} must be two numbers, got {value!r}")
    first, second = value
    return number(what, first), number(what, second)
