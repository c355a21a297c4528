"""Native work of `freshframe lab`; not for other programs."""

from typing import Annotated

import numpy
from numpy.typing import NDArray


def fibonacci(n: int, release: bool) -> int:
    """
    The n-th Fibonacci number modulo 2**64, one addition after the other.

    GIL: released if `release` is true.
    """

def compute(seconds: float, release: bool) -> None:
    """
    Keeps a core busy for `seconds` of CPU time, at most 60.

    GIL: released if `release` is true.
    """

def wait(seconds: float, release: bool) -> None:
    """
    Waits for a device that needs `seconds`, at most 60.

    GIL: released if `release` is true.
    """

def sum(values: Annotated[NDArray[numpy.float64], dict(shape=(None,), order='C', device='cpu', writable=False)], release: bool) -> float:
    """
    Adds float64 values one after the other, in one accumulator.

    GIL: released if `release` is true.
    """

def call_held(n: int, seconds: float, computes: bool) -> int:
    """Sums 0 to n - 1, then waits or computes for `seconds`."""

def call_guarded(n: int, seconds: float, computes: bool) -> int:
    """
    Does the work of call_held() without the GIL.

    GIL: released.
    """

def call_scoped(n: int, seconds: float, computes: bool) -> int:
    """
    Does the work of call_held(), the second part without the GIL.

    GIL: released.
    """

def gil_waits(most: int, period: float, limit: float) -> list[float]:
    """
    The times for which a native thread waits for the GIL, in seconds.

    The thread requests the GIL every `period` seconds, at most `most` times, and not again after `limit` seconds.

    GIL: released.
    """

def context_switches(seconds: float, one_core: bool) -> list[float]:
    """
    Seconds from a native thread to another that waits in the kernel, each a mean of 200 switches.

    Two threads hand a byte to and fro through pipes for `seconds`, on one core or on any.

    GIL: released.
    """
