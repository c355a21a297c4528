"""Frames as NumPy arrays and over DLPack; the protocols differ between NumPy versions."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from .._errors import OptionError

if TYPE_CHECKING:
    from .._native import Frame

_SAYS_READ_ONLY = np.lib.NumpyVersion(np.__version__) >= "2.1.0"


def as_numpy(frame: Frame, dtype: Any, copy: bool | None) -> np.ndarray[Any, Any]:
    """Implements ``Frame.__array__``.

    Raises:
        OptionError: The frame has separate chroma planes, or ``copy=False`` although a copy is needed.
    """
    _check_pixels(frame)
    return cast_array(frame.array, dtype, copy)


def cast_array(array: np.ndarray[Any, Any], dtype: Any, copy: bool | None) -> np.ndarray[Any, Any]:
    """Implements ``__array__`` for a read-only uint8 array.

    Raises:
        OptionError: ``copy=False`` although a copy is needed.
    """
    if dtype is None or np.dtype(dtype) == array.dtype:
        return array.copy() if copy else array
    if copy is False:
        raise OptionError(
            f"a frame is uint8: an array of {np.dtype(dtype)} needs a copy, which copy=False forbids"
        )
    return array.astype(dtype)


def dlpack(frame: Frame, **kwargs: Any) -> Any:
    """Implements ``Frame.__dlpack__``. Requires DLPack 1.0, as older ones cannot mark memory read-only."""
    _check_pixels(frame)
    version = kwargs.get("max_version")
    if _SAYS_READ_ONLY and version is not None and version[0] >= 1:
        return frame.array.__dlpack__(**kwargs)
    return frame.copy().__dlpack__()


def host_dlpack(array: np.ndarray[Any, Any], max_version: tuple[int, int] | None, copy: bool | None) -> Any:
    """Implements ``__dlpack__`` for a read-only array in host memory."""
    if _SAYS_READ_ONLY and max_version is not None:
        return array.__dlpack__(max_version=max_version, copy=copy)
    return array.copy().__dlpack__()


def _check_pixels(frame: Frame) -> None:
    if frame.format not in ("gray", "bgr", "rgb"):
        raise OptionError(
            f"a frame in {frame.format} is not an array of pixels: use frame.bgr or frame.luma, or "
            "frame.array for all its planes, stacked vertically"
        )
