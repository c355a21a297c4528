"""Circle: one element of Circles."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .._check import attribute_hints
from .columns import listed_rows, listed_tracks

if TYPE_CHECKING:
    from .circles import Circles


_MEANT = {
    "id": "its identity is tracker_id",
    "radius": "it is r",
    "conf": "it is confidence",
    "age": "it is track_age",
}


@dataclass(frozen=True, slots=True)
class Circle:
    """One circle of Circles: ``x, y, r = circle``.

    Attributes:
        x: X of the centre in pixels; (0, 0) is the centre of the top left pixel.
        y: Y of the centre in pixels, downwards.
        r: Radius in pixels.
        confidence: The detector's confidence in this frame, 0 to 1.
        tracker_id: Stable across frames, from 1. It and the following are None unless there is a tracker
            upstream.
        velocity: (x, y) in pixels per second, x to the right, y downwards.
        track_age: Seconds since the circle was first seen.
        track_confidence: Weighted mean of its confidences, 0 to 1.
    """

    x: float
    y: float
    r: float
    confidence: float = 1.0
    tracker_id: int | None = None
    velocity: tuple[float, float] | None = None
    track_age: float | None = None
    track_confidence: float | None = None

    if not TYPE_CHECKING:  # otherwise type checkers would not report misspelt attributes
        __getattr__ = attribute_hints(_MEANT)

    @property
    def center(self) -> tuple[float, float]:
        """(x, y)."""
        return self.x, self.y

    @property
    def area(self) -> float:
        """Area in square pixels."""
        return math.pi * self.r * self.r

    def __iter__(self) -> Iterator[float]:
        """Iterates over x, y, r."""
        return iter((self.x, self.y, self.r))


def iterate_circles(found: Circles) -> Iterator[Circle]:
    """Yields the circles with Python numbers. All columns are converted to lists first, which is faster."""
    return map(Circle, *listed_rows(found.xyr), found.confidence.tolist(), *listed_tracks(found))
