"""Sums and means of NumPy data: without a copy, exact or as good as exact, while other Python threads run.

What is accepted: arrays of NumPy, and anything else that has the buffer protocol (``memoryview``,
``array.array``, ``bytes``, ``bytearray``, ``mmap``), of ``float64``, ``float32``, ``bool``, or signed or
unsigned integers of 8 to 64 bits in native byte order. Any number of axes, any strides (transposed, reversed,
every second row, broadcast), any alignment, read-only or not; nothing is copied.

Anything else is an OptionTypeError that says what was given: lists, because making an array of one is a copy
that should be seen; single numbers; ``float16``, ``longdouble``, ``complex``, other byte orders, structured
and object arrays; masked arrays, because their mask would be ignored; other subclasses of ``ndarray`` than
``matrix`` and ``memmap``, because they may mean something else by their numbers. ``numpy.asarray(x)`` makes
most of them acceptable. Of a frame, pass a plane: ``frame.luma``.

Integers and booleans add up exactly. Floating-point numbers (``float32`` as ``float64``) are added in 64
lanes, what each addition rounds away is added up apart, and lanes and blocks are added pairwise. The result
is the exact sum, rounded once, unless positive and negative numbers cancel to less than about 1e-15 of their
size; with ``compensated=True``, 1e-30. (TwoSum: D. E. Knuth 1969. Sums with their errors: T. Ogita,
S. M. Rump, S. Oishi, "Accurate sum and dot product", SIAM J. Sci. Comput. 26, 2005, Sum2 by default and SumK
with K = 3 when compensated; the fast way to the errors: Rump, Ogita, Oishi, "Accurate floating-point
summation part I", SIAM J. Sci. Comput. 31, 2008.) Infinities and NaN give what NumPy gives; a sum of finite
numbers is infinite only if it is beyond the range of ``float`` itself, not when only a part of it is.

The result does not depend on ``threads``, on the processor, or on the layout: an array, its transpose and its
reversal have the same sum to the last bit.

Other threads may delete or rebind the array's last name, and ``resize()`` raises: the call refers to the
array until it is done. ``resize(refcheck=False)`` during a call is undefined behaviour, as it is for NumPy's
own functions. Writing into the array meanwhile gives the sum of a mixture of old and new numbers.

The GIL is released when the call takes about a millisecond or more (16 MiB in one piece, a million scattered
numbers), and held otherwise: to get it back beside a busy thread takes 5 ms.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import TYPE_CHECKING, Any, overload

from . import _check, _numeric

if TYPE_CHECKING:
    import array
    import mmap

    import numpy as np
    import numpy.typing as npt

    _Floats = npt.NDArray[np.float64] | npt.NDArray[np.float32]
    _Integers = npt.NDArray[np.integer[Any]] | npt.NDArray[np.bool_] | bytes | bytearray | mmap.mmap
    _Buffer = memoryview | array.array[Any]

__all__ = ["absdiff_mean", "mean", "sum"]


@overload
def sum(x: _Floats, *, compensated: bool = ..., threads: int = ...) -> float: ...
@overload
def sum(x: _Integers, *, compensated: bool = ..., threads: int = ...) -> int: ...
@overload
def sum(x: _Buffer, *, compensated: bool = ..., threads: int = ...) -> float | int: ...
def sum(x: Any, *, compensated: bool = False, threads: int = 1) -> float | int:
    """The sum of all numbers.

    Args:
        x: An array or buffer of any shape and layout; see the module for the types.
        compensated: Be right also where the numbers cancel almost completely. Costs nothing or little in
            memory, two thirds of the speed in the cache. Means nothing for integers.
        threads: How many threads may work, the calling one included: 1 to 1024; one per megabyte do at most.
            The result is the same.

    Returns:
        A ``float`` for ``float64`` and ``float32``; an ``int`` for integers, which never wraps, and for
        booleans, whose sum is the number of those that are true. 0 when there are no numbers.

    Raises:
        OptionTypeError: ``x`` is something else; the message says what is accepted and what came.
        OptionError: ``threads`` is out of range.

    GIL: released when that pays (above 16 MiB), held otherwise.
    """
    return _numeric.sum(x, _check.flag("compensated", compensated), threads)


def mean(x: _Floats | _Integers | _Buffer, *, compensated: bool = False, threads: int = 1) -> float:
    """The mean of all numbers: the exact sum (see ``sum``), divided, and rounded once.

    Args:
        x: An array or buffer of any shape and layout; see the module for the types.
        compensated: As for ``sum``.
        threads: As for ``sum``.

    Returns:
        The mean; of booleans the share of those that are true.

    Raises:
        OptionTypeError: ``x`` is something else; the message says what is accepted and what came.
        OptionError: There are no numbers (NumPy gives NaN and a warning), or ``threads`` is out of range.

    GIL: released when that pays (above 16 MiB), held otherwise.
    """
    return _numeric.mean(x, _check.flag("compensated", compensated), threads)


def absdiff_mean(
    a: _Floats | _Integers | _Buffer, b: _Floats | _Integers | _Buffer, *, threads: int = 1
) -> float:
    """The mean of ``|a - b|``: how much two pictures differ, for example the luma planes of two frames.

    Integers are subtracted and added exactly (nothing wraps at 0 or 255), so the mean is rounded once.
    Booleans differ by 0 or 1. The two may have different layouts.

    Args:
        a: An array or buffer; see the module for the types.
        b: Another of the same type and shape.
        threads: As for ``sum``.

    Returns:
        The mean, in the unit of the numbers.

    Raises:
        OptionTypeError: One of them is something else, or their types differ.
        OptionError: Their shapes differ, there are no numbers, or ``threads`` is out of range.

    GIL: released when that pays (above 16 MiB together), held otherwise.
    """
    return _numeric.absdiff_mean(a, b, threads)
