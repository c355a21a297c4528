"""Random arrays of every dtype, and their exact sums."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]

INTEGERS = ["bool", "uint8", "uint16", "uint32", "uint64", "int8", "int16", "int32", "int64"]

RANDOM = np.random.default_rng(1)


def numbers(dtype: str, shape: int | tuple[int, ...]) -> Array:
    """Returns random numbers over the whole range of an integer dtype, or floats of both signs."""
    if dtype == "bool":
        return RANDOM.integers(0, 2, shape).astype(bool)
    if dtype.startswith("float"):
        return RANDOM.standard_normal(shape).astype(dtype)
    limits = np.iinfo(dtype)
    return RANDOM.integers(limits.min, limits.max, shape, dtype=dtype, endpoint=True)


def exactly(x: Array) -> float | int:
    """Returns the exact sum."""
    return math.fsum(x.ravel().tolist()) if x.dtype.kind == "f" else sum(x.ravel().tolist())
