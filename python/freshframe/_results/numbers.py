"""Converts arrays of numbers to another type, if all of them fit. Floats may be rounded."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from .._check import show
from .._errors import OptionError, OptionTypeError

_KINDS_OF_NUMBERS = "biuf"  # NumPy type codes: bool, signed, unsigned, float
_LIMITS: dict[str, tuple[Any, Any]] = {
    each.dtype.name: (each.min, each.max)
    for each in (np.iinfo(np.int32), np.iinfo(np.int64), np.finfo(np.float32), np.finfo(np.float64))
}


def box_numbers(given: Any) -> npt.NDArray[Any]:
    """Returns coordinates of boxes as a float32 array. Raises like as_numbers()."""
    return as_numbers("boxes", given, np.float32)


def as_numbers(what: str, given: Any, kind: type[np.generic], advice: str = "") -> npt.NDArray[Any]:
    """Converts numbers to an array of the type `kind`.

    Arrays and lists of the same numbers are treated alike, unlike in NumPy, which truncates fractions and
    high bits of arrays, and raises OverflowError for lists.

    Args:
        what: Name of the array for messages, such as "Detections.class_id".
        given: An array, or anything that NumPy converts to one.
        kind: The type of the result, a NumPy integer or float.
        advice: What to append to the message about strings.

    Raises:
        OptionTypeError: The array contains anything but real numbers.
        OptionError: A number is outside the range of `kind`, or not an integer although `kind` is.
    """
    array = _array_of(what, given, kind, advice)
    if array.dtype == kind:
        return array
    if _is_within(array, kind):
        return array.astype(kind)
    with np.errstate(all="ignore"):
        try:
            result = array.astype(kind)
            wrong = _changed(array, result)
        except (OverflowError, ValueError, TypeError):  # from Python objects such as an int of 100 bits
            return _converted_one_by_one(what, array, kind)
    if wrong.any():
        number = array[np.unravel_index(int(wrong.argmax()), wrong.shape)] if array.ndim else array[()]
        raise _unfit(what, number, kind)
    return result


def _is_within(array: npt.NDArray[Any], kind: type[np.generic]) -> bool:
    """Returns True if the conversion needs no check of each number, because the range shows that all fit.

    A conversion to floats may still round, such as from int64 to float32.
    """
    if array.dtype.kind not in ("iuf" if issubclass(kind, np.floating) else "iu") or not array.size:
        return False
    low, high = _LIMITS[np.dtype(kind).name]
    return bool(low <= array.min() and array.max() <= high)


def _converted_one_by_one(what: str, array: npt.NDArray[Any], kind: type[np.generic]) -> npt.NDArray[Any]:
    result = np.empty(array.shape, kind)
    for place in np.ndindex(array.shape):
        try:
            result[place] = array[place]
        except (OverflowError, ValueError, TypeError):
            raise _unfit(what, array[place], kind) from None
        if _changed(np.asarray(array[place]), np.asarray(result[place])):
            raise _unfit(what, array[place], kind)
    return result


def _unfit(what: str, number: Any, kind: type[np.generic]) -> OptionError:
    return OptionError(f"{what} must be {_wanted(np.dtype(kind))}, got {_shown(number)}")


def _array_of(what: str, given: Any, kind: type[np.generic], advice: str) -> npt.NDArray[Any]:
    found = f"one of type {type(given).__name__}"
    try:
        array = np.asarray(given)
        if array.size == 0 or array.dtype.kind in _KINDS_OF_NUMBERS:
            return array
        if array.dtype.kind == "O" and all(
            _is_number(each) for each in array.flat
        ):  # also ints of more than 64 bits
            return array
        if array.dtype.kind != "O":
            found = "strings" if array.dtype.kind in "US" else f"one of {array.dtype}"
    except Exception:
        pass
    raise OptionTypeError(
        f"{what} must be an array of {np.dtype(kind)}, got {found}: {show(given)}"
        + (advice if found == "strings" else "")
    )


def _is_number(value: Any) -> bool:
    try:
        float(value)
    except OverflowError:  # an int too large for a float
        return True
    except Exception:  # not a number, or a class whose conversion raises
        return False
    return not isinstance(value, str | bytes)


def _changed(before: npt.NDArray[Any], after: npt.NDArray[Any]) -> npt.NDArray[np.bool_]:
    """Returns which numbers have changed. Floats may be rounded, but must not overflow to infinity."""
    if after.dtype.kind == "f":
        infinite: npt.NDArray[np.bool_] = np.isinf(after)
        if infinite.any():
            infinite &= np.isfinite(before.astype(np.float64))
        return infinite
    different: npt.NDArray[np.bool_] = np.asarray(after != before)
    if before.dtype.kind == "f":  # comparing the largest integers with floats would round them
        different |= before >= 2.0 ** (8 * after.dtype.itemsize - (after.dtype.kind == "i"))
    elif before.dtype.kind == "u" and after.dtype.kind == "i":
        different |= after < 0
    return different


def _wanted(dtype: np.dtype[Any]) -> str:
    if dtype.kind == "f":
        return f"numbers that fit into {dtype}, at most {np.finfo(dtype).max:g}"
    limits = np.iinfo(dtype)
    return f"whole numbers from {limits.min} to {limits.max} ({dtype})"


def _shown(number: Any) -> str:
    return show(number.item() if isinstance(number, np.generic) else number)
