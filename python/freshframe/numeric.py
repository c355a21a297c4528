"""Exact or nearly exact sums and means of NumPy data, without a copy, while other Python threads run.

The functions take NumPy arrays and any object with the buffer protocol (``memoryview``, ``array.array``,
``bytes``, ``bytearray``, ``mmap``). The type must be ``float64``, ``float32``, ``bool``, or signed or
unsigned integers of 8 to 64 bits in native byte order. It may have any number of axes, any strides
(transposed, reversed, every second row, broadcast) and any alignment, and may be read-only. Nothing is
copied.

Anything else raises OptionTypeError, whose message describes the argument: lists, because making an array of
one is a copy that should be visible in your program; single numbers; ``float16``, ``longdouble``,
``complex``, other byte orders, structured and object arrays; masked arrays, because their mask would be
ignored; subclasses of ``ndarray`` other than ``matrix`` and ``memmap``, because their numbers may have
another meaning. ``numpy.asarray(x)`` converts most of them. For a frame, pass a plane: ``frame.luma``.

Sums of integers and booleans are exact. Floating-point numbers (``float32`` as ``float64``) are added in 16
lanes. The rounding errors of the additions are added up separately, and lanes and blocks are added pairwise.
The result is the exact sum, rounded once, unless positive and negative numbers cancel to less than about
1e-15 of their size, or 1e-30 with ``compensated=True``. (TwoSum: D. E. Knuth 1969. Sums with their errors: T.
Ogita, S. M. Rump, S. Oishi, "Accurate sum and dot product", SIAM J. Sci. Comput. 26, 2005, Sum2 by default
and SumK with K = 3 when compensated; the fast computation of the errors: Rump, Ogita, Oishi, "Accurate
floating-point summation part I", SIAM J. Sci. Comput. 31, 2008.) Infinities and NaN give the same result as
in NumPy. A sum of finite numbers is infinite only if it is itself beyond the range of ``float``, not if only
a partial sum is.

The result does not depend on ``threads``, on the processor, or on the layout: an array, its transpose and its
reversal have the same sum to the last bit.

A call holds a reference to the array until it returns. Other threads may delete or rebind the array's last
name in the meantime, and ``resize()`` raises. ``resize(refcheck=False)`` during a call is undefined
behaviour, as it is for NumPy's own functions. If a thread writes into the array during a call, the result is
the sum of a mixture of old and new numbers.

The GIL is released when the call takes about a millisecond or more (16 MiB in one piece, a million scattered
numbers). Shorter calls hold it, because a thread that has released the GIL waits up to 5 ms to get it back
from a busy thread.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import TYPE_CHECKING, Any, overload

from . import _check
from ._interpreter import calls as _calls
from ._interpreter import parts

if TYPE_CHECKING:
    import array
    import mmap

    import numpy as np
    import numpy.typing as npt

    from . import _numeric

    _Floats = npt.NDArray[np.float64] | npt.NDArray[np.float32]
    _Integers = npt.NDArray[np.integer[Any]] | npt.NDArray[np.bool_] | bytes | bytearray | mmap.mmap
    _Buffer = memoryview | array.array[Any]
else:
    _numeric = parts.native("_numeric")

__all__ = ["absdiff_mean", "mean", "sum"]


@overload
def sum(x: _Floats, *, compensated: bool = ..., threads: int = ...) -> float: ...
@overload
def sum(x: _Integers, *, compensated: bool = ..., threads: int = ...) -> int: ...
@overload
def sum(x: _Buffer, *, compensated: bool = ..., threads: int = ...) -> float | int: ...
def sum(x: Any, *, compensated: bool = False, threads: int = 1) -> float | int:
    """Returns the sum of all numbers.

    Args:
        x: An array or buffer of any shape and layout; see the module for the types.
        compensated: Also compute an accurate sum where the numbers cancel almost completely. For data in
            memory this is as fast or nearly as fast; for data in the cache it takes up to three times
            as long. It has no effect on integers.
        threads: Maximum number of threads to use, including the calling one: 1 to 1024. At most one per
            megabyte is used. The result does not depend on it.

    Returns:
        A ``float`` for ``float64`` and ``float32``. An ``int`` for integers, which never overflows, and for
        booleans, whose sum is the number of True values. 0 if there are no numbers.

    Raises:
        OptionTypeError: ``x`` has another type. The message lists the accepted types and describes ``x``.
        OptionError: ``threads`` is out of range.

    GIL: released above 16 MiB, held otherwise.
    """
    return _numeric.sum(x, _check.flag("compensated", compensated), threads)


def mean(x: _Floats | _Integers | _Buffer, *, compensated: bool = False, threads: int = 1) -> float:
    """Returns the mean of all numbers: the exact sum (see ``sum``), divided, and rounded once.

    Args:
        x: An array or buffer of any shape and layout; see the module for the types.
        compensated: As for ``sum``.
        threads: As for ``sum``.

    Returns:
        The mean; for booleans the fraction of True values.

    Raises:
        OptionTypeError: ``x`` has another type. The message lists the accepted types and describes ``x``.
        OptionError: There are no numbers (NumPy gives NaN and a warning), or ``threads`` is out of range.

    GIL: released above 16 MiB, held otherwise.
    """
    return _numeric.mean(x, _check.flag("compensated", compensated), threads)


def absdiff_mean(
    a: _Floats | _Integers | _Buffer, b: _Floats | _Integers | _Buffer, *, threads: int = 1
) -> float:
    """Returns the mean of ``|a - b|``: how much two images differ, such as the luma planes of two frames.

    Integers are subtracted and added exactly (nothing overflows at 0 or 255), and the mean is rounded once.
    Booleans differ by 0 or 1. The two arrays may have different layouts.

    Args:
        a: An array or buffer; see the module for the types.
        b: Another of the same type and shape.
        threads: As for ``sum``.

    Returns:
        The mean, in the unit of the numbers.

    Raises:
        OptionTypeError: An argument has another type, or their types differ.
        OptionError: Their shapes differ, there are no numbers, or ``threads`` is out of range.

    GIL: released above 16 MiB in total, held otherwise.
    """
    return _numeric.absdiff_mean(a, b, threads)


_calls.explain(__all__, globals())
