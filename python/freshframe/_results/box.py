"""Box: one element of Detections."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from .._check import attribute_hints
from .columns import listed, listed_rows, listed_tracks

if TYPE_CHECKING:
    from .detections import Detections


_MEANT = {  # attribute names of Ultralytics and supervision
    "id": "its identity is tracker_id",
    "ids": "its identity is tracker_id",
    "name": "the name of its class is class_name",
    "label": "the name of its class is class_name",
    "cls": "its class is class_id, and class_name",
    "conf": "it is confidence",
    "score": "it is confidence",
    "xywh": "the middle is center, the sides are width and height",
    "age": "it is track_age",
}


@dataclass(frozen=True, slots=True)
class Box:
    """One box of Detections: ``x1, y1, x2, y2 = box``.

    Attributes:
        x1: Left edge in pixels; (0, 0) is the outer corner of the top left pixel.
        y1: Upper edge.
        x2: Right edge, exclusive.
        y2: Lower edge, exclusive.
        confidence: The detector's confidence in this frame, 0 to 1.
        class_id: Index of its class.
        class_name: The name of its class, or ``class_id`` as a string if the class has no name; None if there
            are no names.
        tracker_id: Stable across frames, from 1. It and the next three are None unless there is a tracker
            upstream.
        velocity: (x, y) in pixels per second, x to the right, y downwards.
        track_age: Seconds since the object was first seen.
        track_confidence: Weighted mean of its confidences, 0 to 1.
        data: The entries of additional columns by name; arrays for columns with several numbers per box.
            Ignored when boxes are compared.
    """

    x1: float
    y1: float
    x2: float
    y2: float
    confidence: float = 1.0
    class_id: int = 0
    class_name: str | None = None
    tracker_id: int | None = None
    velocity: tuple[float, float] | None = None
    track_age: float | None = None
    track_confidence: float | None = None
    data: Mapping[str, Any] = field(default_factory=dict, compare=False)

    if not TYPE_CHECKING:  # otherwise type checkers would not report misspelt attributes
        __getattr__ = attribute_hints(_MEANT)

    @property
    def xyxy(self) -> tuple[float, float, float, float]:
        """(x1, y1, x2, y2)."""
        return self.x1, self.y1, self.x2, self.y2

    @property
    def center(self) -> tuple[float, float]:
        """(x, y)."""
        return (self.x1 + self.x2) / 2, (self.y1 + self.y2) / 2

    @property
    def width(self) -> float:
        """Width in pixels."""
        return self.x2 - self.x1

    @property
    def height(self) -> float:
        """Height in pixels."""
        return self.y2 - self.y1

    @property
    def area(self) -> float:
        """Area in square pixels."""
        return self.width * self.height

    def __iter__(self) -> Iterator[float]:
        """Iterates over x1, y1, x2, y2."""
        return iter((self.x1, self.y1, self.x2, self.y2))


def iterate_boxes(found: Detections) -> Iterator[Box]:
    """Yields the boxes with Python numbers. All columns are converted to lists first, which is faster."""
    n = len(found)
    columns = [column.tolist() if column.ndim == 1 else column for column in found.data.values()]
    data = [dict(zip(found.data, row, strict=True)) for row in zip(*columns, strict=True)]
    return map(
        Box,
        *listed_rows(found.xyxy),
        found.confidence.tolist(),
        found.class_id.tolist(),
        listed(found.class_name, n),
        *listed_tracks(found),
        data or [{} for _ in range(n)],
    )
