"""The counts of objects that cross a line: the results of a LineCounter."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from .._check import attribute_hints
from .._results.circles import Circles
from .._results.detections import Detections
from .crossing import Crossing, Point, with_class_names

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
        end: The same.
        forward: Number of crossings to the right, as seen from ``start`` towards ``end``: downwards for a
            line drawn from left to right.
        backward: Number of crossings in the other direction.
        by_class: (forward, backward) by the class's name, or by its class_id as a string where it has none;
            empty for circles.
        crossings: The crossings since the consumer's previous sample, in their order: found with this sample,
            and with samples that its edge has dropped since. Each consumer gets every crossing once.
        tracks: The tracker's result, from which the counts were made.
    """

    start: Point
    end: Point
    forward: int
    backward: int
    by_class: Mapping[str, tuple[int, int]]
    crossings: tuple[Crossing, ...]
    tracks: Circles | Detections = field(repr=False, metadata=_UNRECORDED)

    def __post_init__(self) -> None:
        object.__setattr__(self, "crossings", with_class_names(self.crossings, self.tracks))

    if not TYPE_CHECKING:  # type checkers could not find a misspelt attribute
        __getattr__ = attribute_hints(_MEANT_OF_LINE)
