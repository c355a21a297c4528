"""LineCounts: the results of a LineCounter."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from .._check import attribute_hints
from .._results.circles import Circles
from .._results.detections import Detections
from .crossing import Crossing, Point

_MEANT_OF_LINE = {
    "in_count": "crossings in each direction are forward and backward",
    "out_count": "crossings in each direction are forward and backward",
    "count": "crossings in each direction are forward and backward",
    "classes": "crossings by class are by_class",
}


_UNRECORDED = {"recorded": False}  # JsonLines and Csv leave the field out


@dataclass(frozen=True, slots=True, eq=False)
class LineCounts:
    """The crossings of a line since the start. Compares by identity.

    Attributes:
        start: (x, y) in pixels, in the coordinates of the tracks.
        end: (x, y) of the other end.
        forward: Number of crossings to the right, looking from ``start`` towards ``end``: downwards for a
            line from left to right.
        backward: Number of crossings in the other direction.
        by_class: (forward, backward) by class name, or by class_id as a string for classes without a name;
            empty for circles.
        crossings: The crossings since the consumer's previous sample, in order, including those of samples
            that its edge dropped in between. Each consumer gets every crossing exactly once.
        tracks: The tracker's result that was counted.
    """

    start: Point
    end: Point
    forward: int
    backward: int
    by_class: Mapping[str, tuple[int, int]]
    crossings: tuple[Crossing, ...]
    tracks: Circles | Detections = field(repr=False, metadata=_UNRECORDED)

    if not TYPE_CHECKING:  # otherwise type checkers would not report misspelt attributes
        __getattr__ = attribute_hints(_MEANT_OF_LINE)
