"""One circle, the element of Circles."""

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
        x: Centre in pixels, from the centre of the top left pixel.
        y: The same, downwards.
        r: Radius in pixels.
        confidence: 0 to 1: the detector's, in this frame.
        tracker_id: Stable over frames, from 1; None before a tracker, as are all that follow.
        velocity: Pixels per second: to the right, downwards.
        track_age: Seconds since the circle was first seen.
        track_confidence: 0 to 1: weighted mean of the circle's confidences.
    """

    x: float
    y: float
    r: float
    confidence: float = 1.0
    tracker_id: int | None = None
    velocity: tuple[float, float] | None = None
    track_age: float | None = None
    track_confidence: float | None = None

    if not TYPE_CHECKING:  # type checkers could not find a misspelt attribute
        __getattr__ = attribute_hints(_MEANT)

    @property
    def center(self) -> tuple[float, float]:
        """(x, y)."""
        return self.x, self.y

    @property
    def area(self) -> float:
        """Square pixels."""
        return math.pi * self.r * self.r

    def __iter__(self) -> Iterator[float]:
        """The centre's x and y, and the radius."""
        return iter((self.x, self.y, self.r))


def iterate_circles(found: Circles) -> Iterator[Circle]:
    """The elements, with Python's own numbers. The columns become lists at once."""
    return map(Circle, *listed_rows(found.xyr), found.confidence.tolist(), *listed_tracks(found))
