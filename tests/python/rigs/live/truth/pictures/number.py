"""The number in an image's pixels: 32 large cells, black or white, in each of four bands.

An image whose bands disagree is torn, so reading the number also checks that the image is whole. Reading
requires only the standard library, because the program of another library may run in a Python without NumPy.
"""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

from collections.abc import Iterator

BANDS, ROWS, COLUMNS = 4, 2, 16
BITS = ROWS * COLUMNS
MOST = 1 << 20  # a code that decodes to a larger number is invalid
BLACK, WHITE = 48, 208
THRESHOLD = (BLACK + WHITE) // 2
# Knuth's multiplier (The Art of Computer Programming, 6.4), so that cells in every row change from one number
# to the next.
SPREAD = 2654435761
GATHER = pow(SPREAD, -1, 1 << BITS)


def make_bits(number: int) -> list[bool]:
    """Returns the cells of a band, row by row."""
    code = (number + 1) * SPREAD % (1 << BITS)
    return [bool(code >> place & 1) for place in reversed(range(BITS))]


def cells(width: int, height: int) -> Iterator[tuple[int, int, int, int, int]]:
    """Yields bit, left, top, right and bottom of every cell of an image of this size."""
    for band in range(BANDS):
        for row in range(ROWS):
            line = band * ROWS + row
            top, bottom = (at * height // (BANDS * ROWS) for at in (line, line + 1))
            for column in range(COLUMNS):
                left, right = (at * width // COLUMNS for at in (column, column + 1))
                yield row * COLUMNS + column, left, top, right, bottom


def read_number(luma: memoryview | bytes, width: int, height: int, stride: int) -> int | None:
    """Returns the number of an image, or None if it is torn or has no number.

    Args:
        luma: Bytes of the luma plane.
        width: In pixels.
        height: In pixels.
        stride: Bytes from one row to the next.
    """
    bands = [0] * BANDS
    for count, (bit, left, top, right, bottom) in enumerate(cells(width, height)):
        across, down = (right - left) // 4, (bottom - top) // 4
        x, y = (left + right) // 2, (top + bottom) // 2
        places = ((x, y), (x - across, y - down), (x + across, y - down), (x - across, y + down))
        bright = sum(luma[b * stride + a] for a, b in places) // len(places)
        bands[count // BITS] |= (bright > THRESHOLD) << (BITS - 1 - bit)
    number = (bands[0] * GATHER - 1) % (1 << BITS)
    return number if number < MOST and len(set(bands)) == 1 else None
