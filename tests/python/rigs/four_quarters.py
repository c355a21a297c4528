"""An image whose quarters have different colours, so that a rotation shows."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Pixels = npt.NDArray[np.uint8]
COLOURS = {"red": (230, 20, 20), "green": (20, 200, 40), "blue": (30, 40, 220), "white": (240, 240, 240)}
UPRIGHT = (("red", "green"), ("blue", "white"))


def paint(_: int, width: int, height: int) -> Pixels:
    """Returns the image, (height, width, 3) uint8 RGB."""
    pixels = np.zeros((height, width, 3), np.uint8)
    for row, names in enumerate(UPRIGHT):
        for column, name in enumerate(names):
            rows = slice(row * height // 2, (row + 1) * height // 2)
            columns = slice(column * width // 2, (column + 1) * width // 2)
            pixels[rows, columns] = COLOURS[name]
    return pixels


def see(pixels: Any) -> tuple[tuple[str, str], tuple[str, str]]:
    """Returns the colours of the quarters of an (H, W, 3) RGB image, row by row."""
    height, width = pixels.shape[:2]

    def name(y: int, x: int) -> str:
        middle = pixels[(2 * y + 1) * height // 4, (2 * x + 1) * width // 4].astype(int)
        return min(COLOURS, key=lambda each: np.abs(middle - COLOURS[each]).sum())

    return (name(0, 0), name(0, 1)), (name(1, 0), name(1, 1))


def after(degrees: int) -> tuple[tuple[str, ...], ...]:
    """Returns what see() returns for the image rotated clockwise."""
    rotated = np.rot90(np.array(UPRIGHT), -degrees // 90)
    return tuple(tuple(str(each) for each in row) for row in rotated)
