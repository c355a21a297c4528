"""Native work of `freshframe lab`; not for other programs."""

from typing import Annotated

import numpy
from numpy.typing import NDArray


def fibonacci(n: int, release: bool) -> int:
    """
    The n-th Fibonacci number modulo 2**64, one addition after the other.

    GIL: released when told so.
    """

def compute(seconds: float, release: bool) -> None:
    """
    Keeps a core busy for so many seconds of CPU time, at most 60.

    GIL: released when told so.
    """

def wait(seconds: float, release: bool) -> None:
    """
    Waits for a device that needs so many seconds, at most 60.

    GIL: released when told so.
    """

def sum(values: Annotated[NDArray[numpy.float64], dict(shape=(None,), order='C', device='cpu', writable=False)], release: bool) -> float:
    """
    Adds float64 values one after the other, in one accumulator.

    GIL: released when told so.
    """

def call_held(n: int, seconds: float, computes: bool) -> int:
    """Sums 0 to n - 1, then waits or computes for so long."""

def call_guarded(n: int, seconds: float, computes: bool) -> int:
    """
    The same, without the GIL from beginning to end.

    GIL: released.
    """

def call_scoped(n: int, seconds: float, computes: bool) -> int:
    """
    The same, without the GIL in the second part.

    GIL: released.
    """

def gil_waits(most: int, period: float, limit: float) -> list[float]:
    """
    How long a native thread waits for the GIL each time, in seconds.

    It asks every `period` seconds, at most `most` times, and not again after `limit` seconds.

    GIL: released.
    """
