"""Sums of NumPy data, see freshframe.numeric."""



def sum(x: object, compensated: bool, threads: object) -> float | int:
    """
    See freshframe.numeric.sum.

    GIL: released above 16 MiB, held otherwise.
    """

def mean(x: object | None, compensated: bool, threads: object | None) -> float:
    """
    See freshframe.numeric.mean.

    GIL: released above 16 MiB, held otherwise.
    """

def absdiff_mean(a: object | None, b: object | None, threads: object | None) -> float:
    """
    See freshframe.numeric.absdiff_mean.

    GIL: released above 16 MiB, held otherwise.
    """
