"""One circle, and one box: the elements of Circles and Detections."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from .._check import attribute_hints

if TYPE_CHECKING:
    from .results import Circles, Detections


_MEANT = {  # names of Ultralytics and supervision
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
_MEANT_OF_CIRCLE = {
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
        __getattr__ = attribute_hints(_MEANT_OF_CIRCLE)

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


@dataclass(frozen=True, slots=True)
class Box:
    """One box of Detections: ``x1, y1, x2, y2 = box``.

    Attributes:
        x1: Left edge in pixels, from the outer corner of the top left pixel.
        y1: Upper edge.
        x2: Right edge, exclusive.
        y2: Lower edge, exclusive.
        confidence: 0 to 1: the detector's, in this frame.
        class_id: The number of its class.
        class_name: The name of its class, or ``class_id`` as a text where it has none; None without names.
        tracker_id: Stable over frames, from 1; None before a tracker, as are the next three.
        velocity: Pixels per second: to the right, downwards.
        track_age: Seconds since the object was first seen.
        track_confidence: 0 to 1: weighted mean of its confidences.
        data: The entries of the further columns, by name; an array where a column has several numbers per
            box. Boxes that differ only in these are equal.
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

    if not TYPE_CHECKING:  # type checkers could not find a misspelt attribute
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
        """Pixels."""
        return self.x2 - self.x1

    @property
    def height(self) -> float:
        """Pixels."""
        return self.y2 - self.y1

    @property
    def area(self) -> float:
        """Square pixels."""
        return self.width * self.height

    def __iter__(self) -> Iterator[float]:
        """The left, upper, right and lower edge."""
        return iter((self.x1, self.y1, self.x2, self.y2))


def circles_of(found: Circles) -> Iterator[Circle]:
    """The elements, with Python's own numbers. The columns become lists at once."""
    return map(Circle, *_columns(found.xyr), found.confidence.tolist(), *_tracks(found))


def boxes_of(found: Detections) -> Iterator[Box]:
    """The elements, with Python's own numbers. The columns become lists at once."""
    n = len(found)
    columns = [column.tolist() if column.ndim == 1 else column for column in found.data.values()]
    data = [dict(zip(found.data, row, strict=True)) for row in zip(*columns, strict=True)]
    return map(
        Box,
        *_columns(found.xyxy),
        found.confidence.tolist(),
        found.class_id.tolist(),
        _listed(found.class_name, n),
        *_tracks(found),
        data or [{} for _ in range(n)],
    )


def _columns(rows: npt.NDArray[np.float32]) -> list[list[float]]:
    columns: list[list[float]] = rows.T.tolist()
    return columns


def _tracks(found: Circles | Detections) -> list[list[Any]]:
    n = len(found)
    velocity = [None] * n if found.velocity is None else list(map(tuple, found.velocity.tolist()))
    rest = (_listed(found.track_age, n), _listed(found.track_confidence, n))
    return [_listed(found.tracker_id, n), velocity, *rest]


def _listed(column: npt.NDArray[Any] | None, n: int) -> list[Any]:
    return [None] * n if column is None else list(column.tolist())
