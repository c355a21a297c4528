"""Letters for pictures: a bitmap alphabet of 5 x 7 points, drawn for this file."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

HEIGHT = 7
ADVANCE = 6

# Rows from top to bottom, one hexadecimal pair each; the lowest five bits are the points, left to right.
_ROWS = {
    "A": "0e11111f111111", "B": "1e11111e11111e", "C": "0e11101010110e", "D": "1e11111111111e",
    "E": "1f10101e10101f", "F": "1f10101e101010", "G": "0e11101713110f", "H": "1111111f111111",
    "I": "0e04040404040e", "J": "0702020202120c", "K": "11121418141211", "L": "1010101010101f",
    "M": "111b1515111111", "N": "11191915131311", "O": "0e11111111110e", "P": "1e11111e101010",
    "Q": "0e11111115120d", "R": "1e11111e141211", "S": "0f10100e01011e", "T": "1f040404040404",
    "U": "1111111111110e", "V": "11111111110a04", "W": "111111151515 0a".replace(" ", ""),
    "X": "11110a040a1111", "Y": "11110a04040404", "Z": "1f01020408101f",
    "0": "0e11131519110e", "1": "040c040404040e", "2": "0e11010204081f", "3": "1f02040201110e",
    "4": "02060a121f0202", "5": "1f101e0101110e", "6": "0608101e11110e", "7": "1f010204080808",
    "8": "0e11110e11110e", "9": "0e11110f01020c", ".": "00000000000c0c", ",": "000000000c0408",
    ":": "000c0c000c0c00", "-": "0000001f000000", "/": "00010204081000", "%": "18190204081303",
}  # fmt: skip


def write(picture: npt.NDArray[np.uint8], text: str, x: int, y: int, colour: Any, size: int = 2) -> None:
    """Writes text into a picture, in capitals; what does not fit is cut off.

    Args:
        picture: (H, W, 3) uint8.
        text: Characters that are not in the alphabet become gaps.
        x: Left edge, pixels.
        y: Top edge, pixels.
        colour: Three numbers.
        size: Pixels per point.
    """
    for place, letter in enumerate(text.upper()):
        rows = bytes.fromhex(_ROWS.get(letter, "00" * HEIGHT))
        points = np.array([[row >> (4 - column) & 1 for column in range(5)] for row in rows], bool)
        points = points.repeat(size, axis=0).repeat(size, axis=1)
        left = x + place * ADVANCE * size
        target = picture[y : y + points.shape[0], left : left + points.shape[1]]
        target[points[: target.shape[0], : target.shape[1]]] = colour
