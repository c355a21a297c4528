"""Noise images in every pixel format."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.uint8]

SHAPES = {
    "gray": (48, 64),
    "bgr": (48, 64, 3),
    "rgb": (48, 64, 3),
    "nv12": (72, 64),
    "i420": (72, 64),
    "i422": (96, 64),
    "i444": (3, 48, 64),
}

FORMATS: list[Any] = list(SHAPES)


def noise(format_: str, seed: int = 1) -> Array:
    return np.random.default_rng(seed).integers(0, 256, SHAPES[format_], np.uint8)
