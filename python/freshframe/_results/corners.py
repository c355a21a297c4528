"""The corners of a zone, and point-in-polygon tests."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from .. import _check
from .._errors import OptionError

Anchor = Literal["center", "bottom"]
"""The point of an object that is tested against a line or zone."""

_LEAST = 3
_MOST = 1000


def checked_corners(given: Any) -> list[tuple[float, float]]:
    """Returns the corners as pairs of numbers.

    Raises:
        OptionError: There are too many corners.
        OptionTypeError: The corners are not a sequence of pairs of numbers.
    """
    corners = _check.items(given, "corners must be a sequence of (x, y) in pixels")
    if len(corners) > _MOST:
        raise OptionError(f"there must be at most {_MOST} corners, got {len(corners)}")
    return [_check.pair("a corner (x, y)", corner) for corner in corners]


def checked_anchor(given: Any) -> str:
    """Returns the checked name of an anchor.

    Raises:
        OptionError: There is no such anchor.
        OptionTypeError: The value is not a string.
    """
    anchor = _check.text("anchor", given)
    if anchor not in ("center", "bottom"):
        raise OptionError(f"anchor must be 'center' or 'bottom', got {_check.show(anchor)}")
    return anchor


def are_inside(x: npt.NDArray[np.float64], y: npt.NDArray[np.float64], given: Any) -> npt.NDArray[np.bool_]:
    """Returns (n,) bool by the even-odd rule. Points with NaN are outside.

    Raises:
        OptionError: There are too few or too many corners, or they look like fractions of the frame.
        OptionTypeError: The corners are not a sequence of pairs of numbers.
    """
    corners = checked_corners(given)
    if len(corners) < _LEAST:
        raise OptionError(f"there must be at least {_LEAST} corners, got {len(corners)}")
    if all(0 <= number <= 1 for corner in corners for number in corner):
        raise OptionError(
            f"corners must be in pixels, but {_check.show(corners)} are all between 0 and 1: multiply "
            "fractions by the frame's width and height"
        )
    result = np.zeros(len(x), np.bool_)
    for (ax, ay), (bx, by) in zip(corners, [*corners[1:], corners[0]], strict=True):
        if ay == by:
            continue
        spans = (ay > y) != (by > y)
        result ^= spans & (x < ax + (y - ay) * (bx - ax) / (by - ay))
    return result
